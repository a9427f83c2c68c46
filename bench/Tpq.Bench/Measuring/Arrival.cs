namespace Tpq.Bench.Measuring;

/// <summary>A message that was put and arrived.</summary>
/// <param name="At">When it was put, or was to be put if the producers were late, counted from the first.</param>
/// <param name="Took">From then until the handler was called.</param>
readonly record struct Arrival(TimeSpan At, TimeSpan Took);
