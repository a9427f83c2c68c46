using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace Tpq.Internal;

/// <summary>The leases that this client holds in one queue: they are renewed until they are settled, and their holders are told when one is lost.</summary>
/// <remarks>
/// All leases are renewed together, in one statement for many, at a third of their time. It skips rows that are locked, for a completion in
/// the caller's transaction may keep one locked for long; one that is skipped is not lost. A lease that could not be renewed is lost by the clock of this process when its time is over, counted from
/// before the last statement that set it was sent: the server's time can only be later.
/// </remarks>
[SuppressMessage("Reliability", "CA1001:Types that own disposable fields should be disposable", Justification = "The source has no timer and no handle.")]
sealed class HeldLeases(QueueState queue, TpqClient client)
{
    static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    readonly Lock _gate = new();
    readonly HashSet<LeaseHold> _held = [];
    Task? _renewing;
    CancellationTokenSource _changed = new();
    bool _isInTrouble;

    public int Count
    {
        get
        {
            lock (_gate)
                return _held.Count;
        }
    }

    /// <summary>They are to be settled, and are not renewed any more.</summary>
    /// <exception cref="TpqLeaseLostException">One of them is lost.</exception>
    /// <exception cref="InvalidOperationException">One of them was settled already.</exception>
    public void LetGo(LeaseHold[] holds)
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

    /// <summary>Lets go of those that are held and were not settled. Which these are.</summary>
    public LeaseHold[] LetGoOfUnsettled(LeaseHold[] holds)
    {
        lock (_gate)
        {
            LeaseHold[] held = [.. holds.Where(h => !h.IsSettled && _held.Remove(h))];
            foreach (LeaseHold hold in held)
                hold.IsSettled = true;
            return held;
        }
    }

    /// <summary>Renews them from now on, until they are let go of or lost.</summary>
    public void Keep(LeaseHold[] holds)
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

    async Task RenewAsync()
    {
        while (NextTurn() is var (wait, changed))
        {
            await Task.Delay(wait, client.Time, changed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            LoseWhatIsOver();
            if (client.Stopping.IsCancellationRequested)
                continue;
            foreach (LeaseHold[] some in Due().Chunk(Leases.MostAtOnce))
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
            NpgsqlBatchCommand renew = new(queue.Sql.RenewLeased) { Parameters = { LeaseParameters.Ids(holds), LeaseParameters.Numbers(holds), LeaseParameters.Durations(holds) } };
            batch.BatchCommands.Add(renew);
            batch.BatchCommands.Add(new NpgsqlBatchCommand(queue.Sql.StillLeased) { Parameters = { LeaseParameters.Ids(holds), LeaseParameters.Numbers(holds) } });
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
}
