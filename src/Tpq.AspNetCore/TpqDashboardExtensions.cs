using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Tpq.Internal;

namespace Tpq;

/// <summary>Adds the dashboard to an application's endpoints.</summary>
public static class TpqDashboardExtensions
{
    /// <summary>Adds a dashboard of a client's queues: a page, its parts, and what it asks for.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">Where the dashboard is. Its parts are below that.</param>
    /// <param name="configure">Settings; <see langword="null"/> for the defaults.</param>
    /// <returns>
    /// All of its endpoints, for conventions. With <c>RequireAuthorization</c> the application's authorization decides who gets in.
    /// </returns>
    /// <remarks>
    /// <para>Without authorization only requests of this machine are answered: from a loopback address, to a loopback address or <c>localhost</c> as
    /// host, and with no header of a proxy, since behind one everybody seems to be local. Others get 403.</para>
    /// <para>Writing takes <see cref="TpqDashboardOptions.AllowWrites"/> and the services of <c>AddAntiforgery</c>, which
    /// <c>AddRazorPages</c>, <c>AddControllersWithViews</c> and <c>AddRazorComponents</c> add too.</para>
    /// </remarks>
    /// <exception cref="InvalidOperationException">
    /// No <see cref="TpqClient"/> is registered nor set; or writes are allowed, and the services of antiforgery are missing.
    /// </exception>
    public static IEndpointConventionBuilder MapTpqDashboard(
        this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern = "/tpq", Action<TpqDashboardOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        var options = new TpqDashboardOptions();
        configure?.Invoke(options);
        return Dashboard.Create(endpoints.ServiceProvider, options).Map(endpoints.MapGroup(pattern));
    }
}
