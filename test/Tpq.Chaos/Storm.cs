using System.Collections.Concurrent;
using Npgsql;
using Tpq.Chaos.Faults;

namespace Tpq.Chaos;

/// <summary>Lets faults strike until there is peace: the cheap ones several a second and into each other, the costly ones in turn, and a few of those that last at a time.</summary>
/// <param name="faults">The kinds to choose from.</param>
/// <param name="scene">Where they strike.</param>
/// <param name="seed">Decides which, when and whom.</param>
/// <param name="gap">Between two cheap ones, on average.</param>
sealed class Storm(IReadOnlyList<Fault> faults, Scene scene, int seed, TimeSpan gap)
{
    const int MostCheapAtOnce = 8, MostLastingAtOnce = 4;

    static readonly TimeSpan GapBetweenCostly = TimeSpan.FromMilliseconds(150);

    readonly ConcurrentDictionary<string, ConcurrentBag<TimeSpan>> _recoveries = [];
    readonly ConcurrentBag<string> _stuck = [];

    /// <summary>For each kind: how long until a message put at the time of the fault was handled.</summary>
    public IReadOnlyDictionary<string, List<int>> Recoveries =>
        _recoveries.ToDictionary(static kind => kind.Key, static kind => kind.Value.Select(static time => (int)time.TotalMilliseconds).ToList());

    /// <summary>Who waited longer than the bound, in words.</summary>
    public IReadOnlyCollection<string> Stuck => _stuck;

    public Task RunAsync() => Task.WhenAll(
        StrikeAsync(FaultClass.Cheap, MostCheapAtOnce, gap), StrikeAsync(FaultClass.Costly, 1, GapBetweenCostly), StrikeAsync(FaultClass.Lasting, MostLastingAtOnce, GapBetweenCostly));

    async Task StrikeAsync(FaultClass wanted, int mostAtOnce, TimeSpan meanGap)
    {
        Fault[] kinds = [.. faults.Where(fault => fault.Class == wanted)];
        if (kinds.Length == 0)
            return;
        var random = new Random(unchecked((seed * 31) + (int)wanted));
        var own = scene with { Random = random };
        var strikes = new List<Task>();
        while (!scene.Peace.IsCancellationRequested)
        {
            strikes.Add(StrikeAsync(kinds[random.Next(kinds.Length)], scene with { Random = new Random(random.Next()) }));
            if (strikes.Count == mostAtOnce)
            {
                Task done = await Task.WhenAny(strikes);
                strikes.Remove(done);
                await done;
            }
            await own.PauseUntilPeaceAsync(0, 2 * meanGap.TotalSeconds);
        }
        await Task.WhenAll(strikes);
    }

    async Task StrikeAsync(Fault fault, Scene at)
    {
        Task<bool> strike = fault.StrikeAsync(at);
        Task<TimeSpan?> recovery = at.Probe.MeasureAsync(at.Token);
        bool hasStruck = false;
        try
        {
            hasStruck = await strike;
        }
        catch (Exception e) when (e is NpgsqlException or TpqException)
        {
            // The chaos program's own connection was hit by another fault.
        }
        if (await recovery is not { } time)
            _stuck.Add($"stuck: {Probe.Bound.TotalSeconds:0} s after {fault.Name} a message put then had not been handled");
        else if (hasStruck)
            _recoveries.GetOrAdd(fault.Name, static _ => []).Add(time);
    }
}
