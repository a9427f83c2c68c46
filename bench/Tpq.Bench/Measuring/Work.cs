namespace Tpq.Bench.Measuring;

/// <summary>What consumers do with a message.</summary>
enum Work
{
    /// <summary>Nothing, so that the queue's own cost shows.</summary>
    Nothing,

    /// <summary>Write one row, in the message's transaction where the system can.</summary>
    WriteRow,

    /// <summary>Note how long the message took to arrive.</summary>
    Time,
}
