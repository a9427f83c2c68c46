using System.Diagnostics;
using Npgsql;

namespace Tpq.Chaos.Workers;

/// <summary>Puts messages in every way there is, and writes down which of them were acknowledged.</summary>
sealed class Producer(TpqClient client, Job job)
{
    readonly TpqQueue _queue = client.Queue(job.Queue);
    readonly Random _random = new(job.Seed);

    /// <summary>What the producer of many leaves to the consumers, and puts at most: a fraction of a second's work.</summary>
    readonly int _few = Math.Max(250, job.Rate / 4);

    long _next = Message.FirstKey(job.Number);

    public async Task RunAsync(CancellationToken stop)
    {
        using var acknowledgements = new Acknowledgements(job.Acknowledgements!);
        long began = Stopwatch.GetTimestamp(), put = 0;
        while (!stop.IsCancellationRequested)
        {
            (int count, Func<Message[], Task> way) = Draw();
            if (job.IsOfMany)
                await WaitUntilFewAreLeftAsync(stop);
            Message[] messages = [.. Enumerable.Range(0, count).Select(_ => job.Queue == Names.OrderQueue ? new Message(_next++, null) : Message.Draw(_next++, _random, job.IsOfMany))];
            acknowledgements.Attempting(messages.Select(static m => m.Key));
            try
            {
                // Not with the token: a put that is under way when it stops is finished.
                await way(messages);
                acknowledgements.Succeeded(messages.Select(static m => m.Key));
            }
            catch (Exception e) when (e is NpgsqlException or TpqException or TimeoutException or IOException or InvalidOperationException)
            {
                // Not acknowledged: it may be there, once, or not.
                await Task.Delay(50, stop);
            }
            put += count;
            TimeSpan ahead = TimeSpan.FromSeconds((double)put / job.Rate) - Stopwatch.GetElapsedTime(began);
            if (ahead > TimeSpan.Zero)
                await Task.Delay(ahead, stop);
            else if (ahead < TimeSpan.FromSeconds(-1))
                (began, put) = (Stopwatch.GetTimestamp(), 0);
        }
    }

    /// <summary>What others put then does not wait behind many.</summary>
    async Task WaitUntilFewAreLeftAsync(CancellationToken stop)
    {
        while (true)
        {
            try
            {
                if (await _queue.CountAsync(stop) < _few)
                    return;
            }
            catch (Exception e) when (e is NpgsqlException or TpqException)
            {
                // Asked again.
            }
            // How many are left is seen by counting.
            await Task.Delay(20, stop);
        }
    }

    (int Count, Func<Message[], Task> Way) Draw() => job.Queue == Names.OrderQueue ? (1, PutAsync) : job.IsOfMany ? (_random.Next(1, 2 * _few), PutManyAsync) : _random.Next(10) switch
    {
        < 4 => (1, PutAsync),
        < 5 => (_random.Next(2, 40), PutManyAsync),
        < 6 => (_random.Next(1, 4), PutInTransactionAsync),
        < 7 => (1, PutLaterAsync),
        < 8 => (_random.Next(2, 8), PutTogetherAsync),
        _ => (1, PutAsPythonAsync),
    };

    Task<long> PutAsync(Message[] messages) => _queue.PutAsync(messages[0].ToJson());

    Task<long> PutManyAsync(Message[] messages) => _queue.PutManyAsync(messages.Select(static m => m.ToJson()));

    Task<long> PutLaterAsync(Message[] messages) =>
        _queue.PutAsync(new TpqPut(messages[0].ToJson()) { Delay = TimeSpan.FromMilliseconds(_random.Next(1, 2000)) });

    /// <summary>At the same time, so that they share a commit. One that fails makes all of them count as not acknowledged.</summary>
    Task<long[]> PutTogetherAsync(Message[] messages) => Task.WhenAll(messages.Select(m => _queue.PutAsync(m.ToJson())));

    async Task PutInTransactionAsync(Message[] messages)
    {
        await using NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        foreach (Message message in messages)
            await _queue.In(transaction).PutAsync(message.ToJson());
        await transaction.CommitAsync();
    }

    async Task PutAsPythonAsync(Message[] messages)
    {
        await using NpgsqlConnection connection = await client.DataSource.OpenConnectionAsync();
        await using var command = new NpgsqlCommand($"INSERT INTO tpq_{job.Queue} (data) VALUES ($1) RETURNING id", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = messages[0].ToJson(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Json });
        await command.ExecuteScalarAsync();
    }
}
