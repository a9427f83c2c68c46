using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class FailoverTests
{
    readonly FakeLogCollector _logs = new();
    int _handled;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AcknowledgedMessages_AreHandledOnce_AndTheWorkersTellOfTheOutageInOneLine()
    {
        await using PrimaryAndStandby servers = await PrimaryAndStandby.StartAsync(slot: null, Token);
        using ILoggerFactory loggers = LoggerFactory.Create(b => b.AddProvider(new FakeLoggerProvider(_logs)));
        await using var client = new TpqClient(servers.ConnectionString, new TpqClientOptions { LoggerFactory = loggers });
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await ExecuteAsync(client, "CREATE TABLE ledger (number int NOT NULL)");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = queue.ConsumeAsync(NoteAsync, new TpqConsumeOptions { Concurrency = 4, Backoff = TimeSpan.FromMilliseconds(100) }, stop.Token);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<List<int>> put = PutAsync(queue, enough.Token);

        await UntilHandledAsync(200);
        await servers.FailOverAsync(Token);
        await UntilHandledAsync(Volatile.Read(ref _handled) + 200);
        await enough.CancelAsync();
        List<int> acknowledged = await put;
        await UntilAsync(async () => await queue.CountAsync(Token) == 0);
        await stop.CancelAsync();
        await consume;

        List<int> ledger = await ReadLedgerAsync(client);
        Assert.Empty(acknowledged.Except(ledger));
        Assert.Equal(ledger.Distinct(), ledger);
        Assert.Single(_logs.GetSnapshot(), static r => r.Category == "Tpq" && r.Level >= LogLevel.Warning);
    }

    async Task NoteAsync(TpqDelivery delivery, CancellationToken cancellationToken)
    {
        await using var note = new NpgsqlCommand("INSERT INTO ledger VALUES ($1)", delivery.Connection);
        note.Parameters.Add(new() { Value = int.Parse(delivery.Message.Json, null) });
        await note.ExecuteNonQueryAsync(cancellationToken);
        Interlocked.Increment(ref _handled);
    }

    /// <returns>What was acknowledged.</returns>
    static async Task<List<int>> PutAsync(TpqQueue queue, CancellationToken enough)
    {
        var acknowledged = new List<int>();
        for (int number = 1; !enough.IsCancellationRequested; number++)
        {
            try
            {
                await queue.PutAsync($"{number}", CancellationToken.None);
                acknowledged.Add(number);
            }
            catch (Exception e) when (e is NpgsqlException or TpqException)
            {
                // In the queue or not: nobody was told.
                await Task.Delay(50, CancellationToken.None);
            }
        }
        return acknowledged;
    }

    Task UntilHandledAsync(int messages) => UntilAsync(() => Task.FromResult(Volatile.Read(ref _handled) >= messages));

    static async Task UntilAsync(Func<Task<bool>> isTrue)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Token);
        deadline.CancelAfter(TimeSpan.FromMinutes(1));
        // Between two looks; the deadline decides.
        while (!await isTrue())
            await Task.Delay(10, deadline.Token);
    }

    static async Task ExecuteAsync(TpqClient client, string sql)
    {
        await using NpgsqlCommand command = client.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Token);
    }

    static async Task<List<int>> ReadLedgerAsync(TpqClient client)
    {
        await using NpgsqlCommand command = client.DataSource.CreateCommand("SELECT number FROM ledger");
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(Token);
        var ledger = new List<int>();
        while (await reader.ReadAsync(Token))
            ledger.Add(reader.GetInt32(0));
        return ledger;
    }
}
