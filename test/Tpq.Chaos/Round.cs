using System.Diagnostics;
using Tpq.Chaos.Faults;
using Tpq.Chaos.Workers;

namespace Tpq.Chaos;

/// <summary>Producers and consumers at work, faults that strike, then peace, and the books.</summary>
/// <param name="world">The server.</param>
/// <param name="faults">The kinds of faults to choose from.</param>
/// <param name="plan">How long, how often, how much.</param>
/// <param name="seed">Decides which strike, when and whom.</param>
/// <param name="say">Is told what happens.</param>
sealed class Round(World world, IReadOnlyList<Fault> faults, Plan plan, int seed, Action<string> say)
{
    readonly Probe _probe = new(world);
    readonly List<string> _problems = [];
    int _stuck;

    public async Task<RoundResult> RunAsync(CancellationToken cancellationToken)
    {
        string folder = Directory.CreateTempSubdirectory("tpq-chaos-").FullName;
        await using var fleet = new Fleet(folder, seed, say);
        if (world.Pooler is not null)
            await world.Pooler.StartAgainAsync();
        Start(fleet);
        // Not before all are at work: the first message that is handled ends the start.
        await _probe.MeasureAsync(cancellationToken);

        IReadOnlyDictionary<string, List<int>> recoveries = await StormAsync(fleet, cancellationToken);

        world.ForgetConnections();
        await StopAsync(fleet, Job.Puts);
        await DrainAsync(cancellationToken);
        await StopAsync(fleet, static _ => true);
        if (world.Pooler is not null)
            await world.Pooler.StopAsync();
        await LookForLeftOversAsync(cancellationToken);
        Books books = await Books.BalanceAsync(world, fleet.Acknowledgements, _probe, cancellationToken);
        await ClearAsync(cancellationToken);
        Directory.Delete(folder, recursive: true);
        return new RoundResult(seed, DateTimeOffset.UtcNow, world.Server.Version.ToString(), world.Standby, (int)plan.Length.TotalSeconds, books, _stuck,
            fleet.Started, fleet.GaveUp, recoveries, [.. books.Problems, .. _problems]);
    }

    void Start(Fleet fleet)
    {
        string proxied = world.Cluster.ThroughProxy;
        foreach (string consumer in (string[])["held", "leased", "python", .. Enumerable.Repeat("batch", plan.Batches)])
            fleet.Start(consumer, proxied);
        fleet.Start("put", proxied, plan.Rate);
        fleet.Start("put-many", proxied, plan.RateOfMany);
        // What is said of the order is said of sessions that the server knows to be dead: not of one that holds its message behind a wire that was cut.
        fleet.Start("in-order", world.Direct.ConnectionString);
        fleet.Start("put-in-order", world.Direct.ConnectionString, Math.Max(1, plan.Rate / 10));
        if (world.Pooler is { } pooler)
        {
            fleet.Start("held", pooler.Keywords);
            fleet.Start("leased", pooler.Keywords);
            fleet.Start("put", pooler.Keywords, plan.Rate);
        }
    }

    async Task<IReadOnlyDictionary<string, List<int>>> StormAsync(Fleet fleet, CancellationToken cancellationToken)
    {
        using var peace = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        peace.CancelAfter(plan.Length);
        var storm = new Storm(faults, new Scene(world, fleet, _probe, new Random(seed), peace.Token, cancellationToken), seed, plan.Gap);
        await storm.RunAsync();
        _stuck += storm.Stuck.Count;
        _problems.AddRange(storm.Stuck);
        return storm.Recoveries;
    }

    async Task StopAsync(Fleet fleet, Func<string, bool> isOfKind)
    {
        foreach (string late in await fleet.StopAsync(isOfKind))
            _problems.Add($"did not stop: {late}");
    }

    /// <summary>Consumers are at work and nobody puts: so all is handled, soon.</summary>
    async Task DrainAsync(CancellationToken cancellationToken)
    {
        string left = string.Join(" + ", Names.Queues.Select(static q => $"(SELECT count(*) FROM tpq_{q}) + (SELECT count(*) FROM tpq_{q}_later)"));
        long began = Stopwatch.GetTimestamp();
        long count = 0;
        while (Stopwatch.GetElapsedTime(began) < Probe.Bound * 2)
        {
            if ((count = await world.ScalarAsync<long>($"SELECT {left}", cancellationToken)) == 0)
                return;
            // Other processes handle them; that is seen by looking, and the bound decides.
            await Task.Delay(50, cancellationToken);
        }
        _stuck++;
        _problems.Add($"stuck: {count} messages are left with consumers at work");
    }

    async Task LookForLeftOversAsync(CancellationToken cancellationToken)
    {
        (string What, string Sql)[] kinds =
        [
            ("sessions", "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'chaos process %'"),
            ("advisory locks", "SELECT count(*) FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory' AND a.application_name IS DISTINCT FROM 'chaos'"),
            ("prepared transactions", "SELECT count(*) FROM pg_prepared_xacts"),
        ];
        foreach ((string what, string sql) in kinds)
        {
            long began = Stopwatch.GetTimestamp(), count;
            // The server notices only when it next writes that a client is gone, and the wire lets go of half open connections after a while.
            while ((count = await world.ScalarAsync<long>(sql, cancellationToken)) > 0 && Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(15))
                await Task.Delay(100, cancellationToken);
            if (count > 0)
                _problems.Add($"left over: {count} {what}");
        }
    }

    async Task ClearAsync(CancellationToken cancellationToken)
    {
        await world.ExecuteAsync($"TRUNCATE {Names.Ledger}", cancellationToken);
        foreach (string queue in Names.Queues)
        {
            TpqQueue dead = world.Client.Queue($"{queue}_dead");
            if (await dead.ExistsAsync(cancellationToken))
                await dead.ClearAsync(cancellationToken);
        }
    }
}
