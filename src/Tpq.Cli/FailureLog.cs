using Microsoft.Extensions.Logging;

namespace Tpq.Cli;

/// <summary>What the library warns of, one line each on standard error.</summary>
sealed class FailureLog : ILoggerProvider, ILogger
{
    public static ILoggerFactory Create() => LoggerFactory.Create(static builder => builder
        .AddFilter(static (category, level) => category == nameof(Tpq) && level >= LogLevel.Warning).AddProvider(new FailureLog()));

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var values = (state as IReadOnlyList<KeyValuePair<string, object?>>)?.ToDictionary(static v => v.Key, static v => v.Value) ?? [];
        string cause = exception is null ? "" : Display.OneLine(exception.Message).TrimEnd('.') + "; ";
        string line = eventId.Id switch
        {
            1202 => $"{cause}{Message()} is tried again in {Time("Delay")} (attempt {values["Attempt"]} of {values["MaxAttempts"]})",
            1205 => $"{cause}{Message()} failed {values["Attempts"]} times and is now in queue {Display.Quote($"{values["Dead"]}")}",
            1207 => $"{values["Reason"]}; {Message()} is back, because it cannot be kept for later ({cause.TrimEnd(' ', ';')}); going on in {Time("Pause")}",
            1209 => $"The connection was lost; {Message()} is back; going on in {Time("Pause")}",
            _ => cause + formatter(state, exception),
        };
        Console.Error.WriteLine(line + ".");

        string Message() => $"message {values["Id"]} of queue {Display.Quote($"{values["Queue"]}")}";

        string Time(string name) => Display.Time((TimeSpan)values[name]!);
    }

    public void Dispose()
    {
    }
}
