using Npgsql;

namespace Tpq.Internal;

/// <summary>Whether notifications reach a connection; behind a pooler that gives every transaction another session they do not.</summary>
static class Hearing
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Costs a round trip where there is no pooler, another connection for a moment where there is one, and up to 3 s where nothing comes.</summary>
    public static async Task<bool> IsSoundAsync(TpqClient client, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await Statements.ProcessAsync(connection, cancellationToken).ConfigureAwait(false) == connection.ProcessID)
            return true;
        string channel = $"tpq_test_{Guid.NewGuid():N}";
        bool hasArrived = false;
        connection.Notification += OnNotification;
        try
        {
            await ExecuteAsync(connection, $"LISTEN {Identifier.Quote(channel)}", cancellationToken).ConfigureAwait(false);
            NpgsqlConnection other = await client.OpenOwnAsync(cancellationToken).ConfigureAwait(false);
            await using (other.ConfigureAwait(false))
                await ExecuteAsync(other, $"NOTIFY {Identifier.Quote(channel)}", cancellationToken).ConfigureAwait(false);
            long start = client.Time.GetTimestamp();
            // The driver counts in milliseconds, of which none means for ever.
            while (!hasArrived && Patience - client.Time.GetElapsedTime(start) is var left && left >= TimeSpan.FromMilliseconds(1))
                await connection.WaitAsync(left, cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(connection, $"UNLISTEN {Identifier.Quote(channel)}", cancellationToken).ConfigureAwait(false);
            return hasArrived;
        }
        finally
        {
            connection.Notification -= OnNotification;
        }

        void OnNotification(object sender, NpgsqlNotificationEventArgs e) => hasArrived |= e.Channel == channel;
    }

    static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        NpgsqlCommand command = connection.CreateCommand();
        await using var _ = command.ConfigureAwait(false);
        command.CommandText = sql;
        command.CommandTimeout = Doorbell.TimeoutSeconds;
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
