using System.Data;
using Npgsql;
using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>The leases of one queue: claims them and ends them; <see cref="HeldLeases"/> keeps them meanwhile.</summary>
/// <remarks>
/// <para>A leased message has left the queue's table for its companion, where it lies with a number and with the time at which the lease runs out. If it
/// is still there when its time has come, it is moved back like anything that is due (see <see cref="Later"/>), with one attempt more. So an expiry needs nothing of its own.</para>
/// <para>The number is the fence. Everything that a holder does names the message and the number; when the message has been moved back, or has been
/// leased again, there is no such row, and he is told that his lease is lost. As the row is locked by whoever deletes or moves it, there is no
/// moment at which both the holder and the mover have it.</para>
/// </remarks>
sealed class Leases(QueueState queue, TpqClient client)
{
    /// <summary>Messages of one statement.</summary>
    public const int MostAtOnce = 1000;

    readonly HeldLeases _held = new(queue, client);

    /// <summary>How many are held.</summary>
    public int Held => _held.Count;

    /// <summary>Takes messages and leases them, in one transaction.</summary>
    public async Task<TpqLeaseBatch?> ClaimAsync(int max, TimeSpan duration, bool toTheEnd, CancellationToken cancellationToken)
    {
        var lease = Guid.NewGuid();
        long began = 0;
        List<TpqMessage> found = await Take.RunAsync(queue, max, toTheEnd, TakeIn.Own, async statement =>
        {
            for (int stalePlans = 0; ; stalePlans++)
            {
                began = client.Time.GetTimestamp();
                try
                {
                    return await ExecuteAsync(statement, cancellationToken).ConfigureAwait(false);
                }
                catch (PostgresException e) when (stalePlans < Fault.MostStalePlans && Fault.IsStalePlan(e))
                {
                }
            }
        }, (duration, lease)).ConfigureAwait(false);
        if (found.Count == 0)
            return null;
        LeaseHold[] holds = [.. found.Select(message => new LeaseHold(message, lease, duration, began))];
        _held.Keep(holds);
        queue.Later.Expect(duration);
        return new TpqLeaseBatch(this, holds);
    }

    /// <summary>Removes the messages, all or none, in a transaction of their own.</summary>
    public Task CompleteAsync(LeaseHold[] holds, CancellationToken cancellationToken) => EndAsync(holds, "complete", async () =>
    {
        OwnTransaction own = await OwnTransaction.BeginAsync(client, cancellationToken).ConfigureAwait(false);
        await using var _ = own.ConfigureAwait(false);
        await DeleteAsync(own.Connection, holds, cancellationToken).ConfigureAwait(false);
        await own.CommitAsync(CancellationToken.None).ConfigureAwait(false);
    });

    /// <summary>Removes the messages in the caller's transaction.</summary>
    public Task CompleteAsync(LeaseHold[] holds, NpgsqlTransaction transaction, CancellationToken cancellationToken)
    {
        if (transaction.HasCompleted() || transaction.Connection is not { } connection)
            throw new InvalidOperationException("The transaction has ended.");
        if (transaction.IsolationLevel is not (IsolationLevel.ReadCommitted or IsolationLevel.ReadUncommitted))
            throw new InvalidOperationException(
                $"A lease cannot be completed in a transaction that is {transaction.IsolationLevel}: its snapshot does not show whether the lease was lost. Use READ COMMITTED.");
        return EndAsync(holds, "complete", async () =>
        {
            await DeleteAsync(connection, holds, cancellationToken).ConfigureAwait(false);
            foreach (LeaseHold hold in holds)
                hold.IsSettledByCaller = true;
        });
    }

    /// <summary>Holds on to what was completed in a caller's transaction, if that was rolled back and the lease has not run out.</summary>
    public async Task TakeBackAsync(LeaseHold hold)
    {
        if (!hold.IsSettledByCaller)
            return;
        try
        {
            NpgsqlConnection connection = await client.OpenOwnAsync(CancellationToken.None).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            var command = new NpgsqlCommand(queue.Sql.StillLeased, connection) { Parameters = { LeaseParameters.Ids([hold]), LeaseParameters.Numbers([hold]) } };
            await using var __ = command.ConfigureAwait(false);
            if (await command.ExecuteScalarAsync(CancellationToken.None).ConfigureAwait(false) is null)
                return;
        }
        catch (NpgsqlException)
        {
            // Nobody knows; if it is there, the lease runs out.
            return;
        }
        hold.IsSettledByCaller = false;
        _held.Keep([hold]);
    }

