using Tpq.Chaos.Workers;

namespace Tpq.Chaos.Faults;

/// <summary>Clients that die, or stand still.</summary>
static class ProcessFaults
{
    public static readonly Fault[] All =
    [
        new("kill-consumer", FaultClass.Cheap, static scene => KillAsync(scene, static kind => !Job.Puts(kind))),
        new("kill-producer", FaultClass.Cheap, static scene => KillAsync(scene, Job.Puts)),
        new("kill-doorman", FaultClass.Cheap, KillDoormanAsync),
        new("stop-process", FaultClass.Costly, StopAndContinueAsync),
    ];

    static Task<bool> KillAsync(Scene scene, Func<string, bool> isOfKind)
    {
        if (Pick(scene, isOfKind) is not { } victim)
            return Task.FromResult(false);
        victim.Signal("KILL");
        return Task.FromResult(true);
    }

    /// <summary>Whoever holds the bell lock of a queue, which all producers ask for.</summary>
    static async Task<bool> KillDoormanAsync(Scene scene)
    {
        const string doormen =
            """
            SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND l.classid = 1718045538 AND l.granted AND l.mode = 'ExclusiveLock'
            """;
        HashSet<int?> ids = [.. (await scene.World.ListAsync<string>(doormen, scene.Token)).Select(Names.Process)];
        if (scene.Fleet.Members.FirstOrDefault(m => ids.Contains(m.Id)) is not { } doorman)
            return false;
        doorman.Signal("KILL");
        return true;
    }

    /// <summary>For longer than a lease lasts, so that somebody else handles what it had leased; then it goes on as if nothing had been.</summary>
    static async Task<bool> StopAndContinueAsync(Scene scene)
    {
        if (Pick(scene, static _ => true) is not { } victim)
            return false;
        victim.Signal("STOP");
        await scene.PauseAsync(2.5, 4);
        victim.Signal("CONT");
        return true;
    }

    static Fleet.Member? Pick(Scene scene, Func<string, bool> isOfKind)
    {
        Fleet.Member[] members = [.. scene.Fleet.Members.Where(m => isOfKind(m.Kind)).OrderBy(static m => m.Id)];
        return members.Length == 0 ? null : members[scene.Random.Next(members.Length)];
    }
}
