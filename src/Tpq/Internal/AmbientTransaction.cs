using System.Transactions;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The TransactionScope around a call. A put joins it, on a connection that the driver enlists. A take does not: its delivery and the scope
/// would both own the commit.
/// </summary>
sealed class AmbientTransaction(TpqClient client)
{
    /// <summary>Null where there is none, or the connection string says Enlist=false.</summary>
    public static AmbientTransaction? Find(TpqClient client) =>
        Transaction.Current is not null && client.Enlists ? new AmbientTransaction(client) : null;

    /// <exception cref="InvalidOperationException">There is a TransactionScope around the call.</exception>
    public static void Refuse(string what)
    {
        if (Transaction.Current is not null)
            throw new InvalidOperationException(
                $"{what} takes messages in a transaction of its own and cannot join the TransactionScope around it, because both would own the commit. "
                + "Take with In(transaction) in a transaction of your own, or outside the scope.");
    }

    public async Task<long> PutAsync(QueueState queue, CheckedPut put, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return await CallersTransaction.PutAsync(client, connection, queue, put, cancellationToken).ConfigureAwait(false);
    }

    public async Task<T> RunGuardedAsync<T>(QueueState queue, Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return await CallersTransaction.RunGuardedAsync(connection, queue, () => work(connection)).ConfigureAwait(false);
    }
}
