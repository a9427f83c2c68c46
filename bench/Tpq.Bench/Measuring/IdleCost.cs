namespace Tpq.Bench.Measuring;

/// <summary>What it costs to wait: the part of one core that the process uses, and its connections.</summary>
sealed record IdleCost(double Core, double Connections);
