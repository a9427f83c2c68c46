using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Tpq.Chaos.Workers;

namespace Tpq.Chaos;

/// <summary>Keeps so many processes of each kind alive: one that ends is replaced.</summary>
/// <param name="folder">For their files.</param>
/// <param name="seed">Each process has another one, made of it.</param>
/// <param name="say">Is told why a process has given up.</param>
sealed class Fleet(string folder, int seed, Action<string> say) : IAsyncDisposable
{
    const string Extension = ".acknowledged";

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    readonly ConcurrentDictionary<int, Member> _members = new();
    readonly ConcurrentBag<Task> _watches = [];
    readonly HashSet<string> _stopped = [];

    public int Started { get; private set; }

    public IEnumerable<Member> Members => _members.Values;

    /// <summary>The files of acknowledgements of all producers there have been.</summary>
    public IEnumerable<string> Acknowledgements => Directory.EnumerateFiles(folder, $"*{Extension}");

    /// <summary>How many processes have ended because of an error that they could not go on with.</summary>
    public int GaveUp { get; private set; }

    /// <param name="kind">What it does; see <see cref="Job"/>.</param>
    /// <param name="database">How it connects.</param>
    /// <param name="rate">Of a producer.</param>
    public void Start(string kind, string database, int rate = 0) => _watches.Add(KeepAsync(kind, database, rate));

    /// <summary>Stops all of these kinds in order.</summary>
    /// <returns>Those that did not stop, and were killed.</returns>
    public async Task<IReadOnlyList<string>> StopAsync(Func<string, bool> isOfKind)
    {
        Member[] members;
        lock (_stopped)
        {
            members = [.. _members.Values.Where(m => isOfKind(m.Kind))];
            _stopped.UnionWith(members.Select(static m => m.Kind));
        }
        foreach (Member member in members)
            member.Stop();
        var late = new List<string>();
        foreach (Member member in members)
        {
            try
            {
                await member.Ended.WaitAsync(Patience);
            }
            catch (TimeoutException)
            {
                late.Add($"{member.Kind}, process {member.Id}");
                member.Signal("KILL");
            }
        }
        return late;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(static _ => true);
        await Task.WhenAll(_watches);
    }

    async Task KeepAsync(string kind, string database, int rate)
    {
        while (StartOne(kind, database, rate) is { } member)
        {
            await member.Ended;
            _members.TryRemove(member.Id, out _);
            if (member.Error.Length > 0)
            {
                GaveUp++;
                say(member.Error.TrimEnd());
                // A server that is down refuses it at once: without a pause, members would be started in a tight loop.
                await Task.Delay(200);
            }
        }
    }

    Member? StartOne(string kind, string database, int rate)
    {
        lock (_stopped)
        {
            if (_stopped.Contains(kind))
                return null;
            int number = ++Started;
            string? file = Job.Puts(kind) ? Path.Combine(folder, $"{number}{Extension}") : null;
            var member = new Member(new Job(kind, database, number, seed + number, rate, file));
            _members[member.Id] = member;
            return member;
        }
    }

    /// <summary>One process.</summary>
    public sealed class Member
    {
        readonly Process _process;

        public Member(Job job)
        {
            Kind = job.Kind;
            string[] words = [CommandLine.WorkerVerb, job.Kind, job.Database, Text(job.Number), Text(job.Seed), Text(job.Rate), job.Acknowledgements ?? ""];
            _process = Process.Start(new ProcessStartInfo("dotnet", [typeof(Fleet).Assembly.Location, .. words])
            {
                RedirectStandardInput = true,
                RedirectStandardError = true,
            })!;
            Id = _process.Id;
            Ended = EndAsync();
        }

        public string Kind { get; }

        public int Id { get; }

        public Task Ended { get; }

        public string Error { get; private set; } = "";

        public void Signal(string name)
        {
            using Process kill = Process.Start(new ProcessStartInfo("kill", ["-s", name, Text(Id)]) { RedirectStandardError = true })!;
            kill.WaitForExit();
        }

        public void Stop() => _process.StandardInput.Close();

        async Task EndAsync()
        {
            Error = await _process.StandardError.ReadToEndAsync();
            await _process.WaitForExitAsync();
        }

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }
}
