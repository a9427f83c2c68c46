namespace Tpq.Internal.Overview;

/// <summary>How many there are: counted, or as the server's statistics have it where to count would cost too much.</summary>
readonly record struct Tally(long Count, bool IsEstimate);
