using Npgsql;

namespace Tpq.Chaos.Workers;

/// <summary>Handles messages: writes each into the ledger, in the transaction that removes it.</summary>
sealed class Consumer(TpqClient client, Job job)
{
    readonly TpqQueue _queue = client.Queue(job.Queue);

    readonly TpqConsumeOptions _options = new()
    {
        Concurrency = job.Kind switch { "held" => 3, "leased" => 20, _ => 1 },
        Backoff = TimeSpan.FromMilliseconds(100),
        MaxBackoff = TimeSpan.FromSeconds(2),
        MaxAttempts = job.Queue == Names.OrderQueue ? int.MaxValue : 5,
        // A handler that is cut short is a failure, and its message comes again later than the next one.
        HandlerTimeout = job.Queue == Names.OrderQueue ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(5),
        LeaseDuration = TimeSpan.FromSeconds(2),
        Grace = TimeSpan.FromSeconds(5),
    };

    /// <summary>How many messages it has written into the ledger, committed or not.</summary>
    public long Written { get; private set; }

    public Task RunAsync(CancellationToken stop) => job.Kind switch
    {
        "held" or "in-order" => _queue.ConsumeAsync(HandleAsync, _options, stop),
        "leased" => _queue.ConsumeLeasedAsync(HandleAsync, _options, stop),
        "batch" => _queue.ConsumeBatchesAsync(100, HandleAsync, _options, stop),
        "python" => RunAsPythonAsync(stop),
        _ => throw new ArgumentException($"There is no consumer {job.Kind}."),
    };

    async Task HandleAsync(TpqDelivery delivery, CancellationToken token)
    {
        Message message = Message.Parse(delivery.Message.Utf8Json.Span);
        await WriteAsync(delivery.Connection, [message.Key], token);
        await MisbehaveAsync(message, delivery.Message.Attempts, token);
    }

    async Task HandleAsync(TpqBatch batch, CancellationToken token)
    {
        Message[] messages = [.. batch.Select(static m => Message.Parse(m.Utf8Json.Span))];
        await WriteAsync(batch.Connection, [.. messages.Select(static m => m.Key)], token);
        for (int i = 0; i < messages.Length; i++)
            await MisbehaveAsync(messages[i], batch[i].Attempts, token);
    }

    async Task HandleAsync(TpqLease lease, CancellationToken token)
    {
        Message message = Message.Parse(lease.Message.Utf8Json.Span);
        await MisbehaveAsync(message, lease.Message.Attempts, token);
        await using NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(token);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(token);
        await WriteAsync(connection, [message.Key], token);
        await lease.CompleteAsync(transaction, token);
        await transaction.CommitAsync(token);
    }

    /// <summary>The statements of the Python tpq, in a loop that asks again and again.</summary>
    async Task RunAsPythonAsync(CancellationToken stop)
    {
        const string take = "DELETE FROM tpq_chaos WHERE id = (SELECT id FROM tpq_chaos ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING data::text";
        while (true)
        {
            bool wasEmpty = true;
            try
            {
                await using NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync(stop);
                await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(stop);
                await using var command = new NpgsqlCommand(take, connection);
                if (await command.ExecuteScalarAsync(stop) is string json)
                {
                    await WriteAsync(connection, [Message.Parse(System.Text.Encoding.UTF8.GetBytes(json)).Key], stop);
                    await transaction.CommitAsync(stop);
                    wasEmpty = false;
                }
            }
            catch (NpgsqlException)
            {
                // Rolled back, or committed without an answer.
            }
            // The Python tpq's way to wait is to look again.
            await Task.Delay(wasEmpty ? 100 : 10, stop);
        }
    }

    async Task WriteAsync(NpgsqlConnection connection, long[] keys, CancellationToken token)
    {
        await using var command = new NpgsqlCommand($"INSERT INTO {Names.Ledger} (key, kind) SELECT unnest($1), $2", connection);
        command.Parameters.Add(new() { Value = keys });
        command.Parameters.Add(new() { Value = job.Kind });
        await command.ExecuteNonQueryAsync(token);
        Written += keys.Length;
    }

    static async Task MisbehaveAsync(Message message, int attempts, CancellationToken token)
    {
        if (message.Misdeed is null || attempts > 0)
            return;
        switch (message.Misdeed)
        {
            case Message.Throw:
                throw new InvalidDataException("This message's handler fails.");
            case Message.Hang:
                await Task.Delay(Timeout.Infinite, token);
                break;
            case Message.Exit:
                System.Diagnostics.Process.GetCurrentProcess().Kill();
                break;
        }
    }
}
