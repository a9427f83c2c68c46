namespace Tpq.Embedded;

/// <summary>How a private PostgreSQL is started. Every default suits a test.</summary>
public sealed class EmbeddedPostgresOptions
{
    /// <summary>
    /// Gets the folder that holds the server's data, its password and its log.
    /// </summary>
    /// <value>
    /// <see langword="null"/>, the default, means a temporary folder that goes with the server. A given folder is made when missing,
    /// must be empty or from an earlier start, and is kept: started again it has its data and its password.
    /// </value>
    public string? DataDirectory { get; init; }

    /// <summary>Gets the TCP port on 127.0.0.1.</summary>
    /// <value>0, the default, means a free one.</value>
    public int Port { get; init; }

    /// <summary>Gets whether server binaries are never fetched: only those already on this machine are used.</summary>
    /// <value><see langword="false"/> by default.</value>
    public bool Offline { get; init; }

    /// <summary>Gets server settings by name, such as <c>max_connections</c>, given on the server's command line.</summary>
    /// <value><see langword="null"/>, the default, leaves PostgreSQL's own; it syncs every commit to disk, as in production.</value>
    public IReadOnlyDictionary<string, string>? Settings { get; init; }

    /// <summary>Gets what is called with each line about progress, such as a download.</summary>
    /// <value><see langword="null"/>, the default, writes to standard error.</value>
    public Action<string>? Say { get; init; }
}
