using System.Diagnostics;
using Npgsql;

namespace Tpq.Embedded.Tests;

public sealed class EmbeddedPostgresTests(ITestOutputHelper output)
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StartAsync_AnswersAQuery_WhenItReturns()
    {
        long start = Stopwatch.GetTimestamp();
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(cancellationToken: Token);
        TimeSpan started = Stopwatch.GetElapsedTime(start);
        await using var connection = new NpgsqlConnection(postgres.ConnectionString);
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand("select 1", connection);
        Assert.Equal(1, await command.ExecuteScalarAsync(Token));
        output.WriteLine($"started after {started.TotalMilliseconds:F0} ms, first query after {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F0} ms");
        long stop = Stopwatch.GetTimestamp();
        await postgres.DisposeAsync();
        output.WriteLine($"disposed in {Stopwatch.GetElapsedTime(stop).TotalMilliseconds:F0} ms");
        Assert.False(Directory.Exists(postgres.DataDirectory));
    }
}
