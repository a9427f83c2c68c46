using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>
/// A queue that is measured. What it cannot do stays as it is here: a <see cref="NotPossibleException"/>, which becomes a dash in the table.
/// </summary>
abstract class QueueSystem(Database database) : IAsyncDisposable
{
    /// <summary>How many messages have a transaction together, where consumers handle them in batches.</summary>
    public const int BatchSize = 500;

    public abstract string Name { get; }

    /// <summary>Null where it has none of its own.</summary>
    public abstract string? Version { get; }

    /// <summary>How it is used and set, for the page.</summary>
    public abstract IReadOnlyList<string> Settings { get; }

    /// <summary>What the reader has to know of its values in a scenario.</summary>
    /// <param name="letter">The scenario's letter.</param>
    public virtual IEnumerable<string> NotesOn(char letter) => [];

    /// <summary>How many messages a second it will certainly not exceed on a small machine; a backlog is made for so many.</summary>
    public virtual int MostPerSecond => 15_000;

    /// <summary>As <see cref="MostPerSecond"/>, of messages that are taken in batches of a size and with which nothing is done.</summary>
    public virtual int MostInBatches(int batch) => batch < 1_000 ? 200_000 : 400_000;

    /// <summary>As <see cref="MostPerSecond"/>, of messages that are handled in batches and for each of which a row is written.</summary>
    public virtual int MostRowsInBatches => 40_000;

    /// <summary>Whether a consumer can take one message, and not only what comes together.</summary>
    public virtual bool TakesSingly => true;

    /// <summary>Whether <see cref="WorkInBatchesAsync"/> is something that it can do.</summary>
    public virtual bool WorksInBatches => false;

    /// <summary>The table in which a message is a row, which is deleted when it was handled; null where it is not so.</summary>
    public virtual string? DeletesFrom => null;

    public Database Database => database;

    public Ledger Ledger { get; } = new(database);

    /// <summary>Makes what it needs in its database, once.</summary>
    public abstract Task InstallAsync(CancellationToken cancellationToken);

    /// <summary>Leaves an empty queue, as if it had just been made.</summary>
    public abstract Task RenewAsync(CancellationToken cancellationToken);

    /// <summary>Adds messages by whatever is fastest; never measured.</summary>
    public abstract Task FillAsync(long count, CancellationToken cancellationToken);

    /// <summary>As <see cref="FillAsync"/>, for gets of a size: where batches come about as messages are put, they are of that size.</summary>
    public virtual Task FillForBatchesAsync(long count, int batch, CancellationToken cancellationToken) => FillAsync(count, cancellationToken);

    /// <summary>Puts one message after the other, by several producers at once, and returns how many a second.</summary>
    public virtual Task<double> PutAsync(int producers, Window window, CancellationToken cancellationToken) => throw CannotDo("put messages singly");

    /// <summary>As <see cref="PutAsync"/>; but where puts that come at the same time would share a commit, each has its own.</summary>
    public virtual Task<double> PutUnsharedAsync(int producers, Window window, CancellationToken cancellationToken) => PutAsync(producers, window, cancellationToken);

    /// <summary>Puts a number of messages one after the other.</summary>
    public virtual Task PutCountAsync(int count, CancellationToken cancellationToken) => throw CannotDo("put messages singly");

    /// <summary>Puts many messages in the fastest way that it offers, and returns how many a second.</summary>
    public virtual Task<double> PutManyAsync(int count, CancellationToken cancellationToken) => throw CannotDo("put in bulk");

    /// <summary>Gets batches of a size and commits each, one consumer, and returns how many messages a second.</summary>
    public virtual Task<double> GetManyAsync(int batch, Window window, CancellationToken cancellationToken) => throw CannotDo("get in batches");

    /// <summary>Gets a number of messages, one consumer, and does nothing with them.</summary>
    public virtual Task GetCountAsync(int count, CancellationToken cancellationToken) => throw CannotDo("get messages");

    /// <summary>Consumes until it is stopped, then finishes what is in hand and returns.</summary>
    public virtual Task WorkAsync(int consumers, Handler handler, CancellationToken stop) => throw CannotDo("wait for messages");

    /// <summary>As <see cref="WorkAsync"/>, but each message is taken by itself, and completed by itself.</summary>
    public virtual Task WorkSinglyAsync(int consumers, Handler handler, CancellationToken stop) => WorkAsync(consumers, handler, stop);

    /// <summary>As <see cref="WorkAsync"/>, but one transaction, or one completion, is about many messages.</summary>
    public virtual Task WorkInBatchesAsync(int consumers, Handler handler, CancellationToken stop) => throw CannotDo("handle messages in batches");

    /// <summary>As <see cref="WorkSinglyAsync"/> or <see cref="WorkInBatchesAsync"/>, in a process of its own, as in production.</summary>
    /// <param name="inBatches">Which of them.</param>
    /// <param name="consumers">How many at the same time.</param>
    /// <param name="handler">Handles each message; where the process is another one, one of its own does.</param>
    /// <param name="stop">Ends it.</param>
    public virtual Task WorkApartAsync(bool inBatches, int consumers, Handler handler, CancellationToken stop) =>
        inBatches ? WorkInBatchesAsync(consumers, handler, stop) : WorkSinglyAsync(consumers, handler, stop);

    /// <summary>Puts messages at the times of a schedule while consumers wait, and follows each of them.</summary>
    public virtual Task<IReadOnlyList<Arrival>> FollowAsync(Schedule schedule, int consumers, CancellationToken cancellationToken) =>
        throw CannotDo("wait for messages");

    /// <summary>Puts while consumers of the same queue consume, and returns how many were put a second.</summary>
    public virtual Task<double> PutToConsumersAsync(int producers, int consumers, Window window, CancellationToken cancellationToken) =>
        throw CannotDo("wait for messages");

    /// <summary>Waits on many queues at once, in this process, until it is stopped.</summary>
    public virtual Task WaitIdlyAsync(int queues, CancellationToken stop) => throw CannotDo("wait for messages");

    /// <summary>The command that runs <see cref="WaitIdlyAsync"/> and nothing else, where that is another process than this program.</summary>
    public virtual Task<IdleCost> MeasureIdleAsync(int queues, Window window, CancellationToken cancellationToken) =>
        IdleProcess.MeasureAsync(this, queues, window, cancellationToken);

    public virtual Handler NewHandler(Work work) => new(work);

    public virtual ValueTask DisposeAsync() => database.DisposeAsync();

    protected NotPossibleException CannotDo(string what) => new($"{Name} does not {what}");
}
