using System.Diagnostics;

namespace Tpq.Internal.Telemetry;

/// <summary>Where the server is, as a client was told.</summary>
/// <param name="Host">A host, the folder of a socket, or several hosts; null where nobody said.</param>
/// <param name="Port">The port; null where there are several hosts.</param>
readonly record struct ServerAddress(string? Host, int? Port)
{
    public const string HostTag = "server.address", PortTag = "server.port";
}

static class TagListExtensions
{
    public static TagList With(this TagList tags, ServerAddress server)
    {
        if (server.Host is not null)
            tags.Add(ServerAddress.HostTag, server.Host);
        if (server.Port is { } port)
            tags.Add(ServerAddress.PortTag, port);
        return tags;
    }
}
