namespace Tpq.Docs.Tests.Fixtures;

/// <summary>A fenced block of a page: an example.</summary>
/// <param name="Page">The page's path from the root.</param>
/// <param name="Line">The line of the page, counted from 1, on which the fence opens.</param>
/// <param name="Language">What stands behind the opening fence; <c>sh</c> where there is nothing.</param>
/// <param name="Text">What is between the fences.</param>
sealed record Block(string Page, int Line, string Language, string Text)
{
    const string Fence = "```";

    public static IEnumerable<Block> All(string language) => Repository.Pages.SelectMany(Of).Where(b => b.Language == language);

    public static IReadOnlyList<Block> Of(string page, string language) => [.. Of(page).Where(b => b.Language == language)];

    public static IReadOnlyList<Block> Of(string page)
    {
        var blocks = new List<Block>();
        string[] lines = Repository.Read(page).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].TrimStart().StartsWith(Fence, StringComparison.Ordinal))
                continue;
            int open = i;
            for (i++; lines[i].Trim() != Fence;)
                i++;
            string language = lines[open].Trim()[Fence.Length..];
            blocks.Add(new Block(page, open + 1, language.Length == 0 ? "sh" : language, string.Join('\n', lines[(open + 1)..i]) + "\n"));
        }
        return blocks;
    }

    /// <summary>The one block of a page that has a text in it.</summary>
    public static Block With(string page, string language, string text) =>
        Assert.Single(Of(page, language), b => b.Text.Contains(text, StringComparison.Ordinal));

    public override string ToString() => $"{Page}:{Line}";
}
