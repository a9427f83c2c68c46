namespace Tpq.Cli;

static class ExitCode
{
    public const int Done = 0;

    /// <summary>There was no message.</summary>
    public const int Empty = 1;

    /// <summary>Wrong usage or input.</summary>
    public const int Usage = 2;

    /// <summary>No database is configured, or the database or the queue cannot be used.</summary>
    public const int Unusable = 3;

    /// <summary>What consumes a message failed: its command, or the output that it is written to.</summary>
    public const int ConsumerFailed = 4;

    /// <summary>The doctor has found something: warnings, or errors too.</summary>
    public const int FoundWarnings = 5, FoundErrors = 6;

    /// <summary>Ctrl+C or SIGTERM.</summary>
    public const int Interrupted = 130;

    /// <summary>Nobody reads the output any more: what a shell reports of a program that SIGPIPE ended.</summary>
    public const int BrokenPipe = 141;
}
