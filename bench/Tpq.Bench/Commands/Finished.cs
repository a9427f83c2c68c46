namespace Tpq.Bench.Commands;

/// <summary>A process that has ended.</summary>
/// <param name="Elapsed">From before its start until its end was known.</param>
/// <param name="PeakMemory">The most memory that it had resident, in bytes.</param>
readonly record struct Finished(TimeSpan Elapsed, long PeakMemory);
