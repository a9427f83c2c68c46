using Tpq.Docs.Tests.Fixtures;

namespace Tpq.Docs.Tests;

public sealed class SnippetTests
{
    public static TheoryData<string> CSharpBlocks => [.. Block.All("csharp").Select(b => b.ToString())];

    [Theory]
    [MemberData(nameof(CSharpBlocks))]
    public void EveryCSharpExample_Compiles(string place) =>
        Assert.Equal([], Snippet.Errors(Block.All("csharp").Single(b => b.ToString() == place)));

    /// <summary>The test of the test: an example that is broken is found.</summary>
    [Theory]
    [InlineData("await orders.PutAync(\"1\");", "CS1061")]
    [InlineData("TpqDelivery taken = await orders.GetAsync();", "CS8600")]
    [InlineData("orders.PutAsync(\"1\"); await Task.Yield();", "CS4014")]
    public void ABrokenExample_IsFound_AtItsLine(string code, string error) =>
        Assert.StartsWith($"README.md:8: {error}", Assert.Single(Snippet.Errors(new Block("README.md", 7, "csharp", code))), StringComparison.Ordinal);
}
