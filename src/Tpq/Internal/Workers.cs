namespace Tpq.Internal;

/// <summary>What consumers of all kinds have in common: so many workers side by side, who stop together, and whose handlers then have a grace.</summary>
static class Workers
{
    /// <param name="client">The client.</param>
    /// <param name="queues">The queues.</param>
    /// <param name="options">The grace.</param>
    /// <param name="count">How many workers.</param>
    /// <param name="work">
    /// One worker, until the first token is cancelled; what it starts ends when the second one is. It may throw what cannot be gone on with: then all stop.
    /// </param>
    /// <param name="stop">Stops them.</param>
    public static async Task RunAsync(
        TpqClient client, IReadOnlyList<QueueState> queues, TpqConsumeOptions options, int count, Func<CancellationToken, CancellationToken, Task> work, CancellationToken stop)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var graceIsOver = new CancellationTokenSource(Timeout.InfiniteTimeSpan, client.Time);
        TimeSpan grace = options.Grace;
        // The clock of the grace starts with the stop.
        using CancellationTokenRegistration registration = stopping.Token.UnsafeRegister(_ => graceIsOver.CancelAfter(grace), null);
        string names = string.Join(", ", queues.Select(static q => q.Name.Queue));
        client.Logger.ConsumerStarted(names);
        // A queue may be paused, and it is not to be found out after the first message. But another consumer may hold the only connection.
        foreach (QueueState queue in client.MaxPoolSize > 1 ? queues : [])
            await ((Task)queue.Later.BringAsync(stop)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Task[] workers = [.. Enumerable.Range(0, count).Select(_ => WorkAsync())];
        await Task.WhenAll(workers).ConfigureAwait(false);
        client.Logger.ConsumerStopped(names);

        async Task WorkAsync()
        {
            // A handler that blocks its thread holds up no other worker's start.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            try
            {
                await work(stopping.Token, graceIsOver.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                // Stopped while waiting or pausing.
            }
            catch
            {
                await stopping.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }
}
