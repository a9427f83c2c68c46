using System.Diagnostics;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class DoorbellStressTests(Server server) : DatabaseTest(server)
{
    const int Producers = 8, EachRound = 2000;

    /// <summary>50,000 messages where time does not matter.</summary>
    static readonly int Rounds = Server.IsLarge ? 25 : 5;

    /// <summary>How many doormen are killed at the least: how many rounds that takes is the machine's.</summary>
    const int Deaths = 10;

    static readonly int[] ConsumersOfProcesses = [3, 3, 2];

    /// <summary>Held while no doorman may be killed.</summary>
    readonly SemaphoreSlim _truce = new(1);

    volatile int _killed;

    /// <summary>
    /// The consumers do not look by the clock, and sessions of doormen are killed while the producers are at work. After each round these are silent until all is
    /// consumed, and no doorman is killed either, for whoever takes his place looks from the front: a wake-up that was lost in it, and that later ones would hide, shows there.
    /// </summary>
    [Fact]
    public async Task NoWakeUpIsLost_OverThreeProcesses_WhoseDoormenAreKilled()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (number bigint)");
        var processes = new List<Process>();
        long put = 0;
        using var done = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task killing = KillDoormenAsync(done.Token);
        try
        {
            foreach (int consumers in ConsumersOfProcesses)
                processes.Add(await StartAsync(consumers));
            for (int round = 1; round <= Rounds || _killed < Deaths; round++)
            {
                Assert.InRange(round, 1, 20 * Rounds);
                if (killing.IsCompleted)
                    await killing;
                long first = put;
                put += EachRound;
                await Task.WhenAll(Enumerable.Range(0, Producers).Select(p => Task.Run(() => ProduceAsync(queue, first, p), Token)));
                await _truce.WaitAsync(Token);
                await EventuallyAsync(async () => await ScalarAsync<long>($"SELECT count(*) FROM \"{Schema}\".ledger") == put,
                    $"all of round {round} is consumed", seconds: 60);
                _truce.Release();
            }
        }
        finally
        {
            await done.CancelAsync();
            foreach (Process process in processes)
            {
                process.StandardInput.Close();
                await process.WaitForExitAsync(Token);
                process.Dispose();
            }
        }
        await killing;
        Assert.Equal(put, await ScalarAsync<long>($"SELECT count(DISTINCT number) FROM \"{Schema}\".ledger"));
        Assert.Equal(0, await queue.CountAsync(Token));
    }

    static async Task ProduceAsync(TpqQueue queue, long first, int producer)
    {
        var random = new Random((int)first + producer);
        for (int i = producer; i < EachRound; i += Producers)
        {
            await queue.PutAsync($"{first + i}", Token);
            if (random.Next(4) == 0)
                await Task.Delay(random.Next(1, 6), Token);
        }
    }

    async Task KillDoormenAsync(CancellationToken done)
    {
        var random = new Random(1);
        try
        {
            while (true)
            {
                await Task.Delay(random.Next(50, 400), done);
                await _truce.WaitAsync(done);
                _killed += (int)await ScalarAsync<long>(
                    $"SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE classid = {Doorbell.BellLocks} AND objid = '\"{Schema}\".tpq_orders'::regclass AND mode = 'ExclusiveLock' AND granted");
                _truce.Release();
            }
        }
        catch (OperationCanceledException) when (done.IsCancellationRequested)
        {
            // The test is over.
        }
    }

    async Task<Process> StartAsync(int consumers)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Tpq.Sleeper.dll"), Server.Url, Schema, $"{consumers}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        Process process = Process.Start(start)!;
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync(Token));
        return process;
    }
}
