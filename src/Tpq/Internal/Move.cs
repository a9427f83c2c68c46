using Npgsql;

namespace Tpq.Internal;

static class Move
{
    /// <summary>What a message keeps when it changes its queue. Not its attempts: it starts afresh.</summary>
    static readonly string[] Kept = ["data", "headers", "enqueued_at"];

    public static Task<long> ManyAsync(TpqClient client, QueueState from, QueueState to, long? max, CancellationToken cancellationToken) =>
        RunAsync(client, from, to, columns => from.Sql.MoveTo(to.Name, columns), max ?? long.MaxValue, cancellationToken);

    /// <summary>Moves one message, unless it is in hand. How many there were.</summary>
    public static Task<long> OneAsync(TpqClient client, QueueState from, QueueState to, long id, CancellationToken cancellationToken) =>
        RunAsync(client, from, to, columns => from.Sql.MoveOneTo(to.Name, columns), id, cancellationToken);

    static async Task<long> RunAsync(
        TpqClient client, QueueState from, QueueState to, Func<IEnumerable<string>, string> sql, long parameter, CancellationToken cancellationToken)
    {
        OwnTransaction own = await OwnTransaction.BeginAsync(client, cancellationToken).ConfigureAwait(false);
        await using var _ = own.ConfigureAwait(false);
        Catalog source = await Catalog.ReadAsync(own.Connection, from.Name, cancellationToken).ConfigureAwait(false);
        Catalog target = await Catalog.ReadAsync(own.Connection, to.Name, cancellationToken).ConfigureAwait(false);
        source.ThrowIfNotQueue(from.Name, client.Database);
        target.ThrowIfNotQueue(to.Name, client.Database);
        if (source.Columns.Contains("headers") && !target.Columns.Contains("headers"))
            throw new TpqException(
                $"Queue \"{to.Name.Queue}\" was made by the Python tpq and has no column for headers, which the messages of queue \"{from.Name.Queue}\" may have. "
                + $"UpgradeAsync (or: tpq upgrade {to.Name.Queue}) adds it, in place.");

        var statement = new NpgsqlBatchCommand(sql(Kept.Where(c => source.Columns.Contains(c) && target.Columns.Contains(c))));
        statement.Parameters.Add(new NpgsqlParameter<long> { TypedValue = parameter });
        long moved = await own.ExecuteAsync(statement, cancellationToken).ConfigureAwait(false);
        await own.CommitAsync(cancellationToken).ConfigureAwait(false);
        return moved;
    }
}
