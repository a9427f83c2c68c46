namespace Tpq.Internal;

/// <summary>A queue's name and the names that follow from it. A queue and its companions live in one schema.</summary>
sealed record QueueName
{
    public const string LaterSuffix = "_later";

    /// <summary>What leaves room for a name of one byte and the suffix.</summary>
    public const int MaxPrefixBytes = Identifier.MaxBytes - 6 - 1;

    readonly string _prefix;

    QueueName(string queue, string prefix, string? schema)
    {
        Queue = queue;
        Schema = schema;
        _prefix = prefix;
        LaterName = prefix + queue + LaterSuffix;
        Table = Qualify(prefix + queue);
        Later = Qualify(LaterName);
        RingFunction = Qualify("tpq_ring");
    }

    public string Queue { get; }

    /// <summary>Null: the connection's search path.</summary>
    public string? Schema { get; }

    /// <summary>The queue's table, quoted and qualified, as are all below.</summary>
    public string Table { get; }

    /// <summary>The table of what is not ready: delayed, retrying, leased.</summary>
    public string Later { get; }

    /// <summary>The same as it is stored: neither quoted nor qualified.</summary>
    public string LaterName { get; }

    /// <summary>The trigger function that all queues of a schema share.</summary>
    public string RingFunction { get; }

    /// <summary>
    /// The channel that a put rings: the queue's name, as the Python tpq has it. In a schema of its own choice it is schema.queue, unless that
    /// is longer than a channel may be: then the queue's name will do, at the price of a needless look of another schema's consumers.
    /// </summary>
    public string Channel =>
        Schema is null || Identifier.Measure($"{Schema}.{Queue}", "channel", nameof(Channel)) > Identifier.MaxBytes ? Queue : $"{Schema}.{Queue}";

    /// <exception cref="ArgumentException">The name is empty, too long, or that of a companion table.</exception>
    public static QueueName Create(string queue, string prefix, string? schema)
    {
        ArgumentNullException.ThrowIfNull(queue, nameof(queue));
        int bytes = Identifier.Measure(queue, "name of the queue", nameof(queue));
        int room = Identifier.MaxBytes - LaterSuffix.Length - (prefix.Length == 0 ? 0 : Identifier.Measure(prefix, "table prefix", nameof(prefix)));
        if (bytes > room)
            throw new ArgumentException(
                $"The name of the queue \"{queue}\" is too long: it has {bytes} bytes in UTF-8, and at most {room} leave room for the prefix "
                + $"\"{prefix}\" and the suffix \"{LaterSuffix}\" in a PostgreSQL name.", nameof(queue));
        if (queue.EndsWith(LaterSuffix, StringComparison.Ordinal))
            throw new ArgumentException(
                $"\"{queue}\" cannot be the name of a queue: the table of that name holds what is not ready in queue \"{queue[..^LaterSuffix.Length]}\".",
                nameof(queue));
        return new QueueName(queue, prefix, schema);
    }

    /// <summary>The same queue by the schema in which it was found, which the search path may have led to.</summary>
    public QueueName In(string schema) => new(Queue, _prefix, schema);

    string Qualify(string name) => Schema is null ? Identifier.Quote(name) : $"{Identifier.Quote(Schema)}.{Identifier.Quote(name)}";
}
