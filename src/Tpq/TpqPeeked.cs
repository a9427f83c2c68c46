namespace Tpq;

/// <summary>A message that was looked at and not taken.</summary>
/// <param name="Message">The message.</param>
/// <param name="Taken">Whether a consumer had it in hand at that moment.</param>
public readonly record struct TpqPeeked(TpqMessage Message, bool Taken);
