using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Tpq.Internal;

/// <summary>The page and its parts, which are in the assembly.</summary>
static class Assets
{
    const string Page = "index.html";

    static readonly Dictionary<string, Asset> All = Read();

    public static Task WritePageAsync(HttpContext context)
    {
        string path = context.Request.PathBase + context.Request.Path;
        // The page names its parts relative to itself.
        if (path.EndsWith('/'))
            return WriteAsync(context, All[Page]);
        context.Response.Redirect($"{path}/{context.Request.QueryString}");
        return Task.CompletedTask;
    }

    public static Task WriteAsync(HttpContext context) => context.Request.RouteValues["asset"] is string name && All.TryGetValue(name, out Asset? asset)
        ? WriteAsync(context, asset)
        : Answer.ErrorAsync(context, StatusCodes.Status404NotFound, "There is no such part of the dashboard.");

    static async Task WriteAsync(HttpContext context, Asset asset)
    {
        HttpResponse response = context.Response;
        response.Headers.CacheControl = "no-cache";
        response.Headers.ETag = asset.Tag;
        if (context.Request.Headers[HeaderNames.IfNoneMatch] == asset.Tag)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        response.ContentType = asset.Type;
        response.ContentLength = asset.Bytes.Length;
        await response.Body.WriteAsync(asset.Bytes, context.RequestAborted);
    }

    static Dictionary<string, Asset> Read()
    {
        Assembly assembly = typeof(Assets).Assembly;
        return assembly.GetManifestResourceNames().ToDictionary(static name => name, name =>
        {
            using Stream stream = assembly.GetManifestResourceStream(name)!;
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return new Asset(bytes, TypeOf(name), $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]}\"");
        }, StringComparer.Ordinal);
    }

    static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        var other => throw new InvalidOperationException($"What is {other}?"),
    };

    sealed record Asset(byte[] Bytes, string Type, string Tag);
}
