using System.CommandLine;
using System.Text.Json;
using Tpq.Internal;

namespace Tpq.Cli.Commands;

static class DoctorCommand
{
    static readonly Argument<string[]> Queues = new("queue")
    {
        Description = "The queues to examine. Default: all.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    static readonly Option<bool> Json = new("--json") { Description = "Write a JSON array instead of text." };

    public static Command Create()
    {
        var command = new Verb("doctor",
            "Look for what makes queues sick, and say what mends it. Changes and locks nothing. Exits 5 if there is a warning, 6 if there is an error.",
            "tpq doctor", "tpq doctor orders --json")
        {
            Queues, Json,
        };
        command.SetAction((parse, cancellationToken) =>
        {
            string[] queues = parse.GetValue(Queues) ?? [];
            return Session.RunAsync(parse, new Intent("examine", queues), async session =>
            {
                // A name that cannot be one is wrong usage.
                foreach (string queue in queues)
                    _ = session.Client.Queue(queue);
                Diagnosis diagnosis = await new Doctor(session.Client).ExamineAsync(queues, cancellationToken);
                await (parse.GetValue(Json) ? WriteJsonAsync(diagnosis, cancellationToken) : new DiagnosisText(diagnosis).WriteAsync(cancellationToken));
                return diagnosis.Worst switch
                {
                    Severity.Error => ExitCode.FoundErrors,
                    Severity.Warning => ExitCode.FoundWarnings,
                    _ => ExitCode.Done,
                };
            });
        });
        return command;
    }

    static Task WriteJsonAsync(Diagnosis diagnosis, CancellationToken cancellationToken) => Table.WriteJsonAsync(json =>
    {
        foreach (Finding finding in diagnosis.Findings)
            JsonSerializer.Serialize(json, finding, DiagnosisJson.Default.Finding);
    }, cancellationToken);
}
