using System.Text.Json.Nodes;

namespace Tpq.Bench.Systems;

static class NodeVersions
{
    /// <summary>The version of a package that the manifest beside this program pins.</summary>
    public static string? Of(string package)
    {
        string manifest = Path.Combine(AppContext.BaseDirectory, "node", "package.json");
        return File.Exists(manifest) ? (string?)JsonNode.Parse(File.ReadAllText(manifest))!["dependencies"]![package] : null;
    }
}
