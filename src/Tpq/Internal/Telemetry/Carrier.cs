using Npgsql;

namespace Tpq.Internal.Telemetry;

/// <summary>Whether a queue's messages can have headers, in which a trace travels: one of the Python tpq's has no column for them until it is upgraded.</summary>
/// <remarks>Only asked where there is a trace to be carried; and no more once the column was seen.</remarks>
sealed class Carrier(QueueName name, TimeProvider time)
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    volatile bool _hasHeaders;
    long? _refused;

    /// <summary>Asks on the connection on which it is to be put: a transaction may have made the queue itself. Not cancelled, which would cost the caller his transaction.</summary>
    public async ValueTask<bool> CanCarryAsync(NpgsqlConnection connection)
    {
        if (_hasHeaders)
            return true;
        if (_refused is { } refused && time.GetElapsedTime(refused) < Patience)
            return false;
        Catalog catalog = await Catalog.ReadAsync(connection, name, CancellationToken.None).ConfigureAwait(false);
        _hasHeaders = catalog.Columns.Contains("headers");
        // One that is not there may be made the next moment.
        if (!_hasHeaders && catalog.IsTable)
            _refused = time.GetTimestamp();
        return _hasHeaders;
    }

    public async ValueTask<bool> CanCarryAsync(TpqClient client, CancellationToken cancellationToken)
    {
        if (_hasHeaders)
            return true;
        NpgsqlConnection connection = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = connection.ConfigureAwait(false);
        return await CanCarryAsync(connection).ConfigureAwait(false);
    }
}
