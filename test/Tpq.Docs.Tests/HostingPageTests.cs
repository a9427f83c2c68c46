using System.Reflection;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Tpq.Docs.Tests.Fixtures;

namespace Tpq.Docs.Tests;

public sealed class HostingPageTests
{
    [Fact]
    public void TheSettings_AreRead_AndAreAllThatThereAre()
    {
        Block settings = Assert.Single(Block.All("json"));
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(settings.Text));
        IConfiguration configuration = new ConfigurationBuilder().AddJsonStream(stream).Build();
        using ServiceProvider provider = new ServiceCollection().AddSingleton(configuration)
            .AddTpq().AddConsumer("orders", (_, _, _) => Task.CompletedTask, o => (o.LeaseDuration, o.Grace) = (TimeSpan.FromDays(1), TimeSpan.FromDays(1)))
            .Services.BuildServiceProvider();
        TpqConsumeOptions options = provider.GetRequiredService<IOptionsMonitor<TpqConsumeOptions>>().Get("orders");
        // Beside the first three it shows the defaults.
        var expected = new TpqConsumeOptions { Concurrency = 4, MaxAttempts = 3, Backoff = TimeSpan.FromSeconds(2) };
        PropertyInfo[] properties = typeof(TpqConsumeOptions).GetProperties();
        Assert.All(properties, p => Assert.Equal(p.GetValue(expected), p.GetValue(options)));
        Assert.Equal(properties.Select(p => p.Name).Order(), configuration.GetSection("Tpq:Consumers:orders").GetChildren().Select(c => c.Key).Order());
    }
}
