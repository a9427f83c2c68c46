namespace Tpq;

/// <summary>
/// The lease of a message is another's by now, or has run out: the message has been, or will be, delivered again. What was written because of it must not be committed.
/// </summary>
public sealed class TpqLeaseLostException : TpqException
{
    internal TpqLeaseLostException(string queue, long id)
        : base($"The lease of message {id} of queue \"{queue}\" was lost: it had run out before it was renewed or completed, so the message is delivered again. "
            + "What was written because of this delivery must not be committed.")
    {
        Queue = queue;
        Id = id;
    }

    /// <summary>The queue's name.</summary>
    public string Queue { get; }

    /// <summary>The message's id.</summary>
    public long Id { get; }
}
