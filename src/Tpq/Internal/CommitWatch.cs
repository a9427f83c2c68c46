using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// Tells a commit from one that only looks like it. With synchronous replication COMMIT waits for a standby, and when that wait is
/// cancelled (by an administrator, or a shutdown) the server answers with success and a warning: committed here, perhaps not there. After a
/// failover the commit may turn out not to have been, so the warning is an error.
/// </summary>
sealed class CommitWatch : IDisposable
{
    readonly NpgsqlConnection _connection;
    readonly NoticeEventHandler _onNotice;
    bool _cancelled;

    public CommitWatch(NpgsqlConnection connection)
    {
        _connection = connection;
        _onNotice = OnNotice;
        connection.Notice += _onNotice;
    }

    /// <exception cref="TpqException">The server gave up waiting for its standby.</exception>
    public void ThrowIfOutcomeUnknown()
    {
        if (_cancelled)
            throw new TpqException(
                "The outcome of COMMIT is unknown: the server committed, but its wait for the synchronous standby was cancelled, so a failover may undo it.");
    }

    public void Dispose() => _connection.Notice -= _onNotice;

    // By the server's routine: the message is translated, and its SQLSTATE is any warning's.
    void OnNotice(object sender, NpgsqlNoticeEventArgs e) => _cancelled |= e.Notice.Routine == "SyncRepWaitForLSN";
}
