using System.Transactions;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// The TransactionScope around a call. A put joins it, on a connection that the driver enlists. A take does not: its delivery and the scope
/// would both own the commit.
/// </summary>
sealed class AmbientTransaction
{
    readonly TpqClient _client;
    readonly Transaction _transaction;

    AmbientTransaction(TpqClient client, Transaction transaction)
    {
        _client = client;
        _transaction = transaction;
    }

    /// <summary>Null where there is none, or the connection string says Enlist=false.</summary>
    public static AmbientTransaction? Find(TpqClient client) =>
        Transaction.Current is { } transaction && client.Enlists ? new AmbientTransaction(client, transaction) : null;

    /// <exception cref="InvalidOperationException">There is a TransactionScope around the call.</exception>
    public static void Refuse(string what)
    {
        if (Transaction.Current is not null)
            throw new InvalidOperationException(
                $"{what} takes messages in a transaction of its own and cannot join the TransactionScope around it, because both would own the commit. "
                + "Take with In(transaction) in a transaction of your own, or outside the scope.");
    }

    public async Task<T> RunAsync<T>(
        QueueState queue, NpgsqlBatchCommand statement, Func<NpgsqlDataReader, Task<T>> read, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return await CallersTransaction.RunAsync(connection, queue, Isolation, statement, read, cancellationToken).ConfigureAwait(false);
    }

    public async Task<T> RunGuardedAsync<T>(QueueState queue, Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return await CallersTransaction.RunGuardedAsync(connection, queue, () => work(connection)).ConfigureAwait(false);
    }

    System.Data.IsolationLevel Isolation => _transaction.IsolationLevel switch
    {
        IsolationLevel.ReadCommitted => System.Data.IsolationLevel.ReadCommitted,
        IsolationLevel.ReadUncommitted => System.Data.IsolationLevel.ReadUncommitted,
        _ => System.Data.IsolationLevel.Serializable,
    };

    async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        // What the server says at the end of a scope with two connections reaches the caller from the scope's own Dispose; the log explains.
        _transaction.TransactionCompleted += (_, e) =>
        {
            if (e.Transaction?.TransactionInformation.Status == TransactionStatus.Aborted)
                _client.Logger.ScopeAborted();
        };
        return await _client.DataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
    }
}
