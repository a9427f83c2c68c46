using System.Net.Sockets;
using Npgsql;
using Tpq.Embedded;

namespace Tpq.Cli;

/// <summary>What goes wrong, in one sentence with an exit code.</summary>
sealed record Failure(string? Sentence, int Code)
{
    /// <summary>Runs work; when it throws, says why and returns the exit code.</summary>
    public static async Task<int> GuardAsync(
        GlobalOptions options, Func<Task<int>> work, Intent intent, Func<DatabaseAddress?>? address = null)
    {
        try
        {
            return await work();
        }
        catch (Exception e)
        {
            Failure failure = Of(e, options, intent, address?.Invoke());
            if (failure.Sentence is { } sentence)
                await Console.Error.WriteLineAsync(Display.OneLine(sentence));
            if (options.Debug)
                await Console.Error.WriteLineAsync(Display.WithoutPassword(e.ToString()));
            return failure.Code;
        }
    }

    static Failure Of(Exception error, GlobalOptions options, Intent intent, DatabaseAddress? address) => error switch
    {
        OperationCanceledException => new(null, ExitCode.Interrupted),
        BrokenPipeException => new(null, ExitCode.BrokenPipe),
        CliException e => new(e.Message, e.Code),
        TpqConfigurationException e => new(e.Message, ExitCode.Unusable),
        TpqInvalidJsonException e => new($"{intent}: not a JSON value: {e.Reason} (line {e.Line}, column {e.Column}).", ExitCode.Usage),
        TpqQueueNotFoundException e => new(MissingQueue(intent, options, e.Queue, e.Database), ExitCode.Unusable),
        TpqException e => new($"{intent}: {Display.Continue(e.Message)}", ExitCode.Unusable),
        PostgresException e => new($"{intent}: the server of {address} says: {Display.WithoutPassword(e.MessageText)} ({e.SqlState}).", ExitCode.Unusable),
        // The driver says so itself, with no exception of its own: the server has asked, and there was nothing to send.
        NpgsqlException e when e.Message.StartsWith("No password", StringComparison.Ordinal) => new(
            $"{intent}: {address} wants a password, and none was given: "
            + (options.Url is null ? "put one into TPQ_URL, or into TPQ_PASS where TPQ_URL is not set." : "put one into --url, as into TPQ_URL and TPQ_PASS."),
            ExitCode.Unusable),
        NpgsqlException e => new($"{intent}: {address} cannot be reached: {Reason(e)}", ExitCode.Unusable),
        EmbeddedPostgresException e => new(e.Message, ExitCode.Unusable),
        // A name that cannot be one.
        ArgumentException e => new(WithoutParameter(e), ExitCode.Usage),
        _ => new($"{intent}: {Display.Continue(error.Message)}", ExitCode.Unusable),
    };

    public static string MissingQueue(Intent intent, GlobalOptions options, string queue, string? database) =>
        $"{intent.For(queue)}: there is no such queue in database {Display.Quote(database ?? "")} ({options.CommandLine("create", queue)} makes it)";

    /// <summary>The parameter's name is for programmers.</summary>
    public static string WithoutParameter(ArgumentException e) => e.Message.Replace($" (Parameter '{e.ParamName}')", "", StringComparison.Ordinal);

    static string Reason(NpgsqlException e) => e.InnerException switch
    {
        SocketException socket => $"{socket.Message}.",
        TimeoutException timeout => timeout.Message,
        { } inner => inner.Message,
        null => e.Message,
    };
}
