using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Tpq.Internal.Overview;

namespace Tpq.Internal;

/// <summary>Looks at the host's queues by one overview of them.</summary>
sealed class QueuesHealth(TpqClient client, Registrations registrations, TpqHealthOptions options) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        ICollection<string> names = options.Queues.Count > 0 ? options.Queues : registrations.Queues.Keys;
        HashSet<string> wanted = [.. names, .. names.Select(static n => n + DeadLetters.Suffix)];
        DatabaseOverview overview;
        try
        {
            overview = await new OverviewReader(client, wanted.Contains).ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or TpqException)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, $"The database of the queues is not reached: {e.Message}", e);
        }
        var missing = names.Where(n => overview.Find(n) is null).ToList();
        List<string> troubles = [.. names.Select(overview.Find).OfType<QueueOverview>().SelectMany(q => TroublesOf(q, overview))];
        if (client.Listener.Trouble is { } trouble)
            troubles.Add($"waiting consumers look once a second: {trouble}");
        Dictionary<string, object> data = DataOf(names, overview);
        if (missing.Count > 0)
            return new HealthCheckResult(context.Registration.FailureStatus, string.Join("; ", [.. missing.Select(static n =>
                $"there is no queue \"{n}\", or this role may not read it: create it (tpq create {n}), or grant SELECT"), .. troubles]), data: data);
        return troubles.Count > 0 ? HealthCheckResult.Degraded(string.Join("; ", troubles), data: data) : HealthCheckResult.Healthy(data: data);
    }

    IEnumerable<string> TroublesOf(QueueOverview queue, DatabaseOverview overview)
    {
        if (!queue.Statistics.HasEnqueuedAt || !queue.Statistics.HasLater)
            yield return $"queue \"{queue.Name}\" was made by the Python tpq or an older version, or its companion may not be read: tpq upgrade {queue.Name} adds what is missing";
        if (options.MaxOldestAge is { } age && queue.Oldest is { } oldest && overview.At - oldest > age)
            yield return string.Create(CultureInfo.InvariantCulture, $"the oldest message of queue \"{queue.Name}\" has waited for {overview.At - oldest:d\\.hh\\:mm\\:ss}, longer than {age:d\\.hh\\:mm\\:ss}");
        if (options.MaxDeadLetters is { } most && overview.DeadOf(queue.Name) is { } dead && dead.Count > most)
            yield return string.Create(CultureInfo.InvariantCulture, $"queue \"{queue.Name}\" has {dead.Count} dead letters, more than {most}: tpq peek {queue.Name}{DeadLetters.Suffix} --json says why");
    }

    static Dictionary<string, object> DataOf(IEnumerable<string> names, DatabaseOverview overview)
    {
        var data = new Dictionary<string, object>();
        foreach (string name in names)
        {
            if (overview.Find(name) is not { } queue)
                continue;
            data[$"{name}.ready"] = queue.Ready.Count;
            data[$"{name}.dead"] = overview.DeadOf(name)?.Count ?? 0;
            if (queue.Oldest is { } oldest)
                data[$"{name}.oldest"] = oldest;
        }
        return data;
    }
}
