using Npgsql;
using Tpq.Embedded.Internal;
using Tpq.Internal;

namespace Tpq.Embedded.Tests;

public sealed class VersionTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(14)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(18)]
    public async Task EveryVersion_AnswersAQuery_AndHasAQueue(int major)
    {
        Surroundings surroundings = Surroundings.Current with { Override = null };
        ServerBinaries binaries = await FindAsync(surroundings, major);

        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { Settings = major < 17 ? null : new Dictionary<string, string> { ["max_notify_queue_pages"] = "64" } }, surroundings with { Override = binaries.BinDirectory }, Token);

        Assert.Equal(major, postgres.Version.Major);
        Assert.StartsWith($"{major}.", (string?)await Query.RunAsync(postgres, "show server_version", Token), StringComparison.Ordinal);
        await using var client = new TpqClient(postgres.Url);
        TpqQueue queue = client.Queue("orders");
        await queue.CreateAsync(cancellationToken: Token);
        await SomebodyWaitsForAPutAsync(queue);
        await ADelayedMessageIsHandledAsync(queue);
        await ALeaseIsCompletedAsync(queue);
        await AMessageThatKillsIsCountedAsync(postgres, queue);
        await TheDoctorLooksAtEverythingAsync(postgres, client);
    }

    /// <summary>A column of the catalog that a version does not have would be a finding: that it could not look.</summary>
    static async Task TheDoctorLooksAtEverythingAsync(EmbeddedPostgres postgres, TpqClient client)
    {
        await client.Queue("new").CreateAsync(cancellationToken: Token);
        await client.Queue("orders_dead").ClearAsync(Token);
        Diagnosis diagnosis = await new Doctor(client).ExamineAsync([], Token);
        Assert.DoesNotContain(diagnosis.Findings, f => f.Check != "server-version");
        if (postgres.Version.Major >= 17)
            await TheDoctorFindsAFullQueueOfNotificationsAsync(postgres, client);
    }

    /// <summary>Before 17 it takes gigabytes.</summary>
    static async Task TheDoctorFindsAFullQueueOfNotificationsAsync(EmbeddedPostgres postgres, TpqClient client)
    {
        await using NpgsqlConnection listener = await client.DataSource.OpenConnectionAsync(Token);
        await using NpgsqlTransaction transaction = await listener.BeginTransactionAsync(Token);
        await Query.RunAsync(listener, "LISTEN deaf", Token);
        await transaction.CommitAsync(Token);
        await using NpgsqlTransaction endless = await listener.BeginTransactionAsync(Token);
        await Query.RunAsync(listener, "SELECT 1", Token);
        await Query.RunAsync(postgres, "SELECT count(pg_notify('deaf', n || repeat('x', 4000))) FROM generate_series(1, 40) n", Token);
        Finding finding = Assert.Single((await new Doctor(client).ExamineAsync([], Token)).Findings, f => f.Check == "notifications");
        Assert.Equal($"SELECT pg_terminate_backend({listener.ProcessID})", finding.Remedy);
    }

    static async Task SomebodyWaitsForAPutAsync(TpqQueue queue)
    {
        Task<TpqDelivery?> get = queue.GetAsync(Timeout.InfiniteTimeSpan, Token);
        await queue.PutAsync("1", Token);
        await using TpqDelivery delivery = (await get)!;
        Assert.Equal("1", delivery.Message.Json);
        await delivery.CommitAsync(Token);
    }

    static async Task ADelayedMessageIsHandledAsync(TpqQueue queue)
    {
        await queue.PutAsync(new TpqPut("2") { Delay = TimeSpan.FromMilliseconds(200) }, Token);
        Assert.Null(await queue.GetAsync(cancellationToken: Token));
        await using TpqDelivery delivery = (await queue.GetAsync(Timeout.InfiniteTimeSpan, Token))!;
        Assert.Equal("2", delivery.Message.Json);
        await delivery.CommitAsync(Token);
    }

    static async Task ALeaseIsCompletedAsync(TpqQueue queue)
    {
        await queue.PutAsync("3", Token);
        TpqLeaseBatch leases = (await queue.LeaseAsync(5, TimeSpan.FromMinutes(1), cancellationToken: Token))!;
        Assert.Equal("3", Assert.Single(leases).Message.Json);
        await leases.CompleteAsync(Token);
    }

    /// <summary>By the mark that a rollback leaves in <c>xmax</c>, which each version has to leave.</summary>
    static async Task AMessageThatKillsIsCountedAsync(EmbeddedPostgres postgres, TpqQueue queue)
    {
        await queue.PutAsync("4", Token);
        var attempts = new List<int>();
        var options = new TpqConsumeOptions { MaxAttempts = 2, Backoff = TimeSpan.Zero };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task consume = queue.ConsumeAsync(async (delivery, _) =>
        {
            attempts.Add(delivery.Message.Attempts);
            await Query.RunAsync(postgres, $"SELECT pg_terminate_backend({delivery.Connection.ProcessID}, 10000)", Token);
            throw new InvalidDataException();
        }, options, stop.Token);
        await using TpqDelivery dead = (await DeadAsync(queue))!;
        await stop.CancelAsync();
        await consume;
        Assert.Equal(("4", "2"), (dead.Message.Json, dead.Message.Headers["tpq-attempts"]));
        Assert.Equal([0, 0, 1], attempts);
    }

    static async Task<TpqDelivery?> DeadAsync(TpqQueue queue)
    {
        TpqQueue dead = queue.Client.Queue("orders_dead");
        await dead.CreateAsync(cancellationToken: Token);
        return await dead.GetAsync(Timeout.InfiniteTimeSpan, Token);
    }

    static async Task<ServerBinaries> FindAsync(Surroundings surroundings, int major)
    {
        try
        {
            return await new BinarySearch(surroundings, new EmbeddedPostgresOptions { Offline = true }).FindAsync(major, Token);
        }
        catch (EmbeddedPostgresException)
        {
            // Nothing stands for a version that cannot be had: the test is skipped, with its number. apt has one at most, npm has every one.
            Assert.SkipWhen(
                ProgramPath.Find("npm", surroundings.Path) is null,
                $"PostgreSQL {major} is not on this machine, and npm, which has every version, is not on the PATH");
            // Into the user's cache, so once.
            return await new BinarySearch(surroundings, new EmbeddedPostgresOptions()).FindAsync(major, Token);
        }
    }
}
