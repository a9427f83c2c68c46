using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Tpq.Internal;

/// <summary>One dashboard: what its endpoints share, and the list of them.</summary>
sealed class Dashboard
{
    Dashboard(TpqClient client, TpqDashboardOptions options, IAntiforgery? antiforgery, CancellationToken stopping)
    {
        Client = client;
        AllowsWrites = options.AllowWrites;
        Antiforgery = antiforgery;
        Stopping = stopping;
        Sampler = new Sampler(client, options.RefreshInterval, stopping);
    }

    public TpqClient Client { get; }

    public bool AllowsWrites { get; }

    /// <summary>Null where nothing can be written.</summary>
    public IAntiforgery? Antiforgery { get; }

    public Sampler Sampler { get; }

    /// <summary>The application stops.</summary>
    public CancellationToken Stopping { get; }

    public static Dashboard Create(IServiceProvider services, TpqDashboardOptions options)
    {
        TpqClient client = options.Client ?? services.GetService<TpqClient>() ?? throw new InvalidOperationException(
            "The dashboard has no TpqClient. Register one (services.AddTpq() of the package Tpq.Hosting, or services.AddSingleton), or set TpqDashboardOptions.Client.");
        IAntiforgery? antiforgery = options.AllowWrites
            ? services.GetService<IAntiforgery>() ?? throw new InvalidOperationException(
                "A dashboard that allows writes needs the services of antiforgery: call builder.Services.AddAntiforgery().")
            : null;
        return new Dashboard(client, options, antiforgery, services.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? CancellationToken.None);
    }

    public IEndpointConventionBuilder Map(RouteGroupBuilder group)
    {
        var guard = new Guard(this);
        var reads = new ReadEndpoints(this);
        var writes = new WriteEndpoints(this);
        Get("/", Assets.WritePageAsync);
        Get("/{asset}", Assets.WriteAsync);
        Get("/api/events", new LiveEndpoint(this).WriteAsync);
        Get("/api/messages", reads.MessagesAsync);
        Get("/api/later", reads.LaterAsync);
        Get("/api/message", reads.MessageAsync);
        Get("/api/held", reads.HeldAsync);
        Get("/api/doctor", new DoctorEndpoint(this).WriteAsync);
        Get("/api/token", writes.TokenAsync);
        Post("/api/put", writes.PutAsync);
        Post("/api/delete", writes.DeleteAsync);
        Post("/api/clear", writes.ClearAsync);
        Post("/api/pause", writes.PauseAsync);
        Post("/api/resume", writes.ResumeAsync);
        Post("/api/move", writes.MoveAsync);
        return group;

        void Get(string pattern, RequestDelegate handler) => group.MapMethods(pattern, [HttpMethods.Get, HttpMethods.Head], guard.Reading(handler));

        // The guard asks for the token itself, before it reads: so the application need not have the middleware.
        void Post(string pattern, RequestDelegate handler) => group.MapPost(pattern, guard.Writing(handler));
    }
}
