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
        Surroundings surroundings = Surroundings.Current with { Override = null };
        ServerBinaries binaries = await FindAsync(surroundings, major);

        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions(), surroundings with { Override = binaries.BinDirectory }, Token);

        Assert.Equal(major, postgres.Version.Major);
        Assert.StartsWith($"{major}.", (string?)await Query.RunAsync(postgres, "show server_version", Token), StringComparison.Ordinal);
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
