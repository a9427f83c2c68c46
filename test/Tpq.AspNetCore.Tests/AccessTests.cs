using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tpq.AspNetCore.Tests.Fixtures;

namespace Tpq.AspNetCore.Tests;

/// <summary>Who gets in, and what an answer lets a browser do.</summary>
public sealed class AccessTests(Server server) : DashboardTest(server)
{
    static readonly string[] Paths = ["", "main.js", "api/events", "api/messages?queue=orders", "api/token"];

    [Fact]
    public async Task AnAnswer_HasAStrictPolicy()
    {
        await StartAsync();
        foreach (string path in Paths[..2])
        {
            using HttpResponseMessage response = await Http.GetAsync(path, Token);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
                response.Headers.GetValues("Content-Security-Policy").Single());
            Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Equal("no-referrer", response.Headers.GetValues("Referrer-Policy").Single());
        }
    }

    [Fact]
    public async Task ThePage_IsBelowASlash_AndItsPartsAreNotSentTwice()
    {
        await StartAsync();
        using HttpResponseMessage redirect = await Http.GetAsync("/tpq?x=1", Token);
        Assert.Equal((HttpStatusCode.Found, "/tpq/?x=1"), (redirect.StatusCode, redirect.Headers.Location!.OriginalString));
        using HttpResponseMessage first = await Http.GetAsync("style.css", Token);
        using var again = new HttpRequestMessage(HttpMethod.Get, "style.css");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using HttpResponseMessage second = await Http.SendAsync(again, Token);
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        using HttpResponseMessage missing = await Http.GetAsync("Tpq.dll", Token);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    /// <summary>Behind a proxy of this machine, and from a page that has made its own name mean 127.0.0.1, everybody is a loopback address.</summary>
    [Theory]
    [InlineData("X-Forwarded-For", "127.0.0.1")]
    [InlineData("X-Original-For", "127.0.0.1:1")]
    [InlineData("Forwarded", "for=127.0.0.1")]
    [InlineData("X-Real-IP", "::1")]
    [InlineData("Via", "1.1 proxy")]
    [InlineData("Host", "attacker.example")]
    [InlineData("Host", "127.0.0.1.attacker.example")]
    public async Task WithoutAuthorization_OnlyALocalRequestIsAnswered(string header, string value)
    {
        await StartAsync(allowWrites: true);
        foreach (string path in Paths)
            Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync(path, header, value));
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1:8080")]
    [InlineData("[::1]:8080")]
    public async Task ALocalName_IsAnswered(string host)
    {
        await StartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync("", "Host", host));
    }

    /// <summary>A page from elsewhere has it asked by a browser of this machine, and an application that allows every origin would let it read the answer.</summary>
    [Theory]
    [InlineData("cross-site", "cors")]
    [InlineData("cross-site", "no-cors")]
    [InlineData("same-site", "cors")]
    public async Task AnotherSitesPage_IsNotAnswered(string site, string mode)
    {
        await StartAsync(allowWrites: true);
        foreach (string path in Paths)
            Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync(path, "Sec-Fetch-Site", site, "Sec-Fetch-Mode", mode));
    }

    [Theory]
    [InlineData("same-origin", "cors")]
    [InlineData("none", "navigate")]
    [InlineData("cross-site", "navigate")]
    public async Task ItsOwnPage_AndALinkToIt_AreAnswered(string site, string mode)
    {
        await StartAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync("", "Sec-Fetch-Site", site, "Sec-Fetch-Mode", mode));
    }

    /// <summary>A middleware that believes a header makes a request of 127.0.0.1 of it, or one of another address.</summary>
    [Fact]
    public async Task WithForwardedHeaders_NobodyBecomesLocal()
    {
        await StartAsync(
            services: s => s.Configure<ForwardedHeadersOptions>(o => (o.ForwardedHeaders, o.ForwardedForHeaderName, o.OriginalForHeaderName) = (ForwardedHeaders.All, "X-Client", "X-Before")),
            pipeline: app => app.UseForwardedHeaders());
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync("", "X-Client", "127.0.0.1"));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync("", "X-Client", "10.0.0.1"));
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync("", "X-Other", "1"));
    }

    [Fact]
    public async Task AMiddlewareThatChangesTheAddress_MakesNobodyLocal()
    {
        await StartAsync(pipeline: app => app.Use((context, next) =>
        {
            context.Connection.RemoteIpAddress = IPAddress.Parse("203.0.113.1");
            return next();
        }));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync("", "X-Other", "1"));
    }

    [Fact]
    public async Task WithAuthorization_ItDecides()
    {
        await StartAsync(services: AddAuthorization, pipeline: UseAuthorization, conventions: dashboard => dashboard.RequireAuthorization());
        foreach (string path in Paths)
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(path, "X-Other", "1"));
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync("", "X-User", "ada"));
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync("", "X-User", "ada", "X-Forwarded-For", "203.0.113.1"));
    }

    [Fact]
    public async Task AllowAnonymous_IsNoAuthorization()
    {
        await StartAsync(services: AddAuthorization, pipeline: UseAuthorization, conventions: dashboard => dashboard.RequireAuthorization().AllowAnonymous());
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync("", "X-Forwarded-For", "203.0.113.1"));
    }

    [Theory]
    [InlineData("put", """{"queue": "orders", "json": "1"}""")]
    [InlineData("delete", """{"queue": "orders", "id": 1}""")]
    [InlineData("clear", """{"queue": "orders"}""")]
    [InlineData("pause", """{"queue": "orders"}""")]
    [InlineData("resume", """{"queue": "orders"}""")]
    [InlineData("move", """{"queue": "orders", "target": "other"}""")]
    public async Task AWrite_IsRefused_WhereItOnlyReads_AndWithoutAToken(string action, string body)
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        await NewQueueAsync("other");
        await StartAsync();
        Assert.Equal(HttpStatusCode.Forbidden, await PostStatusAsync());
        await StartAsync(allowWrites: true);
        Assert.Equal(HttpStatusCode.BadRequest, await PostStatusAsync());
        // The cookie, which the browser sends by itself, is not enough.
        await GetAsync("api/token");
        Assert.Equal(HttpStatusCode.BadRequest, await PostStatusAsync());
        Assert.Equal(1, await queue.CountAsync(Token));
        Assert.False(await queue.ResumeAsync(Token));

        async Task<HttpStatusCode> PostStatusAsync()
        {
            using HttpResponseMessage response = await Http.PostAsync($"api/{action}", new StringContent(body, null, "application/json"), Token);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task AWriteByGet_IsNoneAtAll()
    {
        TpqQueue queue = await NewQueueAsync("orders", "1");
        await StartAsync(allowWrites: true);
        using HttpResponseMessage response = await Http.GetAsync("api/clear?queue=orders", Token);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(1, await queue.CountAsync(Token));
    }

    async Task<HttpStatusCode> StatusOfAsync(string path, params string[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (string[] header in headers.Chunk(2))
            Assert.True(request.Headers.TryAddWithoutValidation(header[0], header[1]));
        using HttpResponseMessage response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Token);
        return response.StatusCode;
    }

    static void AddAuthorization(IServiceCollection services)
    {
        services.AddAuthentication("Header").AddScheme<AuthenticationSchemeOptions, HeaderAuthentication>("Header", null);
        services.AddAuthorization();
    }

    static void UseAuthorization(WebApplication app)
    {
        app.UseAuthentication();
        app.UseAuthorization();
    }

    /// <summary>Believes whoever says a name.</summary>
    sealed class HeaderAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
    {
        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Request.Headers["X-User"] is [{ } user]
            ? AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.Name, user)], "Header")), "Header"))
            : AuthenticateResult.NoResult());
    }
}
