using Npgsql;

namespace Tpq.Chaos.Workers;

/// <summary>A producer or a consumer as a process of its own. It ends with its standard input, in order.</summary>
static class Worker
{
    public static async Task<int> RunAsync(Job job)
    {
        var settings = new NpgsqlConnectionStringBuilder(job.Database)
        {
            ApplicationName = Names.Application(Environment.ProcessId),
            // Faults are to be met, not waited for: a connection that is half open is given up.
            Timeout = 5,
            CommandTimeout = 10,
            KeepAlive = 2,
            CancellationTimeout = 1000,
            MaxPoolSize = 12,
        };
        using var stop = new CancellationTokenSource();
        Task stopping = StopAtEndOfInputAsync(stop);
        // A clock that jumps harms nobody: times are the server's.
        await using var client = new TpqClient(settings.ConnectionString, new TpqClientOptions { TimeProvider = new JumpingClock(job.Seed) });
        var consumer = new Consumer(client, job);
        try
        {
            await (job.IsProducer ? new Producer(client, job).RunAsync(stop.Token) : consumer.RunAsync(stop.Token));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped.
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"{job.Kind} {Environment.ProcessId} ended by itself after {consumer.Written} messages: {e.GetType().Name}: {e.Message}");
            return 1;
        }
        await stopping;
        return 0;
    }

    static async Task StopAtEndOfInputAsync(CancellationTokenSource stop)
    {
        // The console's reader blocks its thread, whatever it is called.
        await Task.Run(Console.In.ReadToEnd);
        await stop.CancelAsync();
    }
}
