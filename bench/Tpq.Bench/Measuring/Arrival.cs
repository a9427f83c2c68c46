namespace Tpq.Bench.Measuring;

/// <summary>A message that was put and arrived.</summary>
/// <param name="At">When it was put, counted from the first.</param>
/// <param name="Took">From just before the put until the handler was called.</param>
readonly record struct Arrival(TimeSpan At, TimeSpan Took);
