namespace Tpq.Docs.Tests.Fixtures;

/// <summary>What the examples of other libraries are compiled with, beside what every example is.</summary>
static class Others
{
    public const string Hangfire =
        """
        global using System.Text.Json;
        global using System.Transactions;
        global using Hangfire;
        global using Hangfire.PostgreSql;
        """;

    public const string MassTransit =
        """
        global using MassTransit;
        global using Microsoft.Extensions.DependencyInjection;
        global using static Tpq.Docs.Tests.Fixtures.MassTransitPrelude;
        """;

    public static string For(Block block) => block.Text.Contains("MassTransit", StringComparison.Ordinal) ? MassTransit : Hangfire;
}
