using System.CommandLine;
using Tpq.Cli.Demo;
using Tpq.Embedded;

namespace Tpq.Cli.Commands;

static class DemoCommand
{
    static readonly Option<bool> Offline = PrivateServer.OfflineOption();
    static readonly Option<bool> Json = Table.JsonOption();

    static readonly Intent Intent = new("run the demo");

    public static Command Create()
    {
        var command = new Verb("demo",
            "See it at work: a file of orders, several consumers, a failure midway, and the books at the end. In the database of --url "
            + "or TPQ_URL, where everything is dropped again, else in a private PostgreSQL.",
            "tpq demo")
        {
            Offline, Json,
        };
        command.SetAction((parse, cancellationToken) =>
        {
            GlobalOptions options = GlobalOptions.Read(parse);
            bool json = parse.GetValue(Json);
            return options.Url is not null || Environment.GetEnvironmentVariable("TPQ_URL") is { Length: > 0 }
                ? RunAsync(options, json, cancellationToken)
                : Failure.GuardAsync(options, () => RunPrivatelyAsync(options, parse.GetValue(Offline), json, cancellationToken), Intent);
        });
        return command;
    }

    static async Task<int> RunPrivatelyAsync(GlobalOptions options, bool offline, bool json, CancellationToken cancellationToken)
    {
        await using EmbeddedPostgres server = await EmbeddedPostgres.StartAsync(PrivateServer.Options(options, offline), cancellationToken);
        options.Say($"Started a private PostgreSQL {server.Version}.");
        return await RunAsync(options with { Url = server.Url }, json, cancellationToken);
    }

    static Task<int> RunAsync(GlobalOptions options, bool json, CancellationToken cancellationToken) =>
        Session.RunAsync(options, Intent, session => new Demonstration(session, json).RunAsync(cancellationToken));
}
