using Tpq.Internal.Overview;

namespace Tpq.Internal;

/// <summary>What the sampler saw at one time.</summary>
/// <param name="Number">Counts upwards.</param>
/// <param name="Overview">The queues; where they could not be read now, as they were seen last. Null where they never were.</param>
/// <param name="Rows">The same as the page gets it.</param>
/// <param name="Trouble">Why they could not be read; null where they were.</param>
sealed record Sample(long Number, DatabaseOverview? Overview, IReadOnlyList<QueueJson> Rows, string? Trouble);
