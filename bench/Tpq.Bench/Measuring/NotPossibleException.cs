namespace Tpq.Bench.Measuring;

/// <summary>A system cannot do this, or not here: a dash in the table, with the reason below it.</summary>
sealed class NotPossibleException(string reason) : Exception(reason);
