using System.Globalization;
using Npgsql;

namespace Tpq.Internal;

/// <summary>Moves what is due from the companion to the queue, a step at a time, each a transaction of its own.</summary>
/// <remarks>
/// What the queue's table refuses (a constraint or a trigger that somebody has added) must not hold up what is due behind it. A refusal does not say
/// whose it is, so the steps become smaller until there is one message in it, and longer again with each that succeeds; that one is put off.
/// </remarks>
sealed class DueMove(QueueState queue, TpqClient client)
{
    const int MostAtOnce = 1000;

    /// <summary>How long a refused message is put off, and how often it is said at most.</summary>
    static readonly TimeSpan PutOff = TimeSpan.FromMinutes(1);

    int _atOnce = MostAtOnce;
    long? _lastComplained;

    /// <summary>One step.</summary>
    /// <param name="Count">How many messages became ready.</param>
    /// <param name="First">The lowest of their ids.</param>
    /// <param name="Last">The time of the last of them, or the one from which it was looked.</param>
    /// <param name="IsIdle">Nothing was done, and it is not worth while to go on: somebody else has the turn, or the rows.</param>
    public readonly record struct Step(long Count, long First, DateTime Last, bool IsIdle);

    public async Task<Step> MoveAsync(DateTime after)
    {
        long[] picked = [];
        try
        {
            OwnTransaction own = await OwnTransaction.BeginAsync(client, client.Stopping).ConfigureAwait(false);
            await using var _ = own.ConfigureAwait(false);
            picked = await PickAsync(own.Connection, after).ConfigureAwait(false);
            if (picked.Length == 0)
                return new Step(0, 0, after, IsIdle: true);
            Step step = await MoveAsync(own.Connection, picked).ConfigureAwait(false);
            await own.CommitAsync(client.Stopping).ConfigureAwait(false);
            _atOnce = Math.Min(_atOnce * 2, MostAtOnce);
            return step;
        }
        catch (PostgresException refusal) when (Fault.IsRefusal(refusal))
        {
            // Where somebody else has moved it meanwhile, or the companion refuses that in silence, it is not tried again at once.
            bool isIdle = picked.Length == 1 && !await PutOffAsync(picked[0], refusal).ConfigureAwait(false);
            _atOnce = Math.Max(picked.Length / 2, 1);
            return new Step(0, 0, after, isIdle);
        }
    }

    /// <summary>None where somebody else has the turn.</summary>
    async Task<long[]> PickAsync(NpgsqlConnection connection, DateTime after)
    {
        var pick = new NpgsqlCommand(queue.Sql.PickDue, connection) { CommandTimeout = 0 };
        await using var _ = pick.ConfigureAwait(false);
        pick.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = after });
        pick.Parameters.Add(new NpgsqlParameter<int> { TypedValue = _atOnce });
        return await pick.ExecuteScalarAsync(client.Stopping).ConfigureAwait(false) is string { Length: > 0 } ids ? [.. ids.Split(',').Select(static id => long.Parse(id, CultureInfo.InvariantCulture))] : [];
    }

    async Task<Step> MoveAsync(NpgsqlConnection connection, long[] picked)
    {
        var move = new NpgsqlCommand(queue.Sql.MoveDue, connection) { CommandTimeout = 0 };
        await using var _ = move.ConfigureAwait(false);
        move.Parameters.Add(ArrayText.Of(picked));
        NpgsqlDataReader reader = await move.ExecuteReaderAsync(client.Stopping).ConfigureAwait(false);
        await using var __ = reader.ConfigureAwait(false);
        await reader.ReadAsync(client.Stopping).ConfigureAwait(false);
        return new Step(reader.GetInt64(0), reader.GetInt64(1), reader.GetDateTime(2), IsIdle: false);
    }

    /// <returns>Whether it was put off.</returns>
    async Task<bool> PutOffAsync(long id, PostgresException refusal)
    {
        NpgsqlConnection connection = await client.OpenOwnAsync(client.Stopping).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        var putOff = new NpgsqlCommand(queue.Sql.PutOff, connection);
        await using var __ = putOff.ConfigureAwait(false);
        putOff.Parameters.Add(new NpgsqlParameter<long> { TypedValue = id });
        putOff.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = PutOff });
        bool isPutOff = await putOff.ExecuteNonQueryAsync(client.Stopping).ConfigureAwait(false) > 0;
        if (_lastComplained is not { } last || client.Time.GetElapsedTime(last) >= PutOff)
        {
            _lastComplained = client.Time.GetTimestamp();
            client.Logger.DueRefused(refusal, id, queue.Name.Queue);
        }
        return isPutOff;
    }
}
