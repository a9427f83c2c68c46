using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

sealed class PgBossSystem(Database database) : NodeSystem(database, SystemName)
{
    public const string SystemName = "pg-boss";

    public override IReadOnlyList<string> Settings =>
    [
        "`useListenNotify: true`, the queue with `notify: true`, `max: 60` connections",
        "put: `send`; bulk put: `insert`",
        "get with a row: `fetch` of one, the row and `complete` in a transaction, through the option `db`, or of 500 with their rows, each inserted by itself; get: `work` with `localConcurrency` = consumers, `batchSize: 100`, `burstWhenBatchFull: true`, `pollingIntervalSeconds: 0.5`; batches: `fetch` and `complete`",
    ];

    protected override string Table => "pgboss.job";

    public override bool WorksInBatches => true;

    public override Task WorkAsync(int consumers, Handler handler, CancellationToken stop) => WorkAsync(consumers, handler, singly: true, stop);

    public override Task WorkInBatchesAsync(int consumers, Handler handler, CancellationToken stop) => WorkAsync(consumers, handler, singly: false, stop);
}
