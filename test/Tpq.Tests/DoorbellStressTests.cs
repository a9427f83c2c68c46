using System.Diagnostics;
using Tpq.Internal;
using Tpq.Tests.Fixtures;

namespace Tpq.Tests;

public sealed class DoorbellStressTests(Server server) : DatabaseTest(server)
{
    const int Producers = 8;

    /// <summary>
    /// A wake-up that was lost is made good by the next one, so rounds are short: each ends with one that no other follows. And of any length, so that it comes at any moment of a
    /// change of doormen.
    /// </summary>
    const int MostInRound = 160;

    /// <summary>All where time does not matter.</summary>
    static readonly int Messages = Server.IsLarge ? 50_000 : 10_000;

    /// <summary>How many doormen are killed at the least: how many rounds that takes is the machine's.</summary>
    const int Deaths = 10;

    static readonly int[] ConsumersOfProcesses = [3, 3, 2];

    /// <summary>Between two deaths.</summary>
    const int CalmRounds = 20;

    /// <summary>
    /// The consumers do not look by the clock. After each round the producers are silent until all is consumed: a wake-up that was lost in it, and that later ones would hide, shows
    /// there. In some rounds a doorman is killed, at any moment. Whoever has lost his connection looks from the front when he has a new one, and once a second until then, and so
    /// does who takes the doorman's place; so a few rounds follow in which nothing but the bell wakes anybody.
    /// </summary>
    [Fact]
    public async Task NoWakeUpIsLost_OverThreeProcesses_WhoseDoormenAreKilled()
    {
        TpqQueue queue = await NewQueueAsync();
        await ExecuteAsync($"CREATE TABLE \"{Schema}\".ledger (number bigint)");
        var processes = new List<Process>();
        var random = new Random(1);
        long put = 0, killed = 0;
        try
        {
            foreach (int consumers in ConsumersOfProcesses)
                processes.Add(await StartAsync(consumers));
            while (put < Messages || killed < Deaths)
            {
                Assert.InRange(put, 0, 20 * Messages);
                foreach (Process process in processes)
                    await EventuallyAsync(() => IsServedAsync(process), "the bell serves each process");
                for (int round = 0; round < CalmRounds; round++)
                    await PutAsync();
                Task<long> killing = KillDoormanAsync(random.Next(100));
                await PutAsync();
                killed += await killing;
            }
        }
        finally
        {
            foreach (Process process in processes)
            {
                process.StandardInput.Close();
                await process.WaitForExitAsync(Token);
                process.Dispose();
            }
        }
        Assert.Equal(put, await ScalarAsync<long>($"SELECT count(DISTINCT number) FROM \"{Schema}\".ledger"));
        Assert.Equal(0, await queue.CountAsync(Token));

        async Task PutAsync()
        {
            long first = put;
            put += random.Next(1, MostInRound);
            await Task.WhenAll(Enumerable.Range(0, Producers).Select(p => Task.Run(() => ProduceAsync(queue, first + p, put), Token)));
            await EventuallyAsync(async () => await ScalarAsync<long>($"SELECT count(*) FROM \"{Schema}\".ledger") == put,
                $"all up to message {put} are consumed", seconds: 60);
        }
    }

    static async Task ProduceAsync(TpqQueue queue, long first, long end)
    {
        var random = new Random((int)first);
        for (long number = first; number < end; number += Producers)
        {
            await queue.PutAsync($"{number}", Token);
            if (random.Next(4) == 0)
                await Task.Delay(random.Next(1, 6), Token);
        }
    }

    /// <returns>How many there were.</returns>
    async Task<long> KillDoormanAsync(int milliseconds)
    {
        // Where in a round it strikes is left to chance, and nothing is concluded from it.
        await Task.Delay(milliseconds, Token);
        return await ScalarAsync<long>(
            $"SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE classid = {Doorbell.BellLocks} AND objid = '\"{Schema}\".tpq_orders'::regclass AND mode = 'ExclusiveLock' AND granted");
    }

    /// <summary>Whether nothing but the bell wakes its consumers.</summary>
    static async Task<bool> IsServedAsync(Process process)
    {
        await process.StandardInput.WriteLineAsync();
        return bool.Parse((await process.StandardOutput.ReadLineAsync(Token))!);
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
