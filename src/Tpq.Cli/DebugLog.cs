using Microsoft.Extensions.Logging;

namespace Tpq.Cli;

/// <summary>The library's log on standard error, for <c>--debug</c>.</summary>
static class DebugLog
{
    public static ILoggerFactory Create() => LoggerFactory.Create(builder =>
    {
        builder.SetMinimumLevel(LogLevel.Debug);
        builder.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.AddSimpleConsole(line => line.SingleLine = true);
    });
}
