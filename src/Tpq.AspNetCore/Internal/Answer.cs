using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Tpq.Internal;

static class Answer
{
    public static Task JsonAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(context.Response.Body, value, type, context.RequestAborted);
    }

    public static Task ErrorAsync(HttpContext context, int status, string words)
    {
        context.Response.StatusCode = status;
        return JsonAsync(context, new ErrorJson(words), DashboardJson.Default.ErrorJson);
    }
}
