using System.CommandLine;

namespace Tpq.Cli;

/// <summary>A command of the command, with lines that show it at work.</summary>
sealed class Verb(string name, string description, params string[] examples) : Command(name, description)
{
    public delegate Task<int> QueueAction(ParseResult parse, Session session, TpqQueue queue, CancellationToken cancellationToken);

    public IReadOnlyList<string> Examples => examples;

    /// <summary>Makes it a verb about one queue.</summary>
    /// <param name="queue">The argument that names it.</param>
    /// <param name="intent">As in "Could not {intent} queue …".</param>
    /// <param name="action">What it does; the result is the exit code.</param>
    public void OnQueue(Argument<string> queue, string intent, QueueAction action) => SetAction((parse, cancellationToken) =>
    {
        string name = parse.GetRequiredValue(queue);
        return Session.RunAsync(parse, new Intent(intent, name), session => action(parse, session, session.Client.Queue(name), cancellationToken));
    });
}
