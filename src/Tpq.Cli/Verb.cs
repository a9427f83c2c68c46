using System.CommandLine;

namespace Tpq.Cli;

/// <summary>A command of the command, with lines that show it at work.</summary>
sealed class Verb(string name, string description, params string[] examples) : Command(name, description)
{
    public IReadOnlyList<string> Examples => examples;
}
