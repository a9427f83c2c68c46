namespace Tpq.Embedded.Internal;

/// <summary>A source cannot give a server; the message is the reason, as a part of a sentence.</summary>
sealed class FetchException(string message) : Exception(message);
