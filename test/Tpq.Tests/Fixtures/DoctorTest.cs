using System.Diagnostics;
using Npgsql;
using Tpq.Internal;

namespace Tpq.Tests.Fixtures;

/// <summary>Plants an illness, has it found, mends it by the remedy, and sees it gone.</summary>
[Collection(nameof(DoctorServer))]
public abstract class DoctorTest(DoctorServer server) : IAsyncLifetime
{
    protected const string Database = "postgres";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    TpqClient? _client;

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    protected string Keywords => $"{server.Keywords};Pooling=false";

    protected string Url => server.Url;

    /// <summary>Who plants illnesses and consumes; the doctor comes over a connection of its own each time.</summary>
    protected TpqClient Client => _client ??= NewClient();

    private protected DoctorLimits Limits { get; set; } = new();

    public ValueTask InitializeAsync() => default;

    /// <summary>Heals the server for the next test, whatever became of this one.</summary>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_client is not null)
            await _client.DisposeAsync();
        string[] statements =
        [
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
            "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO public",
            $"ALTER DATABASE {Database} RESET ALL", $"ALTER DATABASE {Database} CONNECTION LIMIT -1",
            "ALTER ROLE CURRENT_USER RESET ALL", $"ALTER ROLE CURRENT_USER IN DATABASE {Database} RESET ALL", "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1",
            "ALTER SYSTEM RESET ALL", "SELECT pg_reload_conf()",
        ];
        foreach (string statement in statements)
            await ServerAsync(statement);
    }

    protected TpqClient NewClient(string settings = "", TimeProvider? time = null) => new(
        $"{Keywords};Pooling=true;{settings}", new TpqClientOptions { TimeProvider = time ?? TimeProvider.System });

    protected async Task<TpqQueue> NewQueueAsync(string name = "orders", params string[] messages)
    {
        TpqQueue queue = Client.Queue(name);
        Assert.True(await queue.CreateAsync(cancellationToken: Token));
        await queue.PutManyAsync(messages, Token);
        return queue;
    }

    protected async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(Keywords);
        await connection.OpenAsync(Token);
        return connection;
    }

    /// <summary>Each statement by itself, as psql sends them.</summary>
    protected async Task ExecuteAsync(params string[] statements)
    {
        await using NpgsqlConnection connection = await OpenAsync();
        foreach (string statement in statements)
            await ExecuteAsync(connection, statement);
    }

    protected static async Task ExecuteAsync(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync(Token);
    }

    /// <summary>Over a connection that the illness does not reach.</summary>
    protected async Task ServerAsync(string statement)
    {
        await using NpgsqlCommand command = server.Admin.CreateCommand(statement);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>All but the end of the server's support, which comes by itself.</summary>
    private protected async Task<Finding[]> ExamineAsync(params string[] queues)
    {
        await using TpqClient client = NewClient();
        return await ExamineAsync(client, queues);
    }

    private protected async Task<Finding[]> ExamineAsync(TpqClient client, params string[] queues) =>
        [.. (await new Doctor(client, Limits).ExamineAsync(queues, Token)).Findings.Where(f => f.Check != "server-version")];

    /// <summary>Waits until that and nothing else is found.</summary>
    private protected async Task<Finding> FoundAsync(string check, Severity severity)
    {
        Finding finding = Assert.Single(await UntilAsync(found => found.Any(f => f.Check == check)));
        Assert.Equal((check, severity), (finding.Check, finding.Severity));
        Assert.All([finding.Title, finding.Evidence, finding.Remedy], t => Assert.NotEqual("", t));
        return finding;
    }

    /// <summary>Runs the remedy, and waits until nothing is found.</summary>
    private protected async Task MendsAsync(Finding finding)
    {
        await ExecuteAsync(finding.Remedy.Contains("$$", StringComparison.Ordinal) ? [finding.Remedy] : finding.Remedy.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        await HealthyAsync();
    }

    protected async Task HealthyAsync() => await UntilAsync(found => found.Length == 0);

    async Task<Finding[]> UntilAsync(Func<Finding[], bool> isSeen)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            Finding[] found = await ExamineAsync();
            if (isSeen(found))
                return found;
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"Found until the end: {string.Join("\n", found.Select(f => f.ToString()))}");
        }
    }
}
