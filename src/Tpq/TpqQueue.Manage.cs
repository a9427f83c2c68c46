using Npgsql;
using Tpq.Internal;

namespace Tpq;

/// <content>Looking after a queue. Every method here runs in a transaction of its own, also inside a TransactionScope.</content>
public sealed partial class TpqQueue
{
    /// <summary>Creates the queue, with its companion table for what is not ready. An existing queue is left exactly as it is.</summary>
    /// <param name="options">What is chosen at creation; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">Cancels it; then nothing is created.</param>
    /// <returns>Whether it was created; <see langword="false"/> when it was there.</returns>
    /// <remarks>Any number of these at once, and of upgrades and drops, are safe: an advisory lock in the transaction makes them take turns.</remarks>
    /// <exception cref="TpqException">There is a table of that name, or of its companion's, which is something else; or a table is in use for longer than 10 seconds.</exception>
    /// <exception cref="PostgresException">The server reported an error: a missing privilege or schema, say.</exception>
    public Task<bool> CreateAsync(TpqQueueOptions? options = null, CancellationToken cancellationToken = default) => TranslatedAsync(
        () => new SchemaChange(Client, _state.Name).CreateAsync(options ?? new TpqQueueOptions(), cancellationToken));

    /// <summary>The DDL that <see cref="CreateAsync"/> would run for a queue that is not there, for migration tools. No I/O.</summary>
    /// <param name="options">What is chosen at creation; <see langword="null"/> for the defaults.</param>
    /// <returns>Plain statements, each ended by a semicolon. The trigger function is shared by the queues of a schema; making it again changes nothing.</returns>
    public string CreateScript(TpqQueueOptions? options = null) => new SchemaScript(_state.Name).Create(options ?? new TpqQueueOptions());

    /// <summary>Adds what a queue made by the Python tpq or an older version lacks, in place, keeping every message. Its triggers are left alone.</summary>
    /// <returns>Whether anything was missing.</returns>
    /// <remarks>
    /// Reads the catalog first and changes only what is missing: so it waits for nobody where there is nothing to do. Messages that are there
    /// already get the moment of the upgrade as the time at which they were put. A waiting change lets others pass after 200 ms and tries again.
    /// </remarks>
    /// <exception cref="TpqException">The table is not a queue, or is in use for longer than 10 seconds; the message names by whom.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="PostgresException">The server reported an error: the role does not own the table, say.</exception>
    public Task<bool> UpgradeAsync(CancellationToken cancellationToken = default) => TranslatedAsync(
        () => new SchemaChange(Client, _state.Name).UpgradeAsync(cancellationToken));

    /// <summary>Whether there is a table of that name which is a queue, made by whichever version.</summary>
    public Task<bool> ExistsAsync(CancellationToken cancellationToken = default) => TranslatedAsync(async () =>
    {
        NpgsqlConnection connection = await Client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return (await Catalog.ReadAsync(connection, _state.Name, cancellationToken).ConfigureAwait(false)).IsQueue;
    });

    /// <summary>
    /// Drops the queue with all its messages, its companion table, and its trigger's function if no other queue uses it. The dead letter queue, a queue of its own, is left.
    /// </summary>
    /// <exception cref="TpqException">The table is not a queue, or is in use for longer than 10 seconds; the message names by whom.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="PostgresException">The server reported an error: the role does not own the table, say.</exception>
    public Task DropAsync(CancellationToken cancellationToken = default) => TranslatedAsync(
        () => new SchemaChange(Client, _state.Name).DropAsync(cancellationToken));

    /// <summary>How many messages are ready, those included that a consumer has in hand. Reads every row and locks none.</summary>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    public Task<long> CountAsync(CancellationToken cancellationToken = default) => TranslatedAsync(async () =>
    {
        NpgsqlConnection connection = await Client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var command = new NpgsqlCommand(Sql.Count, connection) { CommandTimeout = 0 };
        await using var __ = command.ConfigureAwait(false);
        return (long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    });

    /// <summary>Removes the ready messages, skipping those that a consumer has in hand.</summary>
    /// <returns>How many were removed.</returns>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="TpqException">The table is not a queue.</exception>
    public Task<long> ClearAsync(CancellationToken cancellationToken = default) =>
        RemoveAsync(new NpgsqlBatchCommand(Sql.Clear), orElse: null, cancellationToken);

    /// <summary>Removes a message by its id, if it is ready or delayed: so it cancels what is to be delivered later.</summary>
    /// <returns>Whether it was removed; <see langword="false"/> when there is none with that id, or a consumer has it in hand.</returns>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="TpqException">The table is not a queue.</exception>
    public async Task<bool> DeleteAsync(long id, CancellationToken cancellationToken = default)
    {
        return await RemoveAsync(Of(Sql.Delete), orElse: Of(Sql.DeleteLater), cancellationToken).ConfigureAwait(false) > 0;

        NpgsqlBatchCommand Of(string sql) => new(sql) { Parameters = { new NpgsqlParameter<long> { TypedValue = id } } };
    }

