namespace Tpq;

/// <summary>
/// The configuration of the database is missing or wrong. The message names the variable, keyword or URL parameter to blame, and never
/// a password.
/// </summary>
public sealed class TpqConfigurationException : TpqException
{
    internal TpqConfigurationException(string message) : base(message)
    {
    }
}
