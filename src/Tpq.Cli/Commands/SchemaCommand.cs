using System.CommandLine;

namespace Tpq.Cli.Commands;

static class SchemaCommand
{
    /// <summary>Never connected with: the statements follow from the names alone.</summary>
    const string NoDatabase = "Host=localhost";

    static readonly Argument<string> Queue = QueueArgument.Create();
    static readonly Option<string> Notify = NotifyOption.Create();

    public static Command Create()
    {
        var command = new Verb("schema",
            "Write the statements that create a queue, for a migration tool, or for somebody who may CREATE. Needs no database.",
            "tpq schema orders | psql --single-transaction")
        {
            Queue, Notify,
        };
        command.SetAction((parse, cancellationToken) =>
        {
            GlobalOptions options = GlobalOptions.Read(parse);
            return Failure.GuardAsync(options, async () =>
            {
                await using var client = Session.Connect(NoDatabase, Session.ClientOptions(options), options);
                string script = client.Queue(parse.GetRequiredValue(Queue)).CreateScript(NotifyOption.Read(parse, Notify));
                await StandardOutput.WriteTextAsync(script.TrimEnd() + "\n", cancellationToken);
                return ExitCode.Done;
            }, new Intent("write the schema of", parse.GetRequiredValue(Queue)));
        });
        return command;
    }
}
