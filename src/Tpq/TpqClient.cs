using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Tpq.Internal;
using Tpq.Internal.Telemetry;

namespace Tpq;

/// <summary>
/// The queues of one database. Thread safe; make one for each database and keep it. It holds a connection of its own only while somebody
/// waits for a message, one for all queues, and one for at most 100 milliseconds after a put.
/// </summary>
public sealed class TpqClient : IAsyncDisposable
{
    readonly ConcurrentDictionary<string, QueueState> _queues = new(StringComparer.Ordinal);
    readonly CancellationTokenSource _stopping = new();
    readonly bool _ownsDataSource;
    /// <summary>When somebody told of the fault that is not over yet, by <see cref="Stopwatch"/>; 0 for none.</summary>
    long _toldOfFault;

    int _consumers;
    int _disposed;

    /// <summary>Creates a client with a connection pool of its own, which is closed with it. Connects at the first use.</summary>
    /// <param name="connectionString">
    /// A URL as libpq has it, <c>postgresql://user:password@host:port/database?sslmode=require</c>, or Npgsql's keywords. With several hosts
    /// the one that can write is used.
    /// </param>
    /// <param name="options">Settings; <see langword="null"/> for the defaults.</param>
    /// <exception cref="TpqConfigurationException">The connection string cannot be used. The message never shows a password.</exception>
    /// <exception cref="ArgumentException">The schema or the table prefix of <paramref name="options"/> cannot be a name.</exception>
    public TpqClient(string connectionString, TpqClientOptions? options = null)
        : this(Parse(connectionString, options ??= new TpqClientOptions()), options)
    {
    }

    /// <summary>Creates a client over a data source, which it never disposes. Several hosts: the one that can write is used.</summary>
    /// <param name="dataSource">The application's data source. Multiplexing is refused.</param>
    /// <param name="options">Settings; <see langword="null"/> for the defaults.</param>
    /// <exception cref="TpqConfigurationException">The data source multiplexes.</exception>
    /// <exception cref="ArgumentException">The schema or the table prefix of <paramref name="options"/> cannot be a name.</exception>
    public TpqClient(NpgsqlDataSource dataSource, TpqClientOptions? options = null)
        : this(Adopt(dataSource), owns: false, options ?? new TpqClientOptions())
    {
    }

    TpqClient(NpgsqlConnectionStringBuilder settings, TpqClientOptions options)
        : this(DataSources.Create(settings, options), owns: true, options)
    {
    }

    TpqClient(NpgsqlDataSource dataSource, bool owns, TpqClientOptions options)
    {
        DataSource = dataSource;
        _ownsDataSource = owns;
        Schema = options.Schema;
        TablePrefix = options.TablePrefix;
        if (Schema is not null && Identifier.Measure(Schema, "schema", nameof(options)) > Identifier.MaxBytes)
            throw new ArgumentException($"The schema \"{Schema}\" is longer than {Identifier.MaxBytes} bytes.", nameof(options));
        if (TablePrefix.Length > 0 && Identifier.Measure(TablePrefix, "table prefix", nameof(options)) > QueueName.MaxPrefixBytes)
            throw new ArgumentException($"The table prefix \"{TablePrefix}\" is longer than {QueueName.MaxPrefixBytes} bytes.", nameof(options));
        Time = options.TimeProvider;
        Statements = new Statements(Time);
        OwnConnections = new OwnConnections(this);
        Logger = LoggerOf(options);
        var settings = new NpgsqlConnectionStringBuilder(dataSource.ConnectionString);
        Database = settings.Database ?? settings.Username;
        Enlists = settings.Enlist;
        MaxPoolSize = settings.MaxPoolSize;
        Server = new ServerAddress(settings.Host, settings.Host is { } host && !host.Contains(',', StringComparison.Ordinal) ? settings.Port : null);
        Listener = new Listener(this, enabled: MaxPoolSize > 1);
        DuePoll = new DuePoll(this);
        LooksByClock = options.LooksByClock;
        Stopping = _stopping.Token;
        Gauges.Add(this);
    }

