using System.CommandLine;
using Tpq.Embedded;

namespace Tpq.Cli;

/// <summary>What dev and demo have in common: a PostgreSQL of their own.</summary>
static class PrivateServer
{
    public static Option<bool> OfflineOption() => new("--offline") { Description = "Never fetch PostgreSQL: use what is on this machine." };

    public static EmbeddedPostgresOptions Options(GlobalOptions options, bool offline, string? data = null, int port = 0) => new()
    {
        DataDirectory = data,
        Port = port,
        Offline = offline,
        Say = options.Say,
    };
}
