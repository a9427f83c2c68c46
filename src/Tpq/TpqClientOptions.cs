using Microsoft.Extensions.Logging;

namespace Tpq;

/// <summary>Settings of a <see cref="TpqClient"/>, read once when the client is made.</summary>
public sealed class TpqClientOptions
{
    internal const string DefaultTablePrefix = "tpq_";

    /// <summary>The schema in which the queues' tables live.</summary>
    /// <value>Default: <see langword="null"/>, the connection's search path.</value>
    public string? Schema { get; set; }

    /// <summary>What the name of a queue's table has in front of the queue's name. May be empty.</summary>
    /// <value>Default: <c>tpq_</c>; in <see cref="TpqClient.FromEnvironment"/> the variable <c>TPQ_TABLE_PREFIX</c>, where it is set.</value>
    public string TablePrefix
    {
        get => GivenTablePrefix ?? DefaultTablePrefix;
        set => GivenTablePrefix = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>Where the client logs, under the category <c>Tpq</c>. It never logs a payload or a password.</summary>
    /// <value>Default: <see langword="null"/>, nowhere.</value>
    /// <remarks>
    /// Npgsql logs each statement as information, and so each look into a queue: it does so only in a pool that the client was given, if that has a logger factory.
    /// </remarks>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The clock behind waits and pauses on this side; times that are stored are the server's.</summary>
    /// <value>Default: <see cref="TimeProvider.System"/>.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Whether a waiting consumer also looks by the clock. Only tests do without: there the bell alone must wake.</summary>
    internal bool LooksByClock { get; init; } = true;

    /// <summary>
    /// Whether a connection is to be ready as soon as possible, for a process that sends a statement or two: the driver does not read the database's
    /// types (a query of its own, the longest of all that a command sends), and does not load Kerberos to look for encryption that nobody has asked for.
    /// </summary>
    internal bool IsBrief { get; init; }

    internal string? GivenTablePrefix { get; private set; }

    internal TpqClientOptions WithTablePrefix(string prefix)
    {
        var copy = (TpqClientOptions)MemberwiseClone();
        copy.TablePrefix = prefix;
        return copy;
    }
}
