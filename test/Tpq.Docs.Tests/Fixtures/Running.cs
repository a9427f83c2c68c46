namespace Tpq.Docs.Tests.Fixtures;

static class Running
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits until an example has got somewhere, or has ended.</summary>
    /// <param name="run">The example.</param>
    /// <param name="isTrue">Looks at the database.</param>
    /// <param name="stop">Ends the wait when it never gets there.</param>
    public static async Task UntilAsync(this Task run, Func<Task<bool>> isTrue, CancellationToken stop)
    {
        while (!run.IsCompleted && !await isTrue())
        {
            // An example runs as it is printed, and tells nobody how far it is. The deadline decides, the interval does not.
            await Task.Delay(Interval, stop);
        }
    }
}
