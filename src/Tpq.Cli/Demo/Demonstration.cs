using System.Diagnostics;
using System.IO.Pipelines;
using System.Reflection;

namespace Tpq.Cli.Demo;

/// <summary>
/// Puts a file of orders into a queue, lets several consumers work on it, one of which fails midway, and checks the books: every order is
/// done, and none twice.
/// </summary>
sealed class Demonstration(Session session)
{
    const int Consumers = 4;

    readonly string _name = $"demo_{Guid.NewGuid().ToString("N")[..8]}";

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        TpqQueue queue = session.Client.Queue(_name);
        var ledger = new Ledger(session.Client.DataSource, session.Options.Schema, $"{_name}_ledger");
        session.Say($"Working in {session.Address}.");
        try
        {
            await queue.CreateAsync(cancellationToken: cancellationToken);
            await ledger.CreateAsync(cancellationToken);
            long put = await PutAsync(queue, cancellationToken);
            await new Workers(session, queue, ledger, Consumers, put).RunAsync(cancellationToken);
            return await CheckAsync(queue, ledger, put, start, cancellationToken);
        }
        finally
        {
            await CleanUpAsync(queue, ledger);
        }
    }

    async Task<long> PutAsync(TpqQueue queue, CancellationToken cancellationToken)
    {
        await using Stream orders = Assembly.GetExecutingAssembly().GetManifestResourceStream("orders.jsonl")!;
        var lines = new JsonLines(PipeReader.Create(orders));
        var put = new LinesPut(queue, lines, batch: null);
        await LinesProgress.ShowAsync(put, lines, orders.Length, session.Options, cancellationToken);
        session.Say($"Put {Display.Messages(put.Committed)}, one for each line of a file of orders, into queue {Display.Quote(queue.Name)}.");
        return put.Committed;
    }

    async Task<int> CheckAsync(TpqQueue queue, Ledger ledger, long put, long start, CancellationToken cancellationToken)
    {
        (long entries, long orders) = await ledger.CountAsync(cancellationToken);
        long waiting = await queue.CountAsync(cancellationToken);
        long twice = entries - orders, lost = put - orders - waiting;
        var table = new Table("put", "done", "done twice", "lost", "waiting");
        table.Add([.. new[] { put, orders, twice, lost, waiting }.Select(Display.Count)]);
        await table.WriteAsync(cancellationToken);
        bool balanced = orders == put && twice == 0;
        session.Say(balanced
            ? $"Every order is done, and none twice. It took {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s."
            : "The books do not balance.");
        return balanced ? ExitCode.Done : ExitCode.ConsumerFailed;
    }

    /// <summary>Also after Ctrl+C: the database may be one that stays.</summary>
    static async Task CleanUpAsync(TpqQueue queue, Ledger ledger)
    {
        await ledger.DropAsync();
        try
        {
            await queue.DropAsync(CancellationToken.None);
        }
        catch (TpqQueueNotFoundException)
        {
            // It was not made yet.
        }
    }
}
