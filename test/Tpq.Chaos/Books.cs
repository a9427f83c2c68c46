using System.Text.Json.Serialization;
using Tpq.Chaos.Workers;

namespace Tpq.Chaos;

/// <summary>What was put against what was handled, at the end of a round.</summary>
/// <param name="Put">Messages that somebody tried to put.</param>
/// <param name="Acknowledged">Those of which he was told that they were put.</param>
/// <param name="Handled">Those in the ledger.</param>
/// <param name="Dead">Those in a dead letter queue.</param>
/// <param name="Lost">Acknowledged ones that are nowhere.</param>
/// <param name="Twice">Those that are in two places, or twice in one.</param>
/// <param name="Unexpected">Those that nobody tried to put.</param>
/// <param name="OutOfOrder">Those that were handled before one that the same producer had put earlier.</param>
sealed record Books(int Put, int Acknowledged, int Handled, int Dead, int Lost, int Twice, int Unexpected, int OutOfOrder)
{
    const int MostShown = 5;

    /// <summary>What does not balance, in words.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Problems { get; private init; } = [];

    /// <summary>Balances them.</summary>
    /// <param name="world">The server, on which nobody works any more.</param>
    /// <param name="files">Where the producers say what they have put.</param>
    /// <param name="probe">A producer too.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<Books> BalanceAsync(World world, IEnumerable<string> files, Probe probe, CancellationToken cancellationToken)
    {
        HashSet<long> attempted = [.. probe.Attempted], acknowledged = [.. probe.Acknowledged];
        foreach ((long key, bool isSuccess) in files.SelectMany(Acknowledgements.Read))
            (isSuccess ? acknowledged : attempted).Add(key);

        List<long> ledger = await world.ListAsync<long>($"SELECT key FROM {Names.Ledger} ORDER BY place", cancellationToken);
        List<long> dead = await KeysAsync(world, "_dead", cancellationToken);
        List<long> everywhere = [.. ledger, .. dead, .. await KeysAsync(world, "", cancellationToken), .. await KeysAsync(world, "_later", cancellationToken)];

        var seen = new HashSet<long>(everywhere.Count);
        List<long> twice = [.. everywhere.Where(key => !seen.Add(key))];
        List<long> lost = [.. acknowledged.Where(key => !seen.Contains(key))];
        List<long> unexpected = [.. seen.Where(key => !attempted.Contains(key))];
        List<long> disordered = await DisorderedAsync(world, acknowledged, cancellationToken);

        var problems = new List<string>();
        Complain(problems, "there twice", twice);
        Complain(problems, "never put, but there", unexpected);
        // What a standby did not have yet is lost with the primary: messages that were put, and that others were handled, who come back behind the
        // consumer's back. Both is counted, and to be expected.
        if (world.Standby != Standby.Asynchronous)
        {
            Complain(problems, "lost", lost);
            Complain(problems, "handled before one that was put earlier", disordered);
        }
        return new Books(attempted.Count, acknowledged.Count, ledger.Count, dead.Count, lost.Count, twice.Count, unexpected.Count, disordered.Count) { Problems = problems };
    }

    static async Task<List<long>> KeysAsync(World world, string suffix, CancellationToken cancellationToken)
    {
        var keys = new List<long>();
        foreach (string table in Names.Queues.Select(queue => $"tpq_{queue}{suffix}"))
        {
            if (await world.ScalarAsync<bool>($"SELECT to_regclass('{table}') IS NOT NULL", cancellationToken))
                keys.AddRange(await world.ListAsync<long>($"SELECT (data->>'key')::bigint FROM {table}", cancellationToken));
        }
        return keys;
    }

    /// <summary>One producer who puts one after the other, one consumer who handles one after the other: the order is that of the keys.</summary>
    static async Task<List<long>> DisorderedAsync(World world, HashSet<long> acknowledged, CancellationToken cancellationToken)
    {
        var disordered = new List<long>();
        long last = long.MinValue;
        foreach (long key in await world.ListAsync<long>($"SELECT key FROM {Names.Ledger} WHERE kind = 'in-order' ORDER BY place", cancellationToken))
        {
            // A put of which nobody knows may have been made later.
            if (!acknowledged.Contains(key))
                continue;
            if (key < last)
                disordered.Add(key);
            last = Math.Max(last, key);
        }
        return disordered;
    }

    static void Complain(List<string> problems, string what, List<long> keys)
    {
        if (keys.Count > 0)
            problems.Add($"{keys.Count} {what}: {string.Join(", ", keys.Take(MostShown))}{(keys.Count > MostShown ? " …" : "")}");
    }
}
