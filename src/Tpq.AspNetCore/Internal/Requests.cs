namespace Tpq.Internal;

/// <summary>About a queue.</summary>
sealed record QueueRequest(string Queue);

/// <summary>About a message.</summary>
sealed record MessageRequest(string Queue, long Id);

/// <param name="Queue">Where it is put.</param>
/// <param name="Json">The payload.</param>
/// <param name="DelaySeconds">How long it is not ready.</param>
/// <param name="Headers">What goes with it.</param>
sealed record PutRequest(string Queue, string Json, double DelaySeconds = 0, Dictionary<string, string>? Headers = null);

/// <param name="Queue">From where.</param>
/// <param name="Target">Where to.</param>
/// <param name="Id">This message; null for the first ones.</param>
/// <param name="Max">How many at most; null for all.</param>
sealed record MoveRequest(string Queue, string Target, long? Id = null, long? Max = null);
