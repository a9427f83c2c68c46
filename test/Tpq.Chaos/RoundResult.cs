namespace Tpq.Chaos;

/// <summary>What a round has shown.</summary>
/// <param name="Seed">Repeats it.</param>
/// <param name="Books">The messages.</param>
/// <param name="Stuck">How often a message waited longer than its bound.</param>
/// <param name="Processes">How many processes there have been, with those of earlier rounds.</param>
/// <param name="GaveUp">How many of them ended because of an error.</param>
/// <param name="Recoveries">For each kind of fault that struck: how long until a message put then was handled.</param>
/// <param name="Problems">All that is not as it should be; none, and the round is passed.</param>
sealed record RoundResult(
    int Seed, Books Books, int Stuck, int Processes, int GaveUp, IReadOnlyDictionary<string, List<TimeSpan>> Recoveries, IReadOnlyList<string> Problems);
