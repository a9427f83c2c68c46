namespace Tpq.Chaos.Faults;

/// <summary>Something that goes wrong.</summary>
/// <param name="Name">In the command line and the report.</param>
/// <param name="IsCostly">Whether one takes seconds.</param>
/// <param name="StrikeAsync">Makes it happen, and returns when it is over. False where it could not happen just then, which does not count.</param>
sealed record Fault(string Name, bool IsCostly, Func<Scene, Task<bool>> StrikeAsync)
{
    public static readonly IReadOnlyList<Fault> All = [.. ProcessFaults.All, .. WireFaults.All, .. ServerFaults.All, .. TableFaults.All];
}
