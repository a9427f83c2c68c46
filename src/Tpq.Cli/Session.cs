using System.CommandLine;
using Microsoft.Extensions.Logging;

namespace Tpq.Cli;

/// <summary>What a verb works with: a client of the database that the options or the environment name.</summary>
sealed class Session
{
    /// <summary>What the library calls a connection string, of which it does not know where it came from.</summary>
    const string LibrarysName = "The connection string";

    Session(TpqClient client, GlobalOptions options)
    {
        Client = client;
        Options = options;
        Address = DatabaseAddress.Of(client.DataSource);
    }

    public TpqClient Client { get; }

    public GlobalOptions Options { get; }

    public DatabaseAddress Address { get; }

    public string Database => Address.Database;

    public void Say(string words) => Options.Say(words);

    /// <summary>Runs a verb's work, and turns what goes wrong into one sentence and an exit code.</summary>
    /// <param name="parse">The line, of which the global options are read.</param>
    /// <param name="intent">What the verb is about, for sentences about a failure.</param>
    /// <param name="work">The work; its result is the exit code.</param>
    /// <param name="log">What is told on the way; null for nothing, but with --debug everything.</param>
    public static Task<int> RunAsync(ParseResult parse, Intent intent, Func<Session, Task<int>> work, Func<ILoggerFactory>? log = null) =>
        RunAsync(GlobalOptions.Read(parse), intent, work, log);

    /// <inheritdoc cref="RunAsync(ParseResult, Intent, Func{Session, Task{int}}, Func{ILoggerFactory}?)"/>
    public static async Task<int> RunAsync(GlobalOptions options, Intent intent, Func<Session, Task<int>> work, Func<ILoggerFactory>? log = null)
    {
        DatabaseAddress? address = null;
        return await Failure.GuardAsync(options, async () =>
        {
            using ILoggerFactory? loggers = options.Debug ? DebugLog.Create() : log?.Invoke();
            await using TpqClient client = Open(options, loggers);
            var session = new Session(client, options);
            address = session.Address;
            return await work(session);
        }, intent, () => address);
    }

    static TpqClient Open(GlobalOptions options, ILoggerFactory? loggers)
    {
        TpqClientOptions settings = ClientOptions(options);
        settings.LoggerFactory = loggers;
        if (options.Url is not { } url)
            return TpqClient.FromEnvironment(settings);
        try
        {
            return Connect(url, settings, options);
        }
        catch (TpqConfigurationException e) when (e.Message.StartsWith(LibrarysName, StringComparison.Ordinal))
        {
            throw new CliException("--url" + e.Message[LibrarysName.Length..], ExitCode.Unusable, e);
        }
    }

    /// <summary>A client of that database. The library takes the prefix from the environment only together with the database.</summary>
    public static TpqClient Connect(string connectionString, TpqClientOptions settings, GlobalOptions options)
    {
        if (options.Prefix is not null || Environment.GetEnvironmentVariable(GlobalOptions.PrefixVariable) is not { } prefix)
            return new TpqClient(connectionString, settings);
        settings.TablePrefix = prefix;
        try
        {
            return new TpqClient(connectionString, settings);
        }
        catch (ArgumentException e) when (e.Message.StartsWith("The table prefix", StringComparison.Ordinal))
        {
            throw new CliException($"{GlobalOptions.PrefixVariable} cannot be used: {Failure.WithoutParameter(e)}", ExitCode.Unusable, e);
        }
    }

    public static TpqClientOptions ClientOptions(GlobalOptions options)
    {
        var settings = new TpqClientOptions { Schema = options.Schema, IsBrief = true };
        if (options.Prefix is { } prefix)
            settings.TablePrefix = prefix;
        return settings;
    }
}
