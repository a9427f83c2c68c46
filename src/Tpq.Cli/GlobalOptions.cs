using System.CommandLine;

namespace Tpq.Cli;

/// <summary>The options that every verb has.</summary>
/// <param name="Url">Where the database is; null for what the environment says.</param>
/// <param name="Schema">The schema of the queues' tables; null for the search path.</param>
/// <param name="Prefix">The table prefix; null for what the environment says, else the library's default.</param>
/// <param name="Debug">Whether to log to standard error, and to show stack traces.</param>
/// <param name="Quiet">Whether to say nothing but errors.</param>
sealed record GlobalOptions(string? Url, string? Schema, string? Prefix, bool Debug, bool Quiet)
{
    public const string PrefixVariable = "TPQ_TABLE_PREFIX";

    static readonly Option<string> UrlOption = new("--url")
    {
        Description = "The database, for example postgresql://user:password@localhost/foobar. "
            + "Default: TPQ_URL; else TPQ_HOST, TPQ_PORT, TPQ_DB, TPQ_USER and TPQ_PASS; else PGHOST and its like.",
        HelpName = "url",
        Recursive = true,
    };

    static readonly Option<string> SchemaOption = new("--schema")
    {
        Description = "The schema of the queues' tables. Default: the connection's search path.",
        HelpName = "name",
        Recursive = true,
    };

    static readonly Option<string> PrefixOption = new("--prefix")
    {
        Description = $"What a table's name has in front of the queue's. Default: {PrefixVariable}, else tpq_.",
        HelpName = "text",
        Recursive = true,
    };

    static readonly Option<bool> DebugOption = new("--debug")
    {
        Description = "Say on standard error what is done, and show stack traces. Never a password or a message.",
        Recursive = true,
    };

    static readonly Option<bool> QuietOption = new("--quiet")
    {
        Description = "Say nothing on standard error but errors.",
        Recursive = true,
    };

    public static Option[] All => [UrlOption, SchemaOption, PrefixOption, DebugOption, QuietOption];

    /// <summary>For what is written whatever the line says: one with a fault cannot be read.</summary>
    public static readonly GlobalOptions None = new(null, null, null, Debug: false, Quiet: false);

    public static GlobalOptions Read(ParseResult parse) => new(
        parse.GetValue(UrlOption), parse.GetValue(SchemaOption), parse.GetValue(PrefixOption),
        parse.GetValue(DebugOption), parse.GetValue(QuietOption));

    /// <summary>For words on standard error that are no errors.</summary>
    public void Say(string words)
    {
        if (!Quiet)
            Console.Error.WriteLine(words);
    }

    /// <summary>A command line for the same database, but for what the environment names there as well, and for the URL, which may have a password.</summary>
    public string CommandLine(string verb, string queue)
    {
        string schema = Schema is null ? "" : $"--schema={Display.ShellWord(Schema)} ", prefix = Prefix is null ? "" : $"--prefix={Display.ShellWord(Prefix)} ";
        return $"tpq {verb} {schema}{prefix}{(queue.StartsWith('-') ? "-- " : "")}{Display.ShellWord(queue)}";
    }
}
