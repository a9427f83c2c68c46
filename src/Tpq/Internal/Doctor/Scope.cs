namespace Tpq.Internal;

/// <summary>What is examined, and by which measure.</summary>
/// <param name="Schema">The client's; null for the search path.</param>
/// <param name="Prefix">The client's table prefix.</param>
/// <param name="Time">The clock of this machine.</param>
/// <param name="Limits">The measure.</param>
sealed record Scope(string? Schema, string Prefix, TimeProvider Time, DoctorLimits Limits)
{
    /// <summary>A line for the shell that runs the command in the same schema and with the same prefix.</summary>
    /// <param name="verb">What it does, with its options.</param>
    /// <param name="queues">To which queues.</param>
    public string Command(string verb, params string[] queues)
    {
        string schema = Schema is null ? "" : $" --schema={ShellWord.Quote(Schema)}";
        string prefix = Prefix == TpqClientOptions.DefaultTablePrefix ? "" : $" --prefix={ShellWord.Quote(Prefix)}";
        string dashes = queues.Any(static q => q.StartsWith('-')) ? " --" : "";
        return $"tpq {verb}{schema}{prefix}{dashes}{string.Concat(queues.Select(static q => " " + ShellWord.Quote(q)))}";
    }
}
