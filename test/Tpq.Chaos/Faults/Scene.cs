namespace Tpq.Chaos.Faults;

/// <summary>Where a fault strikes.</summary>
sealed record Scene(World World, Fleet Fleet, Random Random, CancellationToken Token)
{
    /// <summary>True by chance, as often as not, but decided by the seed.</summary>
    public bool Half() => Random.Next(2) == 0;

    /// <summary>Lets time pass, which is what a fault that lasts, or the gap between two, consists of. Nothing is concluded from its length.</summary>
    public Task PauseAsync(double leastSeconds, double mostSeconds) =>
        Task.Delay(TimeSpan.FromSeconds(leastSeconds + (Random.NextDouble() * (mostSeconds - leastSeconds))), Token);
}
