using System.CommandLine;
using Microsoft.Extensions.Logging;

namespace Tpq.Cli;

/// <summary>What a verb works with: a client of the database that the options or the environment name.</summary>
sealed class Session
{
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
    public static Task<int> RunAsync(ParseResult parse, Intent intent, Func<Session, Task<int>> work) =>
        RunAsync(GlobalOptions.Read(parse), intent, work);

    /// <inheritdoc cref="RunAsync(ParseResult, Intent, Func{Session, Task{int}})"/>
    public static async Task<int> RunAsync(GlobalOptions options, Intent intent, Func<Session, Task<int>> work)
    {
        DatabaseAddress? address = null;
        return await Failure.GuardAsync(options, async () =>
        {
            using ILoggerFactory? loggers = options.Debug ? DebugLog.Create() : null;
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
        return options.Url is { } url ? new TpqClient(url, settings) : TpqClient.FromEnvironment(settings);
    }

    public static TpqClientOptions ClientOptions(GlobalOptions options)
    {
        var settings = new TpqClientOptions { Schema = options.Schema };
        if (options.Prefix is { } prefix)
            settings.TablePrefix = prefix;
        return settings;
    }
}
