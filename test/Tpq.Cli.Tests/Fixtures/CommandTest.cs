using System.Diagnostics;
using System.Text;
using Npgsql;

namespace Tpq.Cli.Tests.Fixtures;

/// <summary>A test that runs the command as a process of its own, in a schema of its own on the server of the run.</summary>
public abstract class CommandTest(Server server) : IAsyncLifetime
{
    static readonly string Dll = Path.Combine(AppContext.BaseDirectory, "Tpq.Cli.dll");

    TpqClient? _client;

    protected Server Server => server;

    protected string Schema { get; } = $"tpq_cli_{Guid.NewGuid():N}";

    /// <summary>A folder for the test's files.</summary>
    protected string Folder { get; } = Directory.CreateTempSubdirectory("tpq-cli-").FullName;

    /// <summary>The library's view of the same queues.</summary>
    protected TpqClient Client => _client ??= new TpqClient(server.Url, new TpqClientOptions { Schema = Schema });

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        // A private server of root's runs under another account, which must get to its data.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Folder, (UnixFileMode)0b111_101_101);
        await ExecuteAsync($"CREATE SCHEMA {Schema}");
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_client is not null)
            await _client.DisposeAsync();
        // Of a test that failed a process may still hold a lock.
        await ExecuteAsync($"SET lock_timeout = '5s'; DROP SCHEMA {Schema} CASCADE");
        Directory.Delete(Folder, recursive: true);
    }

    protected Task<Ended> RunAsync(params string[] args) => RunAsync("", args);

    protected Task<Ended> RunAsync(string input, string[] args) => RunAsync(Encoding.UTF8.GetBytes(input), args);

    protected async Task<Ended> RunAsync(byte[] input, string[] args)
    {
        using Running running = Start(args);
        await FeedAsync(running, input);
        return await running.EndAsync();
    }

    protected Running Start(params string[] args) => new(Command(args));

    /// <summary>Runs a line of bash, in which <c>$TPQ</c> is the command.</summary>
    protected async Task<Ended> BashAsync(string line)
    {
        using Running running = new(Shell("bash", "-c", line));
        running.Input.Close();
        return await running.EndAsync();
    }

    /// <summary>Runs a line of the shell on a terminal of its own, upon which both outputs are one.</summary>
    protected async Task<Ended> OnTerminalAsync(string line, string input)
    {
        using Running running = StartOnTerminal(line);
        await FeedAsync(running, Encoding.UTF8.GetBytes(input));
        return await running.EndAsync();
    }

    /// <summary>As <see cref="OnTerminalAsync"/>. A shell that waits for the command dies of Ctrl+C, whatever the command does: <c>exec</c> leaves none.</summary>
    protected Running StartOnTerminal(string line) => new(Shell("script", "--quiet", "--return", "--command", line, "/dev/null"));

    protected ProcessStartInfo Command(params string[] args) => Configured("dotnet", [Dll, "--schema", Schema, .. args]);

    protected async Task<TpqQueue> NewQueueAsync(string name, params string[] messages)
    {
        TpqQueue queue = Client.Queue(name);
        await queue.CreateAsync(cancellationToken: Token);
        await queue.PutManyAsync(messages, Token);
        return queue;
    }

    /// <summary>What is in the queue, each as it is stored, in order.</summary>
    protected async Task<string[]> StoredAsync(string queue)
    {
        await using NpgsqlCommand command = server.Admin.CreateCommand($"SELECT data::text FROM {Schema}.\"tpq_{queue}\" ORDER BY id");
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(Token);
        var stored = new List<string>();
        while (await reader.ReadAsync(Token))
            stored.Add(reader.GetString(0));
        return [.. stored];
    }

    protected async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = server.Admin.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    protected async Task<T> ScalarAsync<T>(string sql)
    {
        await using NpgsqlCommand command = server.Admin.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Token))!;
    }

    protected string FilePath(string name) => Path.Combine(Folder, name);

    ProcessStartInfo Shell(string program, params string[] args)
    {
        ProcessStartInfo start = Configured(program, args);
        start.Environment["TPQ"] = $"dotnet {Dll} --schema {Schema}";
        return start;
    }

    ProcessStartInfo Configured(string program, string[] args)
    {
        var start = new ProcessStartInfo(program, args) { WorkingDirectory = Folder };
        foreach (string variable in start.Environment.Keys.Where(k => k.StartsWith("TPQ_", StringComparison.Ordinal) || k.StartsWith("PG", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(variable);
        start.Environment["TPQ_URL"] = server.Url;
        start.Environment["TERM"] = "xterm";
        // What script runs its line with; shells differ in whether they stay as the parent of the line's one command.
        start.Environment["SHELL"] = "/bin/sh";
        return start;
    }

    static async Task FeedAsync(Running running, byte[] input)
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
