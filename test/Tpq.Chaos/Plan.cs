namespace Tpq.Chaos;

/// <summary>How much of everything there is in a round.</summary>
/// <param name="Length">How long faults strike.</param>
/// <param name="Gap">Between two cheap ones, on average.</param>
/// <param name="Rate">Messages a second of a producer that puts them one by one, or a few.</param>
/// <param name="RateOfMany">Messages a second of the producer that puts hundreds.</param>
/// <param name="Batches">How many consumers take batches.</param>
sealed record Plan(TimeSpan Length, TimeSpan Gap, int Rate, int RateOfMany, int Batches);
