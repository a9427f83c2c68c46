using System.Globalization;
using Npgsql;

namespace Tpq.Internal;

/// <summary>Create, upgrade and drop. Each is one transaction that looks at the catalog first and changes only what it must.</summary>
/// <remarks>
/// <para>They take turns by an advisory lock, so any number at once are safe. (A Python tpq takes no part in that: if it creates the same
/// queue at the same moment, this side sees a duplicate, and looks again.)</para>
/// <para>DDL wants a table lock that waits behind every message in hand, and every put and take waits behind the waiting DDL. So it waits for
/// 200 ms at most, lets the others pass, and tries again, for 10 seconds in all. Even ADD COLUMN IF NOT EXISTS takes its lock before it finds
/// that there is nothing to do, hence the look at the catalog.</para>
/// </remarks>
sealed class SchemaChange(TpqClient client, QueueName name)
{
    /// <summary>The advisory lock by which they take turns. Any role may take one; this is ours by being a number that nobody else uses.</summary>
    const long Turn = 5715380217463920831;

    static readonly string TakeTurns = string.Create(CultureInfo.InvariantCulture,
        $"SET LOCAL lock_timeout = '10s'; SELECT pg_advisory_xact_lock({Turn}); SET LOCAL lock_timeout = '200ms'");

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10), Pause = TimeSpan.FromMilliseconds(300);

    public async Task<bool> CreateAsync(TpqQueueOptions options, CancellationToken cancellationToken)
    {
        bool created = await RunAsync("create", async (connection, catalog) =>
        {
            if (catalog.IsTable)
            {
                catalog.ThrowIfNotQueue(name, client.Database);
                return false;
            }
            catalog.ThrowIfLaterIsSomethingElse(name);
            await ExecuteAsync(connection, new SchemaScript(name).Create(options, !catalog.HasLater, !catalog.HasRing), cancellationToken)
                .ConfigureAwait(false);
            return true;
        }, cancellationToken).ConfigureAwait(false);
        if (created)
            client.Logger.Created(name.Queue);
        return created;
    }

    /// <summary>Creates it in the schema in which another queue is, which the search path may have led to.</summary>
    public async Task CreateBesideAsync(QueueName other, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        Catalog catalog = await Catalog.ReadAsync(connection, other, cancellationToken).ConfigureAwait(false);
        catalog.ThrowIfNotQueue(other, client.Database);
        await new SchemaChange(client, name.In(catalog.Schema)).CreateAsync(new TpqQueueOptions(), cancellationToken).ConfigureAwait(false);
    }

    public Task<bool> UpgradeAsync(CancellationToken cancellationToken) => RunAsync("upgrade", async (connection, catalog) =>
    {
        catalog.ThrowIfNotQueue(name, client.Database);
        catalog.ThrowIfLaterIsSomethingElse(name);
        IReadOnlyList<(string Step, string Sql)> steps = new SchemaScript(name.In(catalog.Schema)).Upgrade(catalog);
        foreach ((_, string sql) in steps)
            await ExecuteAsync(connection, sql, cancellationToken).ConfigureAwait(false);
        if (steps.Count > 0)
            client.Logger.Upgraded(name.Queue, string.Join(", ", steps.Select(s => s.Step)));
        return steps.Count > 0;
    }, cancellationToken);

    public Task<bool> DropAsync(CancellationToken cancellationToken) => RunAsync("drop", async (connection, catalog) =>
    {
        catalog.ThrowIfNotQueue(name, client.Database);
        List<(uint Oid, string Function)> functions = await RingFunctionsAsync(connection, cancellationToken).ConfigureAwait(false);
        QueueName found = name.In(catalog.Schema);
        await ExecuteAsync(connection, $"DROP TABLE {found.Table}", cancellationToken).ConfigureAwait(false);
        if (catalog.HasLater)
            await ExecuteAsync(connection, $"DROP TABLE {found.Later}", cancellationToken).ConfigureAwait(false);
        foreach ((uint oid, string function) in functions)
        {
            if (!await IsUsedAsync(connection, oid, cancellationToken).ConfigureAwait(false))
                await ExecuteAsync(connection, $"DROP FUNCTION {function}", cancellationToken).ConfigureAwait(false);
        }
        client.Logger.Dropped(name.Queue);
        return true;
    }, cancellationToken);

    async Task<bool> RunAsync(string what, Func<NpgsqlConnection, Catalog, Task<bool>> change, CancellationToken cancellationToken)
    {
        long start = client.Time.GetTimestamp();
        while (true)
        {
            PostgresException busy;
            OwnTransaction own = await OwnTransaction.BeginAsync(client, cancellationToken).ConfigureAwait(false);
            await using (own.ConfigureAwait(false))
            {
                try
                {
                    await ExecuteAsync(own.Connection, TakeTurns, cancellationToken).ConfigureAwait(false);
                    Catalog catalog = await Catalog.ReadAsync(own.Connection, name, cancellationToken).ConfigureAwait(false);
                    bool changed = await change(own.Connection, catalog).ConfigureAwait(false);
                    await own.CommitAsync(cancellationToken).ConfigureAwait(false);
                    return changed;
                }
                catch (PostgresException e) when (MayPass(e))
                {
                    busy = e;
                }
            }
            if (client.Time.GetElapsedTime(start) >= Patience)
                throw await BlockedAsync(what, busy, cancellationToken).ConfigureAwait(false);
            client.Logger.SchemaBusy(name.Queue);
            await Task.Delay(Pause, client.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The table is in use, or somebody who takes no turns has just made the same thing.</summary>
    static bool MayPass(PostgresException e) => e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DuplicateTable
        or PostgresErrorCodes.DuplicateFunction or PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DeadlockDetected;

    async Task<TpqException> BlockedAsync(string what, PostgresException error, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var command = new NpgsqlCommand(CatalogSql.Blockers, connection);
        await using var __ = command.ConfigureAwait(false);
        command.Parameters.Add(new() { Value = name.Table });
        command.Parameters.Add(new() { Value = name.Later });
        command.Parameters.Add(new() { Value = Turn });
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var ___ = reader.ConfigureAwait(false);
        var blockers = new List<string>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            string process = reader.IsDBNull(0) ? "a prepared transaction" : string.Create(CultureInfo.InvariantCulture, $"process {reader.GetInt32(0)}");
            string since = reader.IsDBNull(3) ? "" : string.Create(CultureInfo.InvariantCulture, $", since {reader.GetDateTime(3):HH:mm:ss} UTC");
            blockers.Add($"{process} (application \"{reader.GetString(1)}\", {reader.GetString(2)}{since})");
        }
        string who = blockers.Count == 0 ? "transactions that have ended meanwhile" : string.Join(", ", blockers);
        return new TpqException(
            $"Could not {what} queue \"{name.Queue}\": its table was in use for {Patience.TotalSeconds:0} s by {who}. Nothing was changed. "
            + "Stop its consumers or end those transactions, and try again.", error);
    }

    async Task<List<(uint Oid, string Function)>> RingFunctionsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(CatalogSql.RingFunctions, connection);
        await using var _ = command.ConfigureAwait(false);
        command.Parameters.Add(new() { Value = name.Table });
        NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        var functions = new List<(uint, string)>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            functions.Add((reader.GetFieldValue<uint>(0), reader.GetString(1)));
        return functions;
    }

    static async Task<bool> IsUsedAsync(NpgsqlConnection connection, uint function, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(CatalogSql.IsFunctionUsed, connection);
        await using var _ = command.ConfigureAwait(false);
        command.Parameters.Add(new() { Value = function, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid });
        return (bool)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        // lock_timeout bounds the waits; what is not a wait may take its time.
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await using var _ = command.ConfigureAwait(false);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