    /// <summary>Looks at the first messages in line without taking or locking them.</summary>
    /// <param name="max">How many at most; at least 1.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="max"/> is less than 1.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    public Task<IReadOnlyList<TpqPeeked>> PeekAsync(int max = 1, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        return TranslatedAsync<IReadOnlyList<TpqPeeked>>(async () =>
        {
            NpgsqlConnection connection = await Client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            var command = new NpgsqlCommand(Sql.Peek, connection);
            await using var __ = command.ConfigureAwait(false);
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = max });
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using var ___ = reader.ConfigureAwait(false);
            var peeked = new List<TpqPeeked>();
            var columns = new MessageColumns(reader);
            int taken = reader.GetOrdinal("taken");
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                peeked.Add(new TpqPeeked(columns.Read(reader, Name), reader.GetBoolean(taken)));
            return peeked;
        });
    }

    /// <summary>Moves ready messages to the end of another queue of the same database, in order, in one transaction. They get new ids.</summary>
    /// <param name="target">The other queue. Headers and the time of the put go along where both tables have a column for them; attempts start at 0.</param>
    /// <param name="max">How many at most, from the front; <see langword="null"/> (default) for all. Messages in the hands of a consumer are skipped.</param>
    /// <param name="cancellationToken">Cancels it until COMMIT is sent; then nothing is moved.</param>
    /// <returns>How many were moved.</returns>
    /// <exception cref="ArgumentException"><paramref name="target"/> is this queue, or one of another client.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="max"/> is less than 1.</exception>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="TpqException">This queue's messages may have headers, and the target, made by the Python tpq, has no column for them.</exception>
    public Task<long> MoveToAsync(TpqQueue target, long? max = null, CancellationToken cancellationToken = default)
    {
        CheckTarget(target);
        if (max is { } given)
            ArgumentOutOfRangeException.ThrowIfLessThan(given, 1, nameof(max));
        return TranslatedAsync(() => Move.ManyAsync(Client, _state, target._state, max, cancellationToken));
    }

    /// <summary>As <see cref="MoveToAsync"/>, the one message with this id; 0 where there is none in line, or it is in hand.</summary>
    internal Task<long> MoveOneToAsync(TpqQueue target, long id, CancellationToken cancellationToken)
    {
        CheckTarget(target);
        return TranslatedAsync(() => Move.OneAsync(Client, _state, target._state, id, cancellationToken));
    }

    void CheckTarget(TpqQueue target)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (target.Client != Client)
            throw new ArgumentException("Messages are moved in one transaction, so both queues must be of the same client.", nameof(target));
        if (target.Name == Name)
            throw new ArgumentException($"Queue \"{Name}\" cannot be moved to itself.", nameof(target));
    }

    /// <summary>
    /// Pauses the queue: all consumers of all processes (<c>ConsumeAsync</c> and its kin, and <c>tpq consume --follow</c>) finish what they have in hand and take nothing more, until
    /// <see cref="ResumeAsync"/>. Puts go on, and a single <see cref="GetAsync"/> gets what is there.
    /// </summary>
    /// <param name="cancellationToken">Cancels it until it is sent.</param>
    /// <returns>Whether it was not paused before.</returns>
    /// <remarks>
    /// It outlives every process. Consumers hear of it at once where they listen, and within a second where notifications cannot be relied upon; a consumer that is
    /// busy sees it within 100 ms or, where another one sleeps, is told too. It costs no statement for each message.
    /// </remarks>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="TpqException">The queue was made by the Python tpq and not upgraded.</exception>
    public Task<bool> PauseAsync(CancellationToken cancellationToken = default) => SwitchAsync(Sql.Pause, cancellationToken);

    /// <summary>Ends what <see cref="PauseAsync"/> has begun.</summary>
    /// <param name="cancellationToken">Cancels it until it is sent.</param>
    /// <returns>Whether it was paused before.</returns>
    /// <exception cref="TpqQueueNotFoundException">There is no such queue.</exception>
    /// <exception cref="TpqException">The queue was made by the Python tpq and not upgraded.</exception>
    public Task<bool> ResumeAsync(CancellationToken cancellationToken = default) => SwitchAsync(Sql.Resume, cancellationToken);

    Task<bool> SwitchAsync(string sql, CancellationToken cancellationToken) => TranslatedAsync(async () =>
        await Client.OwnConnections.RunAsync(new NpgsqlBatchCommand(sql), cancellationToken).ConfigureAwait(false) == 1);

    /// <param name="statement">What removes.</param>
    /// <param name="orElse">What removes from the companion, where there is one and the first has found nothing.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    Task<long> RemoveAsync(NpgsqlBatchCommand statement, NpgsqlBatchCommand? orElse, CancellationToken cancellationToken) => TranslatedAsync(async () =>
    {
        OwnTransaction own = await OwnTransaction.BeginAsync(Client, cancellationToken).ConfigureAwait(false);
        await using var _ = own.ConfigureAwait(false);
        Catalog catalog = await Catalog.ReadAsync(own.Connection, _state.Name, cancellationToken).ConfigureAwait(false);
        catalog.ThrowIfNotQueue(_state.Name, Client.Database);
        long rows = await own.ExecuteAsync(statement, cancellationToken).ConfigureAwait(false);
        if (rows == 0 && orElse is not null && catalog.HasLater)
            rows = await own.ExecuteAsync(orElse, cancellationToken).ConfigureAwait(false);
        await own.CommitAsync(cancellationToken).ConfigureAwait(false);
        return rows;
    });
}
