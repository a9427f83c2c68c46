using System.Diagnostics;
using Tpq.Cli.Tests.Fixtures;
using Tpq.Tests.Fixtures;
using Server = Tpq.Tests.Fixtures.Server;

namespace Tpq.Fuzz.Tests.Fixtures;

/// <summary>A test of the command as a process of its own, whose end has to be one of those that are documented.</summary>
public abstract class CommandFuzz(Server server) : DatabaseTest(server)
{
    static readonly string Dll = Path.Combine(AppContext.BaseDirectory, "Tpq.Cli.dll");

    static readonly int[] ExitCodes = [0, 1, 2, 3, 4, 130, 141];

    /// <summary>Runs it with this input, and without what the environment says but for the URL.</summary>
    protected async Task<Ended> RunAsync(byte[] input, string[] args, params (string Name, string Value)[] environment)
    {
        using Running running = new(Start(args, environment));
        await FeedAsync(running, input);
        return Sane(await running.EndAsync());
    }

    protected ProcessStartInfo Start(string[] args, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [Dll, .. args]);
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("TPQ_", StringComparison.Ordinal) || k.StartsWith("PG", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        start.Environment["TPQ_URL"] = Server.Url;
        // A start is most of what a run costs.
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        return start;
    }

    /// <summary>It did not crash, and what it says are sentences.</summary>
    protected static Ended Sane(Ended ended)
    {
        Assert.True(ExitCodes.Contains(ended.ExitCode), $"exit code {ended.ExitCode}: {ended.Error}");
        Assert.DoesNotContain("   at ", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", ended.Error, StringComparison.Ordinal);
        Assert.True(ended.ExitCode is 0 or 1 or 130 or 141 || ended.Error.Length > 0, $"exit code {ended.ExitCode}, and no word about it");
        Assert.DoesNotContain(ended.Error, c => char.IsControl(c) && c is not ('\n' or '\r'));
        return ended;
    }

    protected static async Task FeedAsync(Running running, byte[] input)
    {
        try
        {
            await running.Input.WriteAsync(input, Token);
            running.Input.Close();
        }
        catch (IOException)
        {
            // It did not want all of it.
        }
    }
}
