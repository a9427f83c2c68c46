using System.Diagnostics;
using Npgsql;
using Tpq.Chaos.Faults;

namespace Tpq.Chaos;

/// <summary>Producers and consumers at work, faults that strike, then peace, and the books.</summary>
/// <param name="world">The server.</param>
/// <param name="faults">The kinds of faults to choose from.</param>
/// <param name="seed">Decides which strike, when and whom.</param>
/// <param name="strikes">How many.</param>
/// <param name="rate">Messages a second for each producer.</param>
/// <param name="started">How many processes there were before.</param>
/// <param name="say">Is told what happens.</param>
sealed class Round(World world, IReadOnlyList<Fault> faults, int seed, int strikes, int rate, int started, Action<string> say)
{
    static readonly string[] Consumers = ["held", "leased", "batch", "python", "in-order"];

    readonly Random _random = new(seed);
    readonly Probe _probe = new(world);
    readonly List<string> _problems = [];
    readonly Dictionary<string, List<TimeSpan>> _recoveries = [];
    int _stuck;

    public async Task<RoundResult> RunAsync(CancellationToken cancellationToken)
    {
        string folder = Directory.CreateTempSubdirectory("tpq-chaos-").FullName;
        await using var fleet = new Fleet(world, folder, seed, started, say);
        foreach (string consumer in Consumers)
            fleet.Start(consumer);
        fleet.Start("put", rate);
        fleet.Start("put-in-order", Math.Max(1, rate / 10));
        // Not before all are at work: the first message that is handled ends the start.
        await _probe.MeasureAsync(cancellationToken);

        var scene = new Scene(world, fleet, _random, cancellationToken);
        for (int i = 0; i < strikes; i++)
        {
            await StrikeAsync(faults[_random.Next(faults.Count)], scene);
            await scene.PauseAsync(0, 0.3);
        }

        world.ForgetConnections();
        await StopAsync(fleet, static kind => kind.StartsWith("put", StringComparison.Ordinal));
        await DrainAsync(cancellationToken);
        await StopAsync(fleet, static _ => true);
        await LookForLeftOversAsync(cancellationToken);
        Books books = await Books.BalanceAsync(world, fleet, _probe, cancellationToken);
        await ClearAsync(cancellationToken);
        Directory.Delete(folder, recursive: true);
        return new RoundResult(seed, books, _stuck, fleet.Started, fleet.GaveUp, _recoveries, [.. books.Problems, .. _problems]);
    }

    async Task StrikeAsync(Fault fault, Scene scene)
    {
        try
        {
            Task<bool> strike = fault.StrikeAsync(scene);
            Task<TimeSpan?> recovery = _probe.MeasureAsync(scene.Token);
            bool hasStruck = await strike;
            if (await recovery is not { } time)
            {
                _stuck++;
                _problems.Add($"stuck: {Probe.Bound.TotalSeconds:0} s after {fault.Name} a message put then had not been handled");
            }
            else if (hasStruck)
            {
                if (!_recoveries.TryGetValue(fault.Name, out List<TimeSpan>? times))
                    _recoveries[fault.Name] = times = [];
                times.Add(time);
            }
        }
        catch (NpgsqlException e)
        {
            // The administrator's own connection was hit by the fault before.
            say($"{fault.Name} did not strike: {e.Message}");
        }
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
