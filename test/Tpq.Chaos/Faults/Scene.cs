namespace Tpq.Chaos.Faults;

/// <summary>Where a fault strikes.</summary>
/// <param name="World">The server.</param>
/// <param name="Fleet">The processes at work.</param>
/// <param name="Probe">Puts messages of the chaos program's own.</param>
/// <param name="Random">Of this one strike, made of the seed.</param>
/// <param name="Peace">When no more is to go wrong.</param>
/// <param name="Token">Ends the program.</param>
sealed record Scene(World World, Fleet Fleet, Probe Probe, Random Random, CancellationToken Peace, CancellationToken Token)
{
    /// <summary>True by chance, as often as not, but decided by the seed.</summary>
    public bool Half() => Random.Next(2) == 0;

    /// <summary>Lets time pass, which is what a fault that lasts, or the gap between two, consists of. Nothing is concluded from its length.</summary>
    public Task PauseAsync(double leastSeconds, double mostSeconds) => Task.Delay(Between(leastSeconds, mostSeconds), Token);

    /// <summary>The same, ended by peace.</summary>
    public async Task PauseUntilPeaceAsync(double leastSeconds, double mostSeconds)
    {
        await Task.Delay(Between(leastSeconds, mostSeconds), Peace).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Token.ThrowIfCancellationRequested();
    }

    TimeSpan Between(double leastSeconds, double mostSeconds) => TimeSpan.FromSeconds(leastSeconds + (Random.NextDouble() * (mostSeconds - leastSeconds)));
}
