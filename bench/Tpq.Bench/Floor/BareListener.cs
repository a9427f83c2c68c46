using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Floor;

/// <summary>
/// The shortest way of a message through PostgreSQL that C# can go: one connection inserts and notifies, another is told the id and deletes.
/// </summary>
sealed class BareListener(Database database)
{
    const string Channel = "floor";

    public async Task<IReadOnlyList<Arrival>> FollowAsync(Schedule schedule, CancellationToken cancellationToken)
    {
        NpgsqlConnectionStringBuilder settings = database.ConnectionString(FloorSystem.SystemName);
        settings.MaxAutoPrepare = 8;
        await using NpgsqlDataSource dataSource = NpgsqlDataSource.Create(settings);
        await using NpgsqlConnection producer = await dataSource.OpenConnectionAsync(cancellationToken);
        await using NpgsqlConnection listener = await dataSource.OpenConnectionAsync(cancellationToken);
        await using NpgsqlConnection consumer = await dataSource.OpenConnectionAsync(cancellationToken);
        var handler = new Handler(Work.Time);
        var bells = new Queue<long>();
        listener.Notification += (_, bell) => bells.Enqueue(long.Parse(bell.Payload, CultureInfo.InvariantCulture));
        // Before the first put: nothing here looks for what was missed.
        await using (var listen = new NpgsqlCommand($"LISTEN {Channel}", listener))
            await listen.ExecuteNonQueryAsync(cancellationToken);
        await using var consumption = new Consumption(stop => ConsumeAsync(listener, consumer, bells, handler, stop), cancellationToken);
        return await new Follow(handler, payload => PutAsync(producer, payload)).RunAsync(schedule, cancellationToken);
    }

    static async Task PutAsync(NpgsqlConnection connection, string payload)
    {
        await using NpgsqlCommand put = connection.CreateCommand();
        put.CommandText = $"WITH put AS (INSERT INTO floor (data) VALUES ($1) RETURNING id) SELECT pg_notify('{Channel}', id::text) FROM put";
        put.Parameters.Add(new NpgsqlParameter<string> { TypedValue = payload, NpgsqlDbType = NpgsqlDbType.Json });
        await put.ExecuteNonQueryAsync();
    }

    static async Task ConsumeAsync(
        NpgsqlConnection listener, NpgsqlConnection consumer, Queue<long> bells, Handler handler, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                while (bells.TryDequeue(out long id))
                    await TakeAsync(consumer, id, handler);
                await listener.WaitAsync(stop);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    static async Task TakeAsync(NpgsqlConnection connection, long id, Handler handler)
    {
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await using var take = new NpgsqlCommand("DELETE FROM floor WHERE id = $1 RETURNING data", connection, transaction);
        take.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
        string payload = (string)(await take.ExecuteScalarAsync())!;
        await handler.HandleAsync(id, () => payload, connection, transaction);
        await transaction.CommitAsync();
    }
}
