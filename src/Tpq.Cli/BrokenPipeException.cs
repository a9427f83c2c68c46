namespace Tpq.Cli;

/// <summary>Nobody reads standard output any more.</summary>
sealed class BrokenPipeException : IOException;
