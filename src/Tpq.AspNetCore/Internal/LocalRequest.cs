using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Tpq.Internal;

/// <summary>Whether a request was made on this machine, by somebody who meant this machine.</summary>
static class LocalRequest
{
    /// <summary>
    /// What proxies add, and what the middleware for forwarded headers leaves in their place: with any of them it is not known where the request came from.
    /// </summary>
    static readonly string[] ProxyHeaders =
    [
        "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Real-IP",
        "X-Original-For", "X-Original-Host", "X-Original-Proto", "X-Original-Prefix",
    ];

    public static bool IsLocal(HttpContext context) =>
        IsLoopback(context.Connection.RemoteIpAddress)
        // What the socket says, whatever a middleware has made of it.
        && (context.Features.Get<IConnectionSocketFeature>()?.Socket.RemoteEndPoint is not IPEndPoint peer || IsLoopback(peer.Address))
        // A name that a page of somebody else's has made to mean 127.0.0.1 is not ours.
        && IsLoopbackName(context.Request.Host.Host)
        && !HasProxyHeader(context)
        && !IsOfAnotherSite(context.Request.Headers);

    /// <summary>Whether a page from elsewhere asks, by the browser of somebody here, as browsers say themselves. It may lead him here by a link.</summary>
    static bool IsOfAnotherSite(IHeaderDictionary headers) =>
        headers["Sec-Fetch-Site"] is [{ } site] && site is not ("same-origin" or "none") && headers["Sec-Fetch-Mode"] != "navigate";

    static bool HasProxyHeader(HttpContext context)
    {
        IHeaderDictionary headers = context.Request.Headers;
        if (Array.Exists(ProxyHeaders, headers.ContainsKey))
            return true;
        ForwardedHeadersOptions? own = context.RequestServices.GetService<IOptions<ForwardedHeadersOptions>>()?.Value;
        return own is not null && (headers.ContainsKey(own.ForwardedForHeaderName) || headers.ContainsKey(own.OriginalForHeaderName));
    }

    static bool IsLoopback(IPAddress? address) => address is not null && IPAddress.IsLoopback(address);

    static bool IsLoopbackName(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}
