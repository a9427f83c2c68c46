using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Tpq.Tests.Fixtures;

/// <summary>What a data source has sent to its server, one entry for each round trip of a statement or a batch of them.</summary>
sealed class StatementLog : ILoggerFactory, ILogger
{
    readonly List<string> _sent = [];

    public NpgsqlDataSource Create(string keywords)
    {
        var builder = new NpgsqlDataSourceBuilder(keywords);
        builder.UseLoggerFactory(this);
        return builder.Build();
    }

    /// <summary>What was sent since this was asked last.</summary>
    public IReadOnlyList<string> Take()
    {
        lock (_sent)
        {
            string[] sent = [.. _sent];
            _sent.Clear();
            return sent;
        }
    }

    public ILogger CreateLogger(string categoryName) => categoryName == "Npgsql.Command" ? this : NullLogger.Instance;

    public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        lock (_sent)
            _sent.Add(formatter(state, exception));
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }
}
