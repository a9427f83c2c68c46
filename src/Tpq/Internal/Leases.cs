using System.Data;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Npgsql;

namespace Tpq.Internal;

/// <summary>The leases that this client holds in one queue: claims them, keeps them, ends them.</summary>
/// <remarks>
/// <para>A leased message has left the queue's table for its companion, where it lies with a number and with the time at which the lease runs out. If it
/// is still there when its time has come, it is moved back like anything that is due (see <see cref="Later"/>), with one attempt more. So an expiry needs nothing of its own.</para>
/// <para>The number is the fence. Everything that a holder does names the message and the number; when the message has been moved back, or has been
/// leased again, there is no such row, and he is told that his lease is lost. As the row is locked by whoever deletes or moves it, there is no
/// moment at which both the holder and the mover have it.</para>
/// <para>All leases are renewed together, in one statement for many, at a third of their time. It skips rows that are locked, for a completion in
/// the caller's transaction may keep one locked for long; one that is skipped is not lost. A lease that could not be renewed is lost by the clock of this process when its time is over, counted from
/// before the last statement that set it was sent: the server's time can only be later.</para>
/// </remarks>
[SuppressMessage("Reliability", "CA1001:Types that own disposable fields should be disposable", Justification = "The source has no timer and no handle.")]
sealed class Leases(QueueState queue, TpqClient client)
{
    const int MostAtOnce = 1000;

