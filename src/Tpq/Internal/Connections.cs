using System.Runtime.CompilerServices;
using System.Transactions;
using Npgsql;

namespace Tpq.Internal;

static class Connections
{
    /// <summary>The oldest server that everything here is tested with.</summary>
    public const int OldestServer = 14;

    /// <summary>Opens a connection that takes no part in a TransactionScope around the call.</summary>
    /// <exception cref="TpqException">The server is too old.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<NpgsqlConnection> OpenOwnAsync(this TpqClient client, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await OpenAsync(client.DataSource, cancellationToken).ConfigureAwait(false);
        if (Refusal(connection.PostgreSqlVersion, connection.Host) is not { } refusal)
        {
            client.HasReachedDatabase = true;
            return connection;
        }
        await connection.DisposeAsync().ConfigureAwait(false);
        throw refusal;
    }

    /// <summary>Why a server of this version is not used; null where it is.</summary>
    public static TpqException? Refusal(Version server, string? host) => server.Major >= OldestServer ? null : new TpqException(
        $"The server on host \"{host}\" is PostgreSQL {server}; tpq needs PostgreSQL {OldestServer} or newer. Upgrade it, or use another server.");

    static ValueTask<NpgsqlConnection> OpenAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken) =>
        Transaction.Current is null ? dataSource.OpenConnectionAsync(cancellationToken) : OpenOutsideAsync(dataSource, cancellationToken);

    static async ValueTask<NpgsqlConnection> OpenOutsideAsync(NpgsqlDataSource dataSource, CancellationToken cancellationToken)
    {
        using var suppressed = new TransactionScope(TransactionScopeOption.Suppress, TransactionScopeAsyncFlowOption.Enabled);
        return await dataSource.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether it was committed, rolled back or disposed. The driver keeps that to itself, but for a property that throws.</summary>
    public static bool HasCompleted(this NpgsqlTransaction transaction)
    {
        try
        {
            _ = transaction.IsolationLevel;
            return false;
        }
        catch (InvalidOperationException)
        {
            return true;
        }
    }
}