    /// <summary>Creates a client for the database that the environment names.</summary>
    /// <remarks>
    /// <c>TPQ_URL</c>, else <c>TPQ_HOST</c>, <c>TPQ_PORT</c>, <c>TPQ_DB</c>, <c>TPQ_USER</c> and <c>TPQ_PASS</c>. What these leave open is taken
    /// from libpq's <c>PGHOST</c>, <c>PGPORT</c>, <c>PGDATABASE</c>, <c>PGUSER</c>, <c>PGPASSWORD</c> and <c>PGPASSFILE</c>, then from
    /// libpq's defaults. <c>TPQ_TABLE_PREFIX</c> is the table prefix, unless <paramref name="options"/> sets one.
    /// </remarks>
    /// <exception cref="TpqConfigurationException">Nothing is set, or something is wrong; the message names the variable.</exception>
    public static TpqClient FromEnvironment(TpqClientOptions? options = null)
    {
        options ??= new TpqClientOptions();
        var configuration = Configuration.FromEnvironment(LoggerOf(options));
        if (options.GivenTablePrefix is null && configuration.GivenTablePrefix is { } prefix)
            options = options.WithTablePrefix(prefix);
        return new TpqClient(configuration.Read(), options);
    }

    /// <summary>
    /// The connection pool that the client uses: for the caller's own transactions on the same database. Not to be disposed while the client
    /// lives.
    /// </summary>
    public NpgsqlDataSource DataSource { get; }

    /// <summary>Null: the connection's search path.</summary>
    internal string? Schema { get; }

    internal string TablePrefix { get; }

    internal Listener Listener { get; }

    internal DuePoll DuePoll { get; }

    internal Statements Statements { get; }

    internal OwnConnections OwnConnections { get; }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    internal string? Database { get; }

    internal ServerAddress Server { get; }

    /// <summary>The queues that somebody has asked for.</summary>
    internal ICollection<QueueState> KnownQueues => _queues.Values;

    internal bool Knows(string queue) => _queues.ContainsKey(queue);

    /// <summary>Whether connections of the data source join a TransactionScope: Npgsql's Enlist.</summary>
    internal bool Enlists { get; }

    internal int MaxPoolSize { get; }

    internal bool LooksByClock { get; }

    /// <summary>Set by the first connection, after which a refused one is a fault that passes and not a wrong address.</summary>
    internal bool HasReachedDatabase { get; set; }

    /// <summary>A look has succeeded that was begun then. One that was under way when a fault was told of does not say that it is over.</summary>
    internal void LookSucceeded(long began)
    {
        long told = Volatile.Read(ref _toldOfFault);
        if (told != 0 && told < began)
            Interlocked.CompareExchange(ref _toldOfFault, 0, told);
    }

    /// <summary>Whether nobody has told of a fault since the last look that succeeded.</summary>
    internal bool IsFirstToTell() => Interlocked.CompareExchange(ref _toldOfFault, Stopwatch.GetTimestamp(), 0) == 0;

    /// <summary>Says once why looks fail, until one succeeds, however many wait.</summary>
    internal void TellOfFault(Exception error, string queue)
    {
        if (!IsFirstToTell())
            return;
        if (Fault.IsPoolExhausted(error))
            Logger.PoolExhausted(queue, MaxPoolSize);
        else if (Fault.IsConnectionLoss(error))
            Logger.ConnectionLost(error, queue);
        else
            Logger.LookFailed(error, queue);
    }

    /// <summary>Taken for each question of <see cref="Internal.Later"/>. Never disposed: it holds nothing, and dispose does not wait for those who ask.</summary>
    internal SemaphoreSlim LaterAsks { get; } = new(1);

    /// <summary>Cancelled by dispose.</summary>
    internal CancellationToken Stopping { get; }

    /// <summary>A queue of this database. Checks the name, does no I/O, and is cheap; the queue need not exist.</summary>
    /// <param name="name">Any text that PostgreSQL can quote; with the prefix and the suffix <c>_later</c> at most 63 bytes in UTF-8.</param>
    /// <exception cref="ArgumentException">The name is empty, too long, contains U+0000, or ends in <c>_later</c>.</exception>
    public TpqQueue Queue(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return new TpqQueue(this, State(name));
    }