    static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    readonly Lock _gate = new();
    readonly HashSet<LeaseHold> _held = [];
    Task? _renewing;
    CancellationTokenSource _changed = new();
    bool _isInTrouble;

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
        Keep(holds);
        queue.Later.Expect(duration);
        return new TpqLeaseBatch(this, holds);
    }

    /// <summary>Removes the messages, all or none, in a transaction of their own.</summary>
    public Task CompleteAsync(LeaseHold[] holds, CancellationToken cancellationToken) => EndAsync(holds, async () =>
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
        return EndAsync(holds, async () =>
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
            NpgsqlConnection connection = await client.DataSource.OpenOwnAsync(CancellationToken.None).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            var command = new NpgsqlCommand(queue.Sql.StillLeased, connection) { Parameters = { Ids([hold]), Numbers([hold]) } };
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
        Keep([hold]);
    }

    public Task RetryAsync(LeaseHold hold, TimeSpan delay, string? error, CancellationToken cancellationToken) =>
        EndAsync([hold], () =>
        {
            byte[]? headers = DeadLetters.WithError(hold.Message.Utf8Headers, error);
            NpgsqlBatchCommand put = Of(queue.Sql.RetryLeased, hold);
            put.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = delay });
            put.Parameters.Add(new NpgsqlParameter { Value = headers is null ? DBNull.Value : headers, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Json });
            return RunAsync(put, hold, cancellationToken);
        });

    public Task DeadLetterAsync(LeaseHold hold, int attempts, string error, CancellationToken cancellationToken) => EndAsync([hold], async () =>
    {
        QueueState dead;
        NpgsqlConnection connection = await client.DataSource.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
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
        LeaseHold[] held;
        lock (_gate)
        {
            held = [.. holds.Where(h => !h.IsSettled && _held.Remove(h))];
            foreach (LeaseHold hold in held)
                hold.IsSettled = true;
        }
        try
        {
            foreach (LeaseHold[] some in held.Chunk(MostAtOnce))
            {
                var release = new NpgsqlBatchCommand(queue.Sql.ReleaseLeased) { Parameters = { Ids(some), Numbers(some) } };
                await OwnTransaction.RunAsync(client, release, CancellationToken.None).ConfigureAwait(false);
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
    async Task EndAsync(LeaseHold[] holds, Func<Task> end)
    {
        client.ThrowIfDisposed();
        LetGo(holds);
        try
        {
            await end().ConfigureAwait(false);
        }
        catch (TpqLeaseLostException)
        {
            // Of several, the others are still this holder's.
            Keep([.. holds.Where(static h => !h.IsLost)]);
            throw;
        }
        catch (Exception e)
        {
            Keep(holds);
            if (e is PostgresException server && Fault.IsMissingTable(server) && !await IsThereAsync().ConfigureAwait(false))
                throw new TpqQueueNotFoundException(queue.Name.Queue, client.Database, e);
            Fault.ThrowTranslated(e, queue, client.Database);
            throw;
        }
    }

    /// <summary>Whether there is the queue's own table, of which the statements about leases know nothing.</summary>
    async Task<bool> IsThereAsync()
    {
        NpgsqlConnection connection = await client.DataSource.OpenOwnAsync(CancellationToken.None).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var command = new NpgsqlCommand(queue.Sql.Exists, connection);
        await using var __ = command.ConfigureAwait(false);
        return await command.ExecuteScalarAsync(CancellationToken.None).ConfigureAwait(false) is true;
    }

    /// <summary>They are not renewed any more.</summary>
    void LetGo(LeaseHold[] holds)
    {
        lock (_gate)
        {
            if (holds.FirstOrDefault(static h => h.IsLost) is { } lost)
                throw new TpqLeaseLostException(queue.Name.Queue, lost.Message.Id);
            if (holds.Length == 0 || holds.Any(static h => h.IsSettled))
                throw new InvalidOperationException("It was settled or given back already.");
            foreach (LeaseHold hold in holds)
            {
                hold.IsSettled = true;
                _held.Remove(hold);
            }
        }
    }

    void Keep(LeaseHold[] holds)
    {
        lock (_gate)
        {
            foreach (LeaseHold hold in holds)
            {
                hold.IsSettled = false;
                _held.Add(hold);
            }
            if (_held.Count == 0)
                return;
            if (_renewing is null)
            {
                // In nobody's flow.
                using (ExecutionContext.SuppressFlow())
                    _renewing = Task.Run(RenewAsync);
            }
            else
            {
                _changed.Cancel();
            }
        }
    }

    async Task DeleteAsync(NpgsqlConnection connection, LeaseHold[] holds, CancellationToken cancellationToken)
    {
        var delete = new NpgsqlCommand(queue.Sql.CompleteLeased, connection) { CommandTimeout = 0 };
        await using var _ = delete.ConfigureAwait(false);
        delete.Parameters.Add(Ids(holds));
        delete.Parameters.Add(Numbers(holds));
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
        if (await OwnTransaction.RunAsync(client, statement, cancellationToken).ConfigureAwait(false) != 0)
            return;
        hold.Lose();
        throw new TpqLeaseLostException(queue.Name.Queue, hold.Message.Id);
    }

    async Task<List<TpqMessage>> ExecuteAsync(TakeStatement statement, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await client.DataSource.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
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

    async Task RenewAsync()
    {
        while (NextTurn() is var (wait, changed))
        {
            await Task.Delay(wait, client.Time, changed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            LoseWhatIsOver();
            if (client.Stopping.IsCancellationRequested)
                continue;
            foreach (LeaseHold[] some in Due().Chunk(MostAtOnce))
                await RenewAsync(some).ConfigureAwait(false);
        }
    }

    /// <summary>How long until something has to be done; null when nothing is held.</summary>
    (TimeSpan Wait, CancellationToken Changed)? NextTurn()
    {
        lock (_gate)
        {
            if (_held.Count == 0)
            {
                _renewing = null;
                return null;
            }
            if (_changed.IsCancellationRequested)
                _changed = new CancellationTokenSource();
            TimeSpan wait = _held.Min(h => (IsOut(h) ? h.Duration : h.Duration / 3) - client.Time.GetElapsedTime(h.Confirmed));
            if (_isInTrouble && wait < Retry)
                wait = _held.Min(h => h.Duration - client.Time.GetElapsedTime(h.Confirmed)) is var left && left < Retry ? left : Retry;
            // Not more often than is of use, however short the leases are.
            TimeSpan least = TimeSpan.FromMilliseconds(5);
            return (wait < least ? least : wait, _changed.Token);
        }
    }

    /// <summary>Nothing renews what a client holds that was disposed.</summary>
    bool IsOut(LeaseHold hold) => client.Stopping.IsCancellationRequested || client.Time.GetElapsedTime(hold.Confirmed) >= hold.Duration;

    void LoseWhatIsOver()
    {
        LeaseHold[] over;
        lock (_gate)
        {
            over = [.. _held.Where(h => client.Time.GetElapsedTime(h.Confirmed) >= h.Duration)];
            _held.ExceptWith(over);
        }
        foreach (LeaseHold hold in over)
            hold.Lose();
    }

    /// <summary>Those at a third of their time, and those that are nearly so: they go along.</summary>
    LeaseHold[] Due()
    {
        lock (_gate)
        {
            return _held.Any(h => client.Time.GetElapsedTime(h.Confirmed) >= h.Duration / 3)
                ? [.. _held.Where(h => client.Time.GetElapsedTime(h.Confirmed) >= h.Duration / 4)]
                : [];
        }
    }

    async Task RenewAsync(LeaseHold[] holds)
    {
        long began = client.Time.GetTimestamp();
        HashSet<long> renewed = [], there = [];
        try
        {
            OwnTransaction own = await OwnTransaction.BeginAsync(client, client.Stopping).ConfigureAwait(false);
            await using var _ = own.ConfigureAwait(false);
            NpgsqlBatch batch = own.Connection.CreateBatch();
            await using var __ = batch.ConfigureAwait(false);
            NpgsqlBatchCommand renew = new(queue.Sql.RenewLeased) { Parameters = { Ids(holds), Numbers(holds), Durations(holds) } };
            batch.BatchCommands.Add(renew);
            batch.BatchCommands.Add(new NpgsqlBatchCommand(queue.Sql.StillLeased) { Parameters = { Ids(holds), Numbers(holds) } });
            NpgsqlDataReader reader = await batch.ExecuteReaderAsync(client.Stopping).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(client.Stopping).ConfigureAwait(false))
                    renewed.Add(reader.GetInt64(0));
                await reader.NextResultAsync(client.Stopping).ConfigureAwait(false);
                while (await reader.ReadAsync(client.Stopping).ConfigureAwait(false))
                    there.Add(reader.GetInt64(0));
            }
            await own.CommitAsync(client.Stopping).ConfigureAwait(false);
            _isInTrouble = false;
        }
        catch (Exception e)
        {
            if (!_isInTrouble && !client.Stopping.IsCancellationRequested)
                client.Logger.NotRenewed(e, queue.Name.Queue);
            _isInTrouble = true;
            return;
        }
        LeaseHold[] lost;
        lock (_gate)
        {
            foreach (LeaseHold hold in holds.Where(h => renewed.Contains(h.Message.Id)))
                hold.Confirmed = began;
            lost = [.. holds.Where(h => !there.Contains(h.Message.Id) && _held.Remove(h))];
        }
        foreach (LeaseHold hold in lost)
            hold.Lose();
    }

    static NpgsqlBatchCommand Of(string sql, LeaseHold hold) => new(sql)
    {
        Parameters = { new NpgsqlParameter<long> { TypedValue = hold.Message.Id }, new NpgsqlParameter<Guid> { TypedValue = hold.Lease } },
    };

    static NpgsqlParameter<string> Ids(LeaseHold[] holds) => ArrayText.Of(holds.Select(static h => h.Message.Id));

    static NpgsqlParameter<string> Numbers(LeaseHold[] holds) => ArrayText.Of(holds.Select(static h => h.Lease.ToString()));

    static NpgsqlParameter<string> Durations(LeaseHold[] holds) => ArrayText.Of(holds.Select(
        static h => string.Create(CultureInfo.InvariantCulture, $"{h.Duration.Ticks / TimeSpan.TicksPerMicrosecond} microseconds")));
}
