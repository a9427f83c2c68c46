namespace Tpq.Embedded;

/// <summary>A private PostgreSQL could not be found, fetched, made or started; the message says what to do about it.</summary>
public sealed class EmbeddedPostgresException : Exception
{
    /// <summary>Makes an exception without a message of its own.</summary>
    public EmbeddedPostgresException()
    {
    }

    /// <summary>Makes an exception from one sentence that names the problem and the way out.</summary>
    public EmbeddedPostgresException(string message) : base(message)
    {
    }

    /// <summary>Makes an exception from one sentence and the failure behind it.</summary>
    public EmbeddedPostgresException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
