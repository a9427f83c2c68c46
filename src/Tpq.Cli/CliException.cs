namespace Tpq.Cli;

/// <summary>Ends the command with a sentence and an exit code.</summary>
sealed class CliException(string message, int code, Exception? inner = null) : Exception(message, inner)
{
    public int Code => code;
}
