using System.Runtime.CompilerServices;
using Npgsql;
using Tpq.Internal.Overview;

namespace Tpq.Internal;

/// <summary>Reads the overview once for all open pages, and only while there is one.</summary>
sealed class Sampler(TpqClient client, TimeSpan interval, CancellationToken stopping)
{
    public const string Unreachable = "The database cannot be reached.";

    /// <summary>How far back the charts go.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    /// <summary>A pause is so many times as long as what comes before it took.</summary>
    const int Share = 5;

    readonly Lock _gate = new();
    readonly OverviewReader _reader = new(client);
    readonly Rates _rates = new(Window);

    volatile Sample? _last;
    Task<Sample>? _reading;
    long _readAt;
    TimeSpan _took;

    /// <summary>Completed when there is a newer sample.</summary>
    TaskCompletionSource _next = NewSource();
    int _watchers;

    public TimeSpan Interval => interval;

    /// <summary>Each sample, from now on, until the page is closed or the application stops.</summary>
    public async IAsyncEnumerable<Sample> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Join();
        try
        {
            Sample sample = await CurrentAsync(cancellationToken);
            while (true)
            {
                yield return sample;
                Task next;
                lock (_gate)
                    next = _last!.Number > sample.Number ? Task.CompletedTask : _next.Task;
                await next.WaitAsync(cancellationToken);
                sample = _last!;
            }
        }
        finally
        {
            lock (_gate)
                _watchers--;
        }
    }

    /// <summary>A sample that is not older than the interval.</summary>
    public Task<Sample> CurrentAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_reading is not { IsCompleted: false } && _last is { } last && client.Time.GetElapsedTime(_readAt) < Pause)
                return Task.FromResult(last);
            if (_reading is not { IsCompleted: false })
                _reading = Task.Run(ReadAsync, stopping);
            return _reading.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Returns after a sample that was begun after this call: for who has just changed something.</summary>
    public Task RefreshAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            Task before = _reading ?? Task.CompletedTask;
            _reading = Task.Run(async () =>
            {
                await before;
                return await ReadAsync();
            }, stopping);
            return _reading.WaitAsync(cancellationToken);
        }
    }

    /// <summary>What the charts show of a queue, the oldest first.</summary>
    public IReadOnlyList<RateSample> HistoryOf(string queue)
    {
        lock (_gate)
            return [.. _rates.Of(queue)];
    }

    TimeSpan Pause => _took * Share > interval ? _took * Share : interval;

    void Join()
    {
        lock (_gate)
        {
            if (_watchers++ > 0)
                return;
        }
        _ = Task.Run(RunAsync, CancellationToken.None);
    }

    /// <summary>Until nobody watches any more. Should somebody come again meanwhile there are two for a moment, of which one finds the other's sample.</summary>
    async Task RunAsync()
    {
        try
        {
            while (IsWatched())
            {
                await CurrentAsync(stopping);
                await Task.Delay(Left(), client.Time, stopping);
            }
        }
        catch (OperationCanceledException)
        {
            // The application stops.
        }
    }

    TimeSpan Left()
    {
        lock (_gate)
        {
            TimeSpan left = Pause - client.Time.GetElapsedTime(_readAt);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    bool IsWatched()
    {
        lock (_gate)
            return _watchers > 0;
    }

    async Task<Sample> ReadAsync()
    {
        long began = client.Time.GetTimestamp();
        DatabaseOverview? overview = null;
        string? trouble = null;
        try
        {
            overview = await _reader.ReadAsync(stopping);
        }
        catch (PostgresException e) when (!Fault.IsConnectionLoss(e))
        {
            trouble = $"The queues cannot be read: {e.MessageText}.";
        }
        // Whatever it is: nobody awaits the loop, and open pages would go on to show old numbers as live ones.
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            trouble = e switch
            {
                TpqException => e.Message,
                NpgsqlException or TimeoutException or ObjectDisposedException => Unreachable,
                _ => $"The queues cannot be read: {e.Message}",
            };
        }
        return Publish(overview, trouble, client.Time.GetElapsedTime(began));
    }

    Sample Publish(DatabaseOverview? overview, string? trouble, TimeSpan took)
    {
        TaskCompletionSource completed;
        Sample sample;
        lock (_gate)
        {
            (_took, _readAt) = (took, client.Time.GetTimestamp());
            if (overview is not null)
                _rates.Add(overview);
            long number = (_last?.Number ?? 0) + 1;
            sample = overview is null
                ? new Sample(number, _last?.Overview, _last?.Rows ?? [], trouble)
                : new Sample(number, overview, [.. overview.Queues.Select(q => QueueJson.Of(q, overview, _rates.Now(q.Name)))], Trouble: null);
            _last = sample;
            (completed, _next) = (_next, NewSource());
        }
        completed.SetResult();
        return sample;
    }

    static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
