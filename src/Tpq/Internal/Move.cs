using Npgsql;

namespace Tpq.Internal;

static class Move
{
    /// <summary>What a message keeps when it changes its queue. Not its attempts: it starts afresh.</summary>
    static readonly string[] Kept = ["data", "headers", "enqueued_at"];

    public static async Task<long> RunAsync(TpqClient client, QueueState from, QueueState to, long? max, CancellationToken cancellationToken)
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

        var statement = new NpgsqlBatchCommand(from.Sql.MoveTo(to.Name, Kept.Where(c => source.Columns.Contains(c) && target.Columns.Contains(c))));
        statement.Parameters.Add(new NpgsqlParameter<long> { TypedValue = max ?? long.MaxValue });
        long moved = await own.ExecuteAsync(statement, cancellationToken).ConfigureAwait(false);
        await own.CommitAsync(cancellationToken).ConfigureAwait(false);
        return moved;
    }
}
