namespace Tpq;

/// <summary>Whether a put wakes waiting consumers through PostgreSQL's NOTIFY. Chosen when the queue is created.</summary>
public enum TpqNotify
{
    /// <summary>The default: a put wakes waiting consumers of this library.</summary>
    Auto,

    /// <summary>Every put notifies, whoever listens: for waiting consumers other than this library, such as the Python tpq.</summary>
    Always,

    /// <summary>
    /// No put notifies; waiting consumers find messages by looking once a second. For callers of two-phase commit, which PostgreSQL refuses
    /// to a transaction that has notified.
    /// </summary>
    Never,
}
