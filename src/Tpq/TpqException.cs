namespace Tpq;

/// <summary>
/// An error that tpq itself found, as opposed to one that the server reported: those pass through as
/// <see cref="Npgsql.PostgresException"/>, and misuse of the API is reported by the standard CLR exceptions.
/// </summary>
public class TpqException : Exception
{
    /// <summary>Creates an exception with a message.</summary>
    public TpqException(string message) : base(message)
    {
    }

    /// <summary>Creates an exception with a message and the error behind it, often a <see cref="Npgsql.PostgresException"/>.</summary>
    public TpqException(string message, Exception? innerException) : base(message, innerException)
    {
    }
}
