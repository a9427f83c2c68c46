using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

sealed class GraphileWorkerSystem(Database database) : NodeSystem(database, SystemName)
{
    public const string SystemName = "graphile-worker";

    public override IReadOnlyList<string> Settings =>
    [
        "`localQueue: { size: 500 }`, `completeJobBatchDelay: 0`, `failJobBatchDelay: 0`, as in its own performance page; a pool of 60 connections",
        "put: `addJob`; bulk put: `addJobs`",
        "get: `run` with `concurrentJobs` = consumers; jobs are taken and completed in batches, outside of the task; single get, in (b) and (d): without the three settings, so that each is taken and completed by itself",
    ];

    protected override string Table => "graphile_worker._private_jobs";

    public override string DeletesFrom => Table;

    public override bool WorksInBatches => true;

    /// <summary>Each of its rows is a statement and a commit of its own; and to fill a queue of its for more takes minutes.</summary>
    public override int MostRowsInBatches => MostPerSecond;

    public override Task WorkSinglyAsync(int consumers, Handler handler, CancellationToken stop) => WorkAsync(consumers, handler, singly: true, stop);

    public override Task WorkInBatchesAsync(int consumers, Handler handler, CancellationToken stop) => WorkAsync(consumers, handler, stop);

    public override IEnumerable<string> NotesOn(char letter) => letter is 'b' or 'd' or 'e'
        ? ["not atomic: a job is completed after its task, in another transaction than the row"]
        : [];
}