    public Task RetryAsync(LeaseHold hold, TimeSpan delay, string? error, CancellationToken cancellationToken) =>
        EndAsync([hold], "retry", () =>
        {
            byte[]? headers = DeadLetters.WithError(hold.Message.Utf8Headers, error);
            NpgsqlBatchCommand put = Of(queue.Sql.RetryLeased, hold);
            put.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = delay });
            put.Parameters.Add(new NpgsqlParameter { Value = headers is null ? DBNull.Value : headers, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Json });
            return RunAsync(put, hold, cancellationToken);
        });

    public Task DeadLetterAsync(LeaseHold hold, int attempts, string error, CancellationToken cancellationToken) => EndAsync([hold], "dead_letter", async () =>
    {
        QueueState dead;
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
            dead = await DeadLetters.QueueAsync(client, connection, queue, cancellationToken).ConfigureAwait(false);
        NpgsqlBatchCommand bury = Of(dead.Sql.BuryLeased(queue.Name), hold);
        bury.Parameters.Add(new NpgsqlParameter<string> { TypedValue = DeadLetters.BeginHeaders(queue, hold.Message, attempts, error) });
        try
        {
            await RunAsync(bury, hold, cancellationToken).ConfigureAwait(false);
        }
        catch (PostgresException e)
        {
            DeadLetters.ThrowTranslated(e, queue, dead, client.Database);
            throw;
        }
    });

    /// <summary>Gives back what is still held. Whatever goes wrong, the leases run out.</summary>
    public async Task ReleaseAsync(LeaseHold[] holds)
    {
        LeaseHold[] held = _held.LetGoOfUnsettled(holds);
        try
        {
            foreach (LeaseHold[] some in held.Chunk(MostAtOnce))
            {
                var release = new NpgsqlBatchCommand(queue.Sql.ReleaseLeased) { Parameters = { LeaseParameters.Ids(some), LeaseParameters.Numbers(some) } };
                await client.OwnConnections.RunAsync(release, CancellationToken.None).ConfigureAwait(false);
            }
            if (held.Length > 0)
                await queue.Later.AskedAsync().ConfigureAwait(false);
        }
        catch (Exception)
        {
            // They are not renewed any more.
        }
    }

    /// <summary>Has the holds settled by a statement; they are held on if it fails, and gone if they are lost.</summary>
    async Task EndAsync(LeaseHold[] holds, string name, Func<Task> end)
    {
        client.ThrowIfDisposed();
        _held.LetGo(holds);
        using Operation? settle = Operation.BeginSettle(queue, name, [.. holds.Select(static h => h.Message)]);
        try
        {
            await end().ConfigureAwait(false);
            settle?.Succeeded();
        }
        catch (TpqLeaseLostException e)
        {
            settle?.Failed(e);
            // Of several, the others are still this holder's.
            _held.Keep([.. holds.Where(static h => !h.IsLost)]);
            throw;
        }
        catch (Exception e)
        {
            settle?.Failed(e);
            _held.Keep(holds);
            if (e is PostgresException server && Fault.IsMissingTable(server) && !await IsThereAsync().ConfigureAwait(false))
                throw new TpqQueueNotFoundException(queue.Name.Queue, client.Database, e);
            Fault.ThrowTranslated(e, queue, client.Database);
            throw;
        }
    }

    /// <summary>Whether there is the queue's own table, of which the statements about leases know nothing.</summary>
    async Task<bool> IsThereAsync()
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(CancellationToken.None).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var command = new NpgsqlCommand(queue.Sql.Exists, connection);
        await using var __ = command.ConfigureAwait(false);
        return await command.ExecuteScalarAsync(CancellationToken.None).ConfigureAwait(false) is true;
    }

    async Task DeleteAsync(NpgsqlConnection connection, LeaseHold[] holds, CancellationToken cancellationToken)
    {
        var delete = new NpgsqlCommand(queue.Sql.CompleteLeased, connection) { CommandTimeout = 0 };
        await using var _ = delete.ConfigureAwait(false);
        delete.Parameters.Add(LeaseParameters.Ids(holds));
        delete.Parameters.Add(LeaseParameters.Numbers(holds));
        var done = new HashSet<long>();
        NpgsqlDataReader reader = await delete.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                done.Add(reader.GetInt64(0));
        }
        LeaseHold[] lost = [.. holds.Where(h => !done.Contains(h.Message.Id))];
        foreach (LeaseHold hold in lost)
            hold.Lose();
        if (lost.Length > 0)
            throw new TpqLeaseLostException(queue.Name.Queue, lost[0].Message.Id);
    }

    async Task RunAsync(NpgsqlBatchCommand statement, LeaseHold hold, CancellationToken cancellationToken)
    {
        if (await client.OwnConnections.RunAsync(statement, cancellationToken).ConfigureAwait(false) != 0)
            return;
        hold.Lose();
        throw new TpqLeaseLostException(queue.Name.Queue, hold.Message.Id);
    }

    async Task<List<TpqMessage>> ExecuteAsync(TakeStatement statement, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        NpgsqlBatch batch = connection.CreateBatch();
        await using var __ = batch.ConfigureAwait(false);
        batch.Timeout = 0;
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Begin));
        statement.AddTo(batch);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.CommitGuard));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Sql.Commit));
        using var watch = new CommitWatch(connection);
        await client.Statements.PrepareAsync(batch, cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        NpgsqlDataReader reader = await batch.ExecuteReaderAsync(CancellationToken.None).ConfigureAwait(false);
        List<TpqMessage> found;
        await using (reader.ConfigureAwait(false))
        {
            found = await statement.ReadAsync(reader, CancellationToken.None).ConfigureAwait(false);
            // An error at COMMIT shows only behind the last result.
            while (await reader.NextResultAsync(CancellationToken.None).ConfigureAwait(false))
            {
            }
        }
        watch.ThrowIfOutcomeUnknown();
        return found;
    }

    static NpgsqlBatchCommand Of(string sql, LeaseHold hold) => new(sql)
    {
        Parameters = { new NpgsqlParameter<long> { TypedValue = hold.Message.Id }, new NpgsqlParameter<Guid> { TypedValue = hold.Lease } },
    };
}
