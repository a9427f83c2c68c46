namespace Tpq.Internal;

/// <summary>A message as it is sent.</summary>
/// <param name="Utf8">The payload, one JSON value.</param>
/// <param name="Headers">A JSON object of strings; null for none.</param>
/// <param name="Delay">How long it is not ready; null for not at all.</param>
/// <param name="DueAt">When it becomes ready, in UTC; null for at once.</param>
readonly record struct CheckedPut(ReadOnlyMemory<byte> Utf8, ReadOnlyMemory<byte>? Headers = null, TimeSpan? Delay = null, DateTimeOffset? DueAt = null)
{
    public bool IsLater => Delay is not null || DueAt is not null;
}
