using System.CommandLine;

namespace Tpq.Cli.Commands;

static class ProduceCommand
{
    static readonly Intent Intent = new("write to");

    static readonly Argument<string> Queue = QueueArgument.Create();

    static readonly Option<string> File = new("--file")
    {
        Description = "Where to read. Default: -, standard input.",
        HelpName = "path",
    };

    static readonly Option<bool> Lines = new("--lines")
    {
        Description = "Put one message for each line, all in one transaction. Blank lines are skipped.",
    };

    static readonly Option<int?> Batch = Number.Option("--batch", "With --lines: commit after each N messages. Default: once, at the end.");

    static readonly Option<TimeSpan?> Delay = Duration.Option("--delay",
        $"How long the message is not to be delivered, by the server's clock: {Duration.Forms}. Default: not at all.");

    static readonly Option<bool> CreateQueue = new("--create") { Description = "Create the queue if it is missing." };

    public static Command Create()
    {
        var command = new Verb("produce", "Put a message, one JSON value, into a queue.",
            "echo '{\"id\": 7}' | tpq produce orders",
            "tpq produce orders --lines --file=orders.jsonl",
            "echo '{\"id\": 7}' | tpq produce reminders --delay=2h")
        {
            Queue, File, Lines, Batch, Delay, CreateQueue,
        };
        command.Aliases.Add("put");
        command.Validators.Add(result =>
        {
            if (result.GetResult(Batch) is not null && !result.GetValue(Lines))
                result.AddError("--batch is for --lines.");
        });
        command.OnQueue(Queue, Intent.Action, RunAsync);
        return command;
    }

    static async Task<int> RunAsync(ParseResult parse, Session session, TpqQueue queue, CancellationToken cancellationToken)
    {
        await using Input input = await Input.OpenAsync(parse.GetValue(File), session.Options, cancellationToken);
        try
        {
            return parse.GetValue(Lines)
                ? await PutLinesAsync(parse, session, queue, input, cancellationToken)
                : await PutAsync(parse, queue, input, cancellationToken);
        }
        // The database's are the driver's own exceptions.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw input.Unreadable(e);
        }
    }

    static async Task<int> PutAsync(ParseResult parse, TpqQueue queue, Input input, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> json = await input.ReadMessageAsync(cancellationToken);
        try
        {
            await PutAsync();
        }
        // Only now: what is no JSON leaves no queue behind.
        catch (TpqQueueNotFoundException) when (parse.GetValue(CreateQueue))
        {
            await queue.CreateAsync(cancellationToken: cancellationToken);
            await PutAsync();
        }
        return ExitCode.Done;

        async Task PutAsync()
        {
            var message = new TpqPut(json) { Delay = parse.GetValue(Delay), Headers = await Trace.HeadersAsync(queue, cancellationToken) };
            await queue.PutAsync(message, cancellationToken);
        }
    }

    static async Task<int> PutLinesAsync(
        ParseResult parse, Session session, TpqQueue queue, Input input, CancellationToken cancellationToken)
    {
        var lines = new JsonLines(input.ToPipe());
        var put = new LinesPut(queue, lines, parse.GetValue(Batch), parse.GetValue(CreateQueue), parse.GetValue(Delay));
        try
        {
            await LinesProgress.ShowAsync(put, lines, input.Length, session.Options, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            session.Say($"Interrupted. {put.HowFar}");
            throw;
        }
        catch (Exception e) when (e is not CliException && put.Committed > 0)
        {
            // Otherwise nothing is said: where the connection breaks at a commit, nobody knows.
            await Console.Error.WriteLineAsync(put.HowFar);
            throw;
        }
        // Without a message nothing has looked for the queue.
        if (put.Committed == 0 && !await queue.ExistsAsync(cancellationToken))
            throw new CliException(Failure.MissingQueue(Intent, session.Options, queue.Name, session.Database), ExitCode.Unusable);
        session.Say($"Put {Display.Messages(put.Committed)} into queue {Display.Quote(queue.Name)}.");
        return ExitCode.Done;
    }
}
