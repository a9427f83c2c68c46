using System.Diagnostics;
using System.IO.Pipelines;
using System.Reflection;

namespace Tpq.Cli.Demo;

/// <summary>
/// Puts a file of orders into a queue, lets several consumers work on it, one of which fails midway, and checks the books: every order is
/// done, and none twice.
/// </summary>
/// <param name="session">The database.</param>
/// <param name="json">Whether the closing table is JSON.</param>
sealed class Demonstration(Session session, bool json)
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
        var put = new LinesPut(queue, lines, batch: null, create: false);
        await LinesProgress.ShowAsync(put, lines, orders.Length, session.Options, cancellationToken);
        session.Say($"Put {Display.Messages(put.Committed)}, one for each line of a file of orders, into queue {Display.Quote(queue.Name)}.");
        return put.Committed;
    }

    async Task<int> CheckAsync(TpqQueue queue, Ledger ledger, long put, long start, CancellationToken cancellationToken)
    {
        (long entries, long orders) = await ledger.CountAsync(cancellationToken);
        long waiting = await queue.CountAsync(cancellationToken);
        long twice = entries - orders, lost = put - orders - waiting;
        await WriteAsync([("put", put), ("done", orders), ("done twice", twice), ("lost", lost), ("waiting", waiting)], cancellationToken);
        bool balanced = orders == put && twice == 0;
        session.Say(balanced
            ? $"Every order is done, and none twice. It took {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s."
            : "The books do not balance.");
        return balanced ? ExitCode.Done : ExitCode.ConsumerFailed;
    }

    Task WriteAsync((string Name, long Number)[] books, CancellationToken cancellationToken)
    {
        if (json)
        {
            return Table.WriteJsonAsync(writer =>
            {
                writer.WriteStartObject();
                foreach ((string name, long number) in books)
                    writer.WriteNumber(name.Replace(' ', '_'), number);
                writer.WriteEndObject();
            }, cancellationToken);
        }
        var table = new Table([.. books.Select(b => b.Name)]);
        table.Add([.. books.Select(b => Display.Count(b.Number))]);
        return table.WriteAsync(cancellationToken);
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
