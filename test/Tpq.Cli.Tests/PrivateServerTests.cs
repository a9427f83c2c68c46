using System.Diagnostics;
using Npgsql;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class PrivateServerTests(Server server) : CommandTest(server)
{
    [Fact]
    public async Task Dev_RunsTheCommandWithTpqUrl_AndStopsTheServer()
    {
        ProcessStartInfo start = Command("dev", "--offline", "--", "sh", "-c", "echo $TPQ_URL $TPQ_HOST $PGHOST; exit 7");
        start.Environment["TPQ_HOST"] = "elsewhere";
        start.Environment["PGHOST"] = "elsewhere";
        using var running = new Running(start);
        string url = (await running.EndAsync()).With(7).Output.Trim();
        Assert.Matches("^postgresql://[^ ]*@127\\.0\\.0\\.1:[0-9]+/[a-z]+$", url);
        Assert.NotEqual(Server.Url, url);
        await IsDownAsync(url);
    }

    [Fact]
    public async Task Dev_WritesTheUrlAndKeepsTheMessages_WhenItIsStartedAgain()
    {
        string url = "";
        for (int round = 1; round <= 2; round++)
        {
            using Running running = Start("dev", "--offline", "--data=data");
            await running.SaysAsync("Ctrl+C");
            url = running.Output.Trim();
            await using (var client = new TpqClient(url))
            {
                TpqQueue queue = client.Queue("kept");
                Assert.Equal(round == 1, await queue.CreateAsync(cancellationToken: Token));
                await queue.PutAsync("1", Token);
                Assert.Equal(round, await queue.CountAsync(Token));
            }
            running.Signal("TERM");
            Assert.Equal(url + "\n", (await running.EndAsync()).With(130).Output);
        }
        await IsDownAsync(url);
    }

    [Fact]
    public async Task Dev_UsesThePort_WhenOneIsGiven()
    {
        int port = FreePort();
        Ended ended = (await RunAsync("dev", "--offline", $"--port={port}", "--", "sh", "-c", "echo $TPQ_URL")).With(0);
        Assert.Contains($":{port}/", ended.Output);
    }

    [Fact]
    public async Task Dev_UsesAFreePort_WhenItIs0() =>
        Assert.DoesNotMatch(":0/", (await RunAsync("dev", "--offline", "--port=0", "--", "sh", "-c", "echo $TPQ_URL")).With(0).Output);

    [Fact]
    public async Task Dev_PassesCtrlCOnAndStopsTheServerAfterTheCommand()
    {
        using Running running = StartOnTerminal("exec $TPQ dev --offline -- bash -c 'n=0; trap \"n=\\$((n+1)); echo trapped \\$n; [ \\$n = 1 ] || exit 3\" INT; echo url=$TPQ_URL.; while :; do sleep 0.1; done'");
        await running.SaysAsync("/postgres.");
        for (int n = 1; n <= 2; n++)
        {
            await running.Input.WriteAsync("\u0003"u8.ToArray(), Token);
            await running.Input.FlushAsync(Token);
            await running.SaysAsync($"trapped {n}");
        }
        Ended ended = (await running.EndAsync()).With(3);
        Assert.Contains("trapped", ended.Output);
        await IsDownAsync(ended.Output.Split("url=")[1].Split(".\r")[0]);
    }

    [Fact]
    public async Task Dev_PassesSigtermOn()
    {
        using Running running = Start("dev", "--offline", "--", "bash", "-c", "trap 'echo trapped; exit 3' TERM; echo begun; while :; do sleep 0.1; done");
        await running.SaysAsync("begun");
        running.Signal("TERM");
        Assert.Contains("trapped", (await running.EndAsync()).With(3).Output);
    }

    [Fact]
    public async Task Dev_Exits4_WhenTheCommandCannotBeStarted() => Assert.Equal(
        "Could not start \"./nope\": No such file or directory.\n", (await RunAsync("dev", "--offline", "--quiet", "--", "./nope")).With(4).Error);

    [Fact]
    public async Task Dev_Exits3_WhenTheFolderIsSomethingElse()
    {
        Directory.CreateDirectory(FilePath("full"));
        await File.WriteAllTextAsync(FilePath("full/file"), "x", Token);
        Assert.Contains("full", (await RunAsync("dev", "--offline", "--data=full")).With(3).Error);
    }

    [Fact]
    public async Task Dev_Exits3_WhenTheFolderIsAFile()
    {
        await File.WriteAllTextAsync(FilePath("file"), "x", Token);
        Assert.EndsWith("file is a file: choose a folder.\n", (await RunAsync("dev", "--offline", "--data=file")).With(3).Error);
    }

    [Fact]
    public async Task Demo_BalancesTheBooks_OnAPrivateServer()
    {
        ProcessStartInfo start = Command("demo", "--offline");
        start.ArgumentList.RemoveAt(1);
        start.ArgumentList.RemoveAt(1);
        start.Environment.Remove("TPQ_URL");
        using var running = new Running(start);
        Ended ended = (await running.EndAsync()).With(0);
        IsBalanced(ended);
        Assert.Contains("Started a private PostgreSQL", ended.Error);
    }

    [Fact]
    public async Task Demo_LeavesNothingBehind_InTheDatabaseOfTpqUrl()
    {
        Ended ended = (await RunAsync("demo")).With(0);
        IsBalanced(ended);
        Assert.Contains($"Working in database \"{Server.Database}\"", ended.Error);
        Assert.Equal(0L, await TablesAsync());
    }

    [Fact]
    public async Task Demo_WritesItsTableAsJson_WhenAskedTo() => Assert.Equal(
        "[{\"put\":400,\"done\":400,\"done_twice\":0,\"lost\":0,\"waiting\":0}]\n", (await RunAsync("demo", "--json")).With(0).Output);

    [Fact]
    public async Task Demo_LeavesNothingBehind_WhenInterrupted()
    {
        using Running running = Start("demo");
        await running.SaysAsync("Put 400 messages");
        running.Signal("TERM");
        (await running.EndAsync()).With(130);
        Assert.Equal(0L, await TablesAsync());
    }

    static void IsBalanced(Ended ended)
    {
        string[] lines = ended.Output.TrimEnd('\n').Split('\n');
        Assert.Matches("^put +done +done twice +lost +waiting$", lines[0]);
        Assert.Matches("^400 +400 +0 +0 +0$", lines[1]);
        Assert.Contains("and fails: its write is undone, and it is tried again later.", ended.Error);
        Assert.Matches("Consumer [0-9] has got order [0-9]+ again, and has done it.", ended.Error);
        Assert.Contains("Every order is done, and none twice.", ended.Error);
    }

    static async Task IsDownAsync(string url)
    {
        await using var client = new TpqClient(url);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => client.ListAsync(Token));
    }

    Task<long> TablesAsync() => ScalarAsync<long>($"SELECT count(*) FROM pg_tables WHERE schemaname = '{Schema}'");

    static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }
}
