using System.CommandLine;
using Tpq.Cli.Demo;
using Tpq.Embedded;

namespace Tpq.Cli.Commands;

static class DemoCommand
{
    static readonly Option<bool> Offline = PrivateServer.OfflineOption();

    static readonly Intent Intent = new("run the demo");

    public static Command Create()
    {
        var command = new Verb("demo",
            "See it at work: a file of orders, several consumers, a failure midway, and the books at the end. In the database of --url "
            + "or TPQ_URL, where everything is dropped again, else in a private PostgreSQL.",
            "tpq demo")
        {
            Offline,
        };
        command.SetAction((parse, cancellationToken) =>
        {
            GlobalOptions options = GlobalOptions.Read(parse);
            return options.Url is not null || Environment.GetEnvironmentVariable("TPQ_URL") is { Length: > 0 }
                ? RunAsync(options, cancellationToken)
                : Failure.GuardAsync(options, () => RunPrivatelyAsync(options, parse.GetValue(Offline), cancellationToken), Intent);
        });
        return command;
    }

    static async Task<int> RunPrivatelyAsync(GlobalOptions options, bool offline, CancellationToken cancellationToken)
    {
        await using EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(PrivateServer.Options(options, offline), cancellationToken);
        options.Say($"Started a private PostgreSQL {server.Version}.");
        return await RunAsync(options with { Url = server.Url }, cancellationToken);
    }

    static Task<int> RunAsync(GlobalOptions options, CancellationToken cancellationToken) =>
        Session.RunAsync(options, Intent, session => new Demonstration(session).RunAsync(cancellationToken));
}
