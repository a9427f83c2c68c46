using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Tpq.Internal;

/// <summary>Before any service of the host starts: creates the queues that are to be, and looks whether those that are consumed are there.</summary>
sealed class QueuesAtStart(TpqClient client, Registrations registrations, IOptionsMonitor<TpqQueueOptions> options)
    : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach ((string name, Registrations.Queue registration) in registrations.Queues)
        {
            TpqQueue queue = client.Queue(name);
            try
            {
                if (registration.IsCreated)
                    await queue.CreateAsync(options.Get(name), cancellationToken).ConfigureAwait(false);
                else if (registration.IsConsumed)
                    await queue.PeekAsync(1, cancellationToken).ConfigureAwait(false);
            }
            catch (TpqQueueNotFoundException)
            {
                client.Logger.QueueMissing(name);
                throw;
            }
            catch (PostgresException e)
            {
                client.Logger.QueueRefused(name, e.MessageText);
                throw;
            }
            catch (NpgsqlException e)
            {
                throw new TpqException($"The host cannot start, because the database of queue \"{name}\" is not reached: {e.Message}", e);
            }
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
