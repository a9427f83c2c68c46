using System.Globalization;

namespace Tpq.Embedded.Tests;

public sealed class FolderTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    EmbeddedPostgresOptions Kept => new() { DataDirectory = _folder["a/kept one"] };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task StartAsync_FindsItsData_WhenTheFolderIsKept()
    {
        EmbeddedPostgres first = await EmbeddedPostgres.StartAsync(Kept, Token);
        await Query.RunAsync(first, "create table kept as select 42 as x", Token);
        await first.DisposeAsync();

        await using EmbeddedPostgres second = await EmbeddedPostgres.StartAsync(Kept, Token);

        Assert.Equal(Kept.DataDirectory, second.DataDirectory);
        Assert.Equal(new Uri(first.Url).UserInfo, new Uri(second.Url).UserInfo);
        Assert.Equal(42, await Query.RunAsync(second, "select x from kept", Token));
    }

    [Fact]
    public async Task StartAsync_RefusesAndHarmsNothing_WhenAServerUsesTheFolder()
    {
        await using EmbeddedPostgres first = await EmbeddedPostgres.StartAsync(Kept, Token);

        var e = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(Kept, Token));

        Assert.Contains("is in use by a running server", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, await Query.RunAsync(first, "select 1", Token));
    }

    [Fact]
    public async Task StartAsync_IgnoresTheProcessFile_WhenAnotherProgramHasTheProcessId()
    {
        await using (EmbeddedPostgres first = await EmbeddedPostgres.StartAsync(Kept, Token))
            await first.KillAsync(Token);
        string file = Path.Combine(Kept.DataDirectory!, "data", "postmaster.pid");
        string[] lines = await File.ReadAllLinesAsync(file, Token);
        lines[0] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        await File.WriteAllLinesAsync(file, lines, Token);

        await using EmbeddedPostgres second = await EmbeddedPostgres.StartAsync(Kept, Token);

        Assert.Equal(1, await Query.RunAsync(second, "select 1", Token));
    }

    [Fact]
    public async Task StartAsync_TouchesNothing_WhenTheFolderHasOtherFiles()
    {
        Directory.CreateDirectory(Kept.DataDirectory!);
        string file = Path.Combine(Kept.DataDirectory!, "letter");
        await File.WriteAllTextAsync(file, "dear", Token);

        var e = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(Kept, Token));

        Assert.Contains("is not empty", e.Message, StringComparison.Ordinal);
        Assert.Equal([file], Directory.GetFileSystemEntries(Kept.DataDirectory!));
    }

    [Fact]
    public async Task StartAsync_NamesTheBarrier_WhenRootKeepsTheFolderToItself()
    {
        Need.Root();
        string barrier = _folder.Make("a", closed: true);

        var e = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(Kept, Token));

        Assert.Contains($"it may not enter {barrier}.", e.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Kept.DataDirectory));
    }
}
