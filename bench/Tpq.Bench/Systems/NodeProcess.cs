using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>A system that runs in node, in a process of its own that is told what to do line by line.</summary>
sealed class NodeProcess : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    readonly Process _process;
    readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode?>> _questions = new();
    readonly SemaphoreSlim _writing = new(1);
    readonly Task _reading;
    string _lastError = "";
    int _number;

    NodeProcess(Process process)
    {
        _process = process;
        _reading = ReadAsync();
        _process.ErrorDataReceived += (_, line) => _lastError = line.Data is { Length: > 0 } words ? words : _lastError;
        _process.BeginErrorReadLine();
    }

    public static async Task<NodeProcess> StartAsync(string system, Database database, CancellationToken cancellationToken)
    {
        string folder = await NodePackages.InstallAsync(cancellationToken);
        ProcessStartInfo start = NodePackages.Start("node", ["main.js", system, database.Url, database.ConnectionString(system).ApplicationName!]);
        start.WorkingDirectory = folder;
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        return new NodeProcess(Process.Start(start)!);
    }

    public async Task<T> AskAsync<T>(string command, object? options, CancellationToken cancellationToken) =>
        (await AskAsync(command, options, cancellationToken))!.GetValue<T>();

    public async Task<JsonNode?> AskAsync(string command, object? options, CancellationToken cancellationToken)
    {
        int id = Interlocked.Increment(ref _number);
        var answer = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _questions[id] = answer;
        JsonObject question = options is null ? [] : JsonSerializer.SerializeToNode(options)!.AsObject();
        question["id"] = id;
        question["command"] = command;
        await _writing.WaitAsync(cancellationToken);
        try
        {
            await _process.StandardInput.WriteLineAsync(question.ToJsonString());
            await _process.StandardInput.FlushAsync(cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
        if (_reading.IsCompleted)
            answer.TrySetException(Ended());
        return await answer.Task.WaitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await AskAsync("end", null, CancellationToken.None).WaitAsync(Patience);
            await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(Patience);
        }
        catch (Exception e) when (e is IOException or TimeoutException or InvalidOperationException)
        {
            // It has ended already, or will not.
        }
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _reading;
        _process.Dispose();
        _writing.Dispose();
    }

    async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            // What a library prints is not for us.
            if (!line.StartsWith('{') || JsonNode.Parse(line) is not JsonObject answer || !_questions.TryRemove((int)answer["id"]!, out var question))
                continue;
            if ((string?)answer["notPossible"] is { } reason)
                question.TrySetException(new NotPossibleException(reason));
            else if ((string?)answer["error"] is { } error)
                question.TrySetException(new InvalidOperationException(error));
            else
                question.TrySetResult(answer["result"]);
        }
        foreach (TaskCompletionSource<JsonNode?> question in _questions.Values)
            question.TrySetException(Ended());
    }

    InvalidOperationException Ended() => new($"node has ended: {_lastError}");
}