    /// <summary>All queues of the client's schema (or search path) that the role may read, in the order of their names.</summary>
    /// <remarks>
    /// Counts every message, which reads every row, and locks none. A table is a queue if its name has the prefix, its primary key is a
    /// bigint <c>id</c>, it has <c>data json</c>, no column that no version of tpq knows, and a name short enough for <see cref="Queue"/>.
    /// </remarks>
    /// <exception cref="PostgresException">The server reported an error.</exception>
    public Task<IReadOnlyList<TpqQueueInfo>> ListAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return Catalog.ListAsync(this, TablePrefix, Schema, cancellationToken);
    }

    /// <summary>
    /// Handles messages of several queues until it is stopped, as <see cref="TpqQueue.ConsumeAsync"/> does for one: each time, the first queue of the list that has a message is taken
    /// from.
    /// </summary>
    /// <param name="queues">Queues of this client, the most urgent first. As long as one of them has messages, those behind it wait.</param>
    /// <param name="handler">Does the work; <see cref="TpqMessage.Queue"/> says where a message came from.</param>
    /// <param name="options">How many at once, attempts, pauses and times; <see langword="null"/> for the defaults.</param>
    /// <param name="cancellationToken">Stops it, as there.</param>
    /// <remarks>A message costs a round trip more for each queue before its own, which has to be found empty first. It waits on all of them without asking.</remarks>
    /// <exception cref="ArgumentException">There is no queue in the list, one is in it twice, or one is another client's.</exception>
    /// <exception cref="TpqQueueNotFoundException">One of the queues is not there.</exception>
    /// <exception cref="PostgresException">The server refused to give a message: a missing privilege, say.</exception>
    /// <exception cref="NpgsqlException">The database could not be reached at the start.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public async Task ConsumeAsync(
        IReadOnlyList<TpqQueue> queues, Func<TpqDelivery, CancellationToken, Task> handler, TpqConsumeOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queues);
        ArgumentNullException.ThrowIfNull(handler);
        TpqQueue[] own = [.. queues];
        if (own.Length == 0 || own.Any(q => q.Client != this) || own.DistinctBy(static q => q.Name).Count() < own.Length)
            throw new ArgumentException("It takes one or more queues of this client, each once.", nameof(queues));
        AmbientTransaction.Refuse(nameof(ConsumeAsync));
        ThrowIfDisposed();
        options = options?.Copy() ?? new TpqConsumeOptions();
        using IDisposable counted = CountConsumers(options.Concurrency);
        await Workers.RunAsync(this, [.. own.Select(static q => q.State)], options, options.Concurrency, async (stop, graceIsOver) =>
        {
            using var consumer = new Consumer(this, own, handler, options);
            await consumer.RunAsync(stop, graceIsOver).ConfigureAwait(false);
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Wakes waiting calls with <see cref="ObjectDisposedException"/>, ends the listening connection, and closes the pool if the client made
    /// it. Deliveries in hand can still be committed.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        Gauges.Remove(this);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Listener.DisposeAsync().ConfigureAwait(false);
        await OwnConnections.DisposeAsync().ConfigureAwait(false);
        if (_ownsDataSource)
            await DataSource.DisposeAsync().ConfigureAwait(false);
    }

    internal QueueState State(string name) =>
        _queues.GetOrAdd(name, static (n, c) => new QueueState(QueueName.Create(n, c.TablePrefix, c.Schema), c), this);

    /// <summary>Counts consumers, of which each holds a connection, for as long as the result lives, and warns where the pool is smaller.</summary>
    internal IDisposable CountConsumers(int more)
    {
        int consumers = Interlocked.Add(ref _consumers, more);
        if (HasTooManyConsumers)
            Logger.PoolTooSmall(consumers, MaxPoolSize);
        return new Countdown(this, more);
    }

    /// <summary>Whether some consumers have to wait for the connections of others; one connection is the listener's.</summary>
    internal bool HasTooManyConsumers => Volatile.Read(ref _consumers) + 1 > MaxPoolSize;

    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);

    static NpgsqlConnectionStringBuilder Parse(string connectionString, TpqClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(connectionString);
        return Configuration.FromEnvironment(LoggerOf(options)).ReadConnectionString(connectionString);
    }

    static ILogger LoggerOf(TpqClientOptions options) => options.LoggerFactory?.CreateLogger(nameof(Tpq)) ?? NullLogger.Instance;

    static NpgsqlDataSource Adopt(NpgsqlDataSource dataSource)
    {
        ArgumentNullException.ThrowIfNull(dataSource);
        return DataSources.Adopt(dataSource);
    }

    sealed class Countdown(TpqClient client, int consumers) : IDisposable
    {
        public void Dispose() => Interlocked.Add(ref client._consumers, -consumers);
    }
}
