using Tpq.Embedded.Internal;

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
    public async Task StartAsync_AnswersAQuery_WithEveryVersion(int major)
    {
        // Fetched into the user's cache, so once.
        Surroundings surroundings = Surroundings.Current with { Override = null };
        ServerBinaries binaries = await new BinarySearch(surroundings, new EmbeddedPostgresOptions()).FindAsync(major, Token);

        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions(), surroundings with { Override = binaries.BinDirectory }, Token);

        Assert.Equal(major, postgres.Version.Major);
        Assert.StartsWith($"{major}.", (string?)await Query.RunAsync(postgres, "show server_version", Token), StringComparison.Ordinal);
    }
}
