namespace Tpq.Internal;

/// <summary>The transaction in which a take runs, by what this client learns of it.</summary>
enum TakeIn
{
    /// <summary>One of tpq's own: its end is seen.</summary>
    Own,

    /// <summary>One of a caller's, which may give back what it took at any time, unseen.</summary>
    Callers,

    /// <summary>One of a caller's in REPEATABLE READ or above. Its snapshot does not show what came later, and so proves nothing.</summary>
    CallersSnapshot,
}
