namespace Tpq.Cli;

/// <summary>Somebody's command has ended with another exit code than 0.</summary>
sealed class CommandFailedException(int code) : Exception($"The command failed with exit code {code}");
