using Npgsql;
using Tpq.Embedded;

namespace Tpq.Tests.Fixtures;

/// <summary>Two servers, of which the second follows the first, and has all that the first has acknowledged.</summary>
sealed class PrimaryAndStandby : IAsyncDisposable
{
    readonly string _folder;

    PrimaryAndStandby(string folder, EmbeddedPostgres primary, EmbeddedPostgres standby) => (_folder, Primary, Standby) = (folder, primary, standby);

    public EmbeddedPostgres Primary { get; }

    public EmbeddedPostgres Standby { get; }

    /// <summary>How an application connects to whichever of them is the primary.</summary>
    public string ConnectionString => new NpgsqlConnectionStringBuilder(Primary.ConnectionString)
    {
        Host = $"127.0.0.1:{Primary.Port},127.0.0.1:{Standby.Port}",
        TargetSessionAttributes = "primary",
        Timeout = 3,
        // Else a host that was found down is not asked again for 10 s.
        HostRecheckSeconds = 1,
    }.ConnectionString;

    /// <param name="slot">What the standby reads from; null for no slot.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<PrimaryAndStandby> StartAsync(string? slot, CancellationToken cancellationToken)
    {
        string folder = Directory.CreateTempSubdirectory("tpq-test-").FullName;
        // The server's account has to enter it.
        await DebianPackage.RunAsync("chmod", "711", folder);
        string first = Path.Combine(folder, "first"), second = Path.Combine(folder, "second");
        EmbeddedPostgres primary = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataDirectory = first, Settings = new Dictionary<string, string> { ["synchronous_standby_names"] = "*" } }, cancellationToken);
        try
        {
            // The copy of a server that stands still is a base backup, and takes no program that not every installation has.
            await primary.StopAsync(cancellationToken: cancellationToken);
            await DebianPackage.RunAsync("cp", "-a", first, second);
            await DebianPackage.RunAsync("touch", Path.Combine(second, "data", "standby.signal"));
            await primary.StartAgainAsync(cancellationToken);
            if (slot is not null)
                await ExecuteAsync(primary, $"SELECT pg_create_physical_replication_slot('{slot}')", cancellationToken);
            var follow = new NpgsqlConnectionStringBuilder(primary.ConnectionString);
            EmbeddedPostgres standby = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions
            {
                DataDirectory = second,
                Settings = new Dictionary<string, string>
                {
                    ["primary_conninfo"] = $"host={follow.Host} port={follow.Port} user={follow.Username} password={follow.Password}",
                    ["primary_slot_name"] = slot ?? "",
                    ["hot_standby_feedback"] = "on",
                    ["wal_receiver_status_interval"] = "1s",
                },
            }, cancellationToken);
            return new PrimaryAndStandby(folder, primary, standby);
        }
        catch
        {
            await primary.DisposeAsync();
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>The primary dies, and the standby takes its place.</summary>
    public async Task FailOverAsync(CancellationToken cancellationToken)
    {
        await Primary.KillAsync(cancellationToken);
        Assert.Equal(true, await ExecuteAsync(Standby, "SELECT pg_promote()", cancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        await Primary.DisposeAsync();
        await Standby.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    static async Task<object?> ExecuteAsync(EmbeddedPostgres server, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(server.ConnectionString);
        await using NpgsqlCommand command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(cancellationToken);
    }
}
