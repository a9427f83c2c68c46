using System.Text.Json;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace Tpq.Internal;

/// <summary>Stands before every endpoint: who gets in, what a browser may do with the answer, and how an error is told.</summary>
sealed class Guard(Dashboard dashboard)
{
    const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    public RequestDelegate Reading(RequestDelegate handler) => context => PassAsync(context, handler, isWrite: false);

    public RequestDelegate Writing(RequestDelegate handler) => context => PassAsync(context, handler, isWrite: true);

    async Task PassAsync(HttpContext context, RequestDelegate handler, bool isWrite)
    {
        Protect(context.Response.Headers);
        if (!IsAuthorized(context) && !LocalRequest.IsLocal(context))
        {
            await Answer.ErrorAsync(context, StatusCodes.Status403Forbidden,
                "This dashboard answers requests of its own machine only: authorization is not configured. In the application: MapTpqDashboard(…).RequireAuthorization().");
            return;
        }
        try
        {
            if (!isWrite || await MayWriteAsync(context))
                await handler(context);
        }
        catch (Exception e) when (!context.Response.HasStarted && Explain(e) is { } problem)
        {
            await Answer.ErrorAsync(context, problem.Status, problem.Words);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody waits for the answer.
        }
    }

    async Task<bool> MayWriteAsync(HttpContext context)
    {
        if (dashboard.Antiforgery is not { } antiforgery)
        {
            await Answer.ErrorAsync(context, StatusCodes.Status403Forbidden, "This dashboard only reads.");
            return false;
        }
        try
        {
            await antiforgery.ValidateRequestAsync(context);
            return true;
        }
        catch (AntiforgeryValidationException)
        {
            await Answer.ErrorAsync(context, StatusCodes.Status400BadRequest, "The request did not come from the dashboard's page, or the page is too old. Load it again.");
            return false;
        }
    }

    /// <summary>The authorization middleware has let it in, or else the server would have refused to run the endpoint.</summary>
    static bool IsAuthorized(HttpContext context) =>
        context.GetEndpoint()?.Metadata is { } metadata && metadata.GetMetadata<IAuthorizeData>() is not null && metadata.GetMetadata<IAllowAnonymous>() is null;

    static void Protect(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }

    static (int Status, string Words)? Explain(Exception error) => error switch
    {
        TpqQueueNotFoundException => (StatusCodes.Status404NotFound, error.Message),
        TpqInvalidJsonException => (StatusCodes.Status400BadRequest, error.Message),
        ArgumentException or TpqException => (StatusCodes.Status409Conflict, WithoutParameter(error)),
        JsonException => (StatusCodes.Status400BadRequest, "The request is not what the dashboard's page sends."),
        BadHttpRequestException e => (e.StatusCode, e.Message),
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e => (StatusCodes.Status403Forbidden, $"The dashboard's role may not do that: {e.MessageText}."),
        PostgresException { SqlState: PostgresErrorCodes.QueryCanceled } => (
            StatusCodes.Status503ServiceUnavailable, "It took too long, and was given up: the queue is locked, or has a great many dead rows in front."),
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } => (
            StatusCodes.Status409Conflict, "The server only reads: it is a standby, or default_transaction_read_only is on."),
        PostgresException e when !Fault.IsConnectionLoss(e) => (StatusCodes.Status409Conflict, $"The server refused it: {e.MessageText}."),
        NpgsqlException => (StatusCodes.Status503ServiceUnavailable, Sampler.Unreachable),
        _ => null,
    };

    static string WithoutParameter(Exception error) => error is ArgumentException { ParamName: { } name }
        ? error.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal)
        : error.Message;
}
