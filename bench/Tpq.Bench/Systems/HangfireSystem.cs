using System.Reflection;
using Hangfire;
using Hangfire.Common;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using Hangfire.States;
using Npgsql;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

sealed class HangfireSystem : InProcessSystem
{
    public const string SystemName = "Hangfire.PostgreSql";

    const string Queue = "default";

    /// <summary>It has no asynchronous interface: each producer and worker blocks a thread.</summary>
    const int Threads = 150;

    readonly NpgsqlDataSource _ledger;
    PostgreSqlStorage? _storage;
    BackgroundJobClient? _client;

    public HangfireSystem(Database database) : base(database)
    {
        _ledger = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString(SystemName).ConnectionString) { MaxAutoPrepare = 8 });
        GlobalJobFilters.Filters.Clear();
    }

    public override string Name => SystemName;

    public override string? Version { get; } =
        typeof(PostgreSqlStorage).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0];

    public override int MostPerSecond => 2_000;

    public override IReadOnlyList<string> Settings =>
    [
        "`EnableLongPolling = true`, `UseSlidingInvisibilityTimeout = true`, no job filters (so no retries)",
        "put: `IBackgroundJobClient.Create`, one producer a thread; there is no bulk put and no batch",
        "get: a `BackgroundJobServer` with `WorkerCount` = consumers",
        "Npgsql: `Minimum Pool Size=4;Maximum Pool Size=100`",
    ];

    public override void Attach(string place) => Open();

    public override async Task InstallAsync(CancellationToken cancellationToken)
    {
        Open();
        await Ledger.RenewAsync(cancellationToken);
        await PutOneAsync(Payload.Plain);
        await Template.MakeAsync(Database, "hangfire.job", cancellationToken);
        await RenewAsync(cancellationToken);
    }

    public override async Task RenewAsync(CancellationToken cancellationToken)
    {
        await Database.ExecuteAsync("TRUNCATE hangfire.job, hangfire.jobqueue, hangfire.counter CASCADE", cancellationToken);
        await Ledger.RenewAsync(cancellationToken);
    }

    public override Task FillAsync(long count, CancellationToken cancellationToken) => Database.FillAsync(
        $"""
        WITH jobs AS (
          INSERT INTO hangfire.job (statename, invocationdata, arguments, createdat, updatecount)
          SELECT statename, invocationdata, arguments, createdat, updatecount FROM template, generate_series(1, {count}) RETURNING id)
        INSERT INTO hangfire.jobqueue (jobid, queue) SELECT id, '{Queue}' FROM jobs
        """,
        cancellationToken);

    public override async Task<double> PutAsync(int producers, Window window, CancellationToken cancellationToken)
    {
        using var threads = new MoreThreads();
        return await base.PutAsync(producers, window, cancellationToken);
    }

    public override async Task WorkAsync(int consumers, Handler handler, CancellationToken stop)
    {
        using var threads = new MoreThreads();
        HangfireJob.Handler = handler;
        await ServeAsync(consumers, [Queue], stop);
    }

    public override Task WaitIdlyAsync(int queues, CancellationToken stop)
    {
        Open();
        return ServeAsync(1, [.. Enumerable.Range(0, queues).Select(n => $"idle{n}")], stop);
    }

    public override IEnumerable<string> NotesOn(char letter) => letter switch
    {
        'b' or 'd' or 'e' => ["not atomic: a job is removed after it has returned, in another transaction than the row"],
        'f' => ["the idle queues are those of one server with one worker"],
        _ => [],
    };

    public override Handler NewHandler(Work work) => new(work, _ledger);

    public override async ValueTask DisposeAsync()
    {
        await _ledger.DisposeAsync();
        // The storage has no end of its own; its pool has.
        await using (var connection = new NpgsqlConnection(ConnectionString))
            NpgsqlConnection.ClearPool(connection);
        await base.DisposeAsync();
    }

    protected override Task PutOneAsync(string payload)
    {
        _client!.Create(Job.FromExpression(() => HangfireJob.RunAsync(payload)), new EnqueuedState(Queue));
        return Task.CompletedTask;
    }

    string ConnectionString => Database.ConnectionString(SystemName).ConnectionString;

    /// <summary>Once: a process is told where its work is before each measurement.</summary>
    void Open()
    {
        if (_storage is not null)
            return;
        var options = new PostgreSqlStorageOptions { EnableLongPolling = true, UseSlidingInvisibilityTimeout = true };
        _storage = new PostgreSqlStorage(new NpgsqlConnectionFactory(ConnectionString, options), options);
        _client = new BackgroundJobClient(_storage);
    }

    async Task ServeAsync(int workers, string[] queues, CancellationToken stop)
    {
        using var server = new BackgroundJobServer(new BackgroundJobServerOptions { WorkerCount = workers, Queues = queues }, _storage);
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        server.SendStop();
        await server.WaitForShutdownAsync(CancellationToken.None);
    }

    /// <summary>No longer than it works: with so many threads that look around for work the others of this process are slower.</summary>
    sealed class MoreThreads : IDisposable
    {
        readonly int _before, _completionBefore;

        public MoreThreads()
        {
            ThreadPool.GetMinThreads(out _before, out _completionBefore);
            ThreadPool.SetMinThreads(Math.Max(_before, Threads), _completionBefore);
        }

        public void Dispose() => ThreadPool.SetMinThreads(_before, _completionBefore);
    }
}
