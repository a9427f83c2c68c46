namespace Tpq.Cli;

/// <summary>What a verb is about, to begin a sentence about its failure.</summary>
/// <param name="Action">As in "Could not {Action} queue …".</param>
/// <param name="Queues">The queues concerned.</param>
sealed record Intent(string Action, params string[] Queues)
{
    /// <summary>Where one queue is to blame.</summary>
    public string For(string queue) => $"Could not {Action} queue {Display.Quote(queue)}";

    public override string ToString() => Queues switch
    {
        [] => $"Could not {Action}",
        [string queue] => For(queue),
        _ => $"Could not {Action} queues {string.Join(", ", Queues.Select(Display.Quote))}",
    };
}
