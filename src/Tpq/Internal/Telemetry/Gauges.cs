using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tpq.Internal.Telemetry;

/// <summary>What is asked for at each collection: of the queues that this process uses.</summary>
/// <remarks>Depth and age are of the database. They cost one statement for each client, whatever the number of its queues, up to some hundreds, and none where nobody listens.</remarks>
static class Gauges
{
    static readonly ConcurrentDictionary<TpqClient, DatabaseGauge> Clients = [];

    /// <summary>With the first client, and not with the first message: a process that only watches is told of depth and age too.</summary>
    static Gauges()
    {
        Instruments.Meter.CreateObservableUpDownCounter("tpq.messages.in_flight", InFlight, "{message}", "How many messages this process has in hand, leased ones included.");
        Instruments.Meter.CreateObservableGauge("tpq.queue.depth", Depth, "{message}", "How many messages are ready in the database, those in hand included.");
        Instruments.Meter.CreateObservableGauge("tpq.queue.oldest_age", OldestAge, "s", "How long ago the first message in line was put.");
    }

    /// <summary>The client's queues are told of until it is disposed.</summary>
    public static void Add(TpqClient client) => Clients[client] = new DatabaseGauge(client);

    public static void Remove(TpqClient client) => Clients.TryRemove(client, out _);

    static IEnumerable<Measurement<long>> InFlight() =>
        Clients.Keys.SelectMany(static client => client.KnownQueues)
            .GroupBy(static queue => (queue.Server, queue.Name.Queue))
            .Select(static queues => new Measurement<long>(queues.Sum(static q => q.InHand), Tags(queues.First())));

    static IEnumerable<Measurement<long>> Depth() => Of(static queue => queue.Depth);

    static IEnumerable<Measurement<double>> OldestAge() => Of(static queue => queue.OldestAge);

    static IEnumerable<Measurement<T>> Of<T>(Func<QueueGauge, T> value)
        where T : struct =>
        from client in Clients
        let gauges = client.Value.Read()
        where gauges is not null
        from queue in client.Key.KnownQueues
        where gauges.ContainsKey(queue.Name.Queue)
        group new Measurement<T>(value(gauges[queue.Name.Queue]), Tags(queue)) by (queue.Server, queue.Name.Queue) into same
        select same.First();

    public static KeyValuePair<string, object?> Tag(string queue) => new("messaging.destination.name", queue);

    static TagList Tags(QueueState queue) => new TagList { Tag(queue.Name.Queue) }.With(queue.Server);
}
