namespace Tpq.Chaos;

/// <summary>The tables of a run, and how its processes are named in the server.</summary>
static class Names
{
    public const string Queue = "chaos";

    /// <summary>Of one producer and one consumer, for what can be said of the order.</summary>
    public const string OrderQueue = "chaos_order";

    /// <summary>What was handled, written in the transaction that removes the message. Not unique: what is there twice is to be seen.</summary>
    public const string Ledger = "ledger";

    public static readonly string[] Queues = [Queue, OrderQueue];

    const string Prefix = "chaos process ";

    public static string Application(int process) => $"{Prefix}{process}";

    /// <summary>The process whose session it is; null for a session of somebody else's.</summary>
    public static int? Process(string application) =>
        application.StartsWith(Prefix, StringComparison.Ordinal) ? int.Parse(application[Prefix.Length..], System.Globalization.CultureInfo.InvariantCulture) : null;
}
