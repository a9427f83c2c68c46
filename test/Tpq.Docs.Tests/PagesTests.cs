using System.Text.RegularExpressions;
using Tpq.Docs.Tests.Fixtures;

namespace Tpq.Docs.Tests;

public sealed partial class PagesTests
{
    /// <summary>The languages whose examples are compiled or run; <c>text</c> is none.</summary>
    static readonly string[] Languages = ["csharp", "json", "sh", "sql", "text"];

    /// <summary>Code of other libraries, which is shown on one page and tested as far as they are to be had: <c>before</c> behind the fence's language.</summary>
    static readonly string[] OfOthers = ["csharp before", "sql before"];

    public static TheoryData<string> Pages => [.. Repository.Pages];

    [Theory]
    [MemberData(nameof(Pages))]
    public void EveryExample_IsInALanguageThatIsTested(string page) =>
        Assert.All(Block.Of(page), b => Assert.Contains(b.Language, page == MovingPageTests.Page ? [.. Languages, .. OfOthers] : Languages));

    [Theory]
    [MemberData(nameof(Pages))]
    public void EveryLinkIntoTheTree_LeadsSomewhere(string page)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;
        foreach (Match link in Link().Matches(Repository.Read(page)))
        {
            string target = link.Groups["target"].Value;
            if (!target.Contains("://", StringComparison.Ordinal))
                Assert.True(Path.Exists(Path.Combine(folder, target)), $"{page} has a link to {target}, which is not there.");
        }
    }

    [GeneratedRegex(@"\]\((?<target>[^)#\s]+)[^)]*\)")]
    private static partial Regex Link();
}
