using System.Diagnostics;
using System.Globalization;

namespace Tpq.Embedded.Tests;

public sealed class OwnerTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Server_IsGoneWithItsTemporaryFolder_WhenTheOwnerIsKilled()
    {
        using Owner owner = await Owner.StartAsync();

        owner.Process.Kill();

        await Waiting.ForAsync("the server is gone", () => !Waiting.IsRunning(owner.Server));
        await Waiting.ForAsync("its folder is gone", () => !Directory.Exists(owner.Folder));
    }

    [Fact]
    public async Task Server_IsGoneWithItsTemporaryFolder_WhenTheOwnersGroupIsKilled()
    {
        Need.ProcessGroups();
        using Owner owner = await Owner.StartAsync();

        owner.SignalGroup("KILL");

        await Waiting.ForAsync("the server is gone", () => !Waiting.IsRunning(owner.Server));
        await Waiting.ForAsync("its folder is gone", () => !Directory.Exists(owner.Folder));
    }

    [Fact]
    public async Task Server_IsGoneAndItsFolderStays_WhenTheOwnerOfAKeptFolderIsKilled()
    {
        using var folder = new TemporaryFolder();
        using Owner owner = await Owner.StartAsync(folder["kept"]);
        await Query.RunAsync(owner.ConnectionString, "create table kept as select 42 as x", Token);

        owner.Process.Kill();

        // At once, while the server is still stopping.
        var options = new EmbeddedPostgresOptions { DataDirectory = owner.Folder };
        await using EmbeddedPostgres next = await EmbeddedPostgres.StartAsync(options, Token);
        Assert.False(Waiting.IsRunning(owner.Server));
        Assert.Equal(42, await Query.RunAsync(next, "select x from kept", Token));
    }

    [Fact]
    public async Task Server_StaysUntilTheOwnerLetsGo_WhenCtrlCInterruptsTheirGroup()
    {
        Need.ProcessGroups();
        using Owner owner = await Owner.StartAsync();

        owner.SignalGroup("INT");
        Assert.Equal("interrupted", await owner.Process.StandardOutput.ReadLineAsync(Token));

        // A server that has got the signal too refuses this: the signal is sent to all of the group before any says a word.
        Assert.Equal(1, await Query.RunAsync(owner.ConnectionString, "select 1", Token));
        await owner.Process.StandardInput.WriteLineAsync("let go");
        await owner.Process.WaitForExitAsync(Token);
        Assert.Equal(0, owner.Process.ExitCode);
        Assert.False(Waiting.IsRunning(owner.Server));
        Assert.False(Directory.Exists(owner.Folder));
    }

    /// <summary>Another process that runs a server, in a process group of its own as under a shell.</summary>
    sealed record Owner(Process Process, string ConnectionString, string Folder, int Server) : IDisposable
    {
        internal static async Task<Owner> StartAsync(params string[] arguments)
        {
            string program = Path.Combine(AppContext.BaseDirectory, "Tpq.Embedded.Owner" + (OperatingSystem.IsWindows() ? ".exe" : ""));
            string[] command = OperatingSystem.IsWindows() ? [program, .. arguments] : ["setsid", program, .. arguments];
            var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true };
            var process = Process.Start(start)!;
            string connectionString = (await process.StandardOutput.ReadLineAsync(Token))!;
            string folder = (await process.StandardOutput.ReadLineAsync(Token))!;
            string server = (await File.ReadAllLinesAsync(Path.Combine(folder, "data", "postmaster.pid"), Token))[0];
            return new Owner(process, connectionString, folder, int.Parse(server, CultureInfo.InvariantCulture));
        }

        internal void SignalGroup(string signal)
        {
            using var kill = Process.Start("sh", ["-c", $"kill -s {signal} -- -{Process.Id}"]);
            kill.WaitForExit();
        }

        public void Dispose()
        {
            Process.Kill();
            Process.Dispose();
        }
    }
}
