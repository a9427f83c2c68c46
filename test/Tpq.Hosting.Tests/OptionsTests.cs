using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tpq.Hosting.Tests.Fixtures;
using Tpq.Tests.Fixtures;

namespace Tpq.Hosting.Tests;

/// <summary>Where the settings of a consumer come from, and what becomes of wrong ones.</summary>
public sealed class OptionsTests(Server server) : HostTest(server)
{
    public static TheoryData<string, string> Keys =>
    [
        .. typeof(TpqConsumeOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Select(p => (p.Name, p.PropertyType == typeof(int) ? "3" : "00:00:03")),
    ];

    [Theory]
    [MemberData(nameof(Keys))]
    public void TheConfiguration_WinsOverTheCode_KeyByKey(string key, string value)
    {
        AddConsumer(o => (o.Concurrency, o.MaxAttempts, o.Backoff, o.MaxBackoff, o.HandlerTimeout, o.LeaseDuration, o.Grace) =
            (7, 7, Seconds(7), Seconds(7), Seconds(7), Seconds(7), Seconds(7)));
        Set($"tpq:consumers:ORDERS:{key}", value);
        TpqConsumeOptions options = Read();
        foreach (PropertyInfo property in typeof(TpqConsumeOptions).GetProperties())
        {
            int expected = property.Name == key ? 3 : 7;
            Assert.Equal(property.PropertyType == typeof(int) ? expected : Seconds(expected), property.GetValue(options));
        }
    }

    [Fact]
    public void EachConsumer_HasItsSection()
    {
        AddConsumer();
        Tpq.AddConsumer("bills", (_, _, _) => Task.CompletedTask);
        Set("Tpq:Consumers:bills:Concurrency", "4");
        IOptionsMonitor<TpqConsumeOptions> options = Build().Services.GetRequiredService<IOptionsMonitor<TpqConsumeOptions>>();
        Assert.Equal((1, 4), (options.Get("orders").Concurrency, options.Get("bills").Concurrency));
    }

    [Theory]
    [InlineData("Concurrency", "0", "Tpq:Consumers:orders:Concurrency: Concurrency ('0') must be greater than or equal to '1'.")]
    [InlineData("Concurrency", "many", "'many' at 'Tpq:Consumers:orders:Concurrency' to type 'System.Int32'")]
    [InlineData("Backoff", "-00:00:01", "Tpq:Consumers:orders:Backoff: Backoff ('-00:00:01') must be greater than or equal to '00:00:00'.")]
    [InlineData("Backoff", "soon", "'soon' at 'Tpq:Consumers:orders:Backoff' to type 'System.TimeSpan'")]
    [InlineData("HandlerTimeout", "00:00:00", "Tpq:Consumers:orders:HandlerTimeout: ")]
    [InlineData("LeaseDuration", "00:00:00.5", "Tpq:Consumers:orders:LeaseDuration: ")]
    [InlineData("Grace", "25.00:00:00", "Tpq:Consumers:orders:Grace: ")]
    [InlineData("MaxAttemps", "3", "Tpq:Consumers:orders:MaxAttemps: ")]
    public async Task AWrongValue_StopsTheStart_AndIsNamed(string key, string value, string reason)
    {
        AddConsumer();
        Set($"Tpq:Consumers:orders:{key}", value);
        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => Build().StartAsync(Token));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void ATimeWithoutItsUnit_IsRefused(string key, string value)
    {
        AddConsumer();
        Set($"Tpq:Consumers:orders:{key}", "2");
        if (value == "3")
            Read();
        else
            Assert.StartsWith($"Tpq:Consumers:orders:{key} is \"2\", a time without its unit", Assert.Throws<OptionsValidationException>(Read).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AWrongValueInTheCode_StopsTheStart_AndIsNamed()
    {
        AddConsumer(o => o.MaxAttempts = 0);
        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => Build().StartAsync(Token));
        Assert.StartsWith("The consumer of queue \"orders\", in the code: MaxAttempts ('0') must be", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AllThatIsWrong_IsTold_NotTheFirstOnly()
    {
        AddConsumer(o => o.MaxAttempts = 0);
        foreach ((string key, string value) in new[] { ("Concurrency", "0"), ("Backoff", "2"), ("MaxBackoff", "soon"), ("Grce", "00:00:03"), ("LeaseDuration", "00:00:10") })
            Set($"Tpq:Consumers:orders:{key}", value);
        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => Build().StartAsync(Token));
        string[] wrong = ["the code", "orders:Backoff", "orders:Concurrency", "orders:Grce", "orders:MaxBackoff"];
        Assert.All(wrong, w => Assert.Single(error.Failures, f => f.Contains(w, StringComparison.Ordinal)));
        Assert.Equal(wrong.Length, error.Failures.Count());
        Assert.All(error.Failures, f => Assert.Contains(f, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task AValueWhereASectionBelongs_AndTheOtherWayRound_StopTheStart()
    {
        AddConsumer();
        Set("Tpq:Consumers:orders", "4");
        Set("Tpq:Consumers:orders:Backoff:Seconds", "1");
        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => Build().StartAsync(Token));
        Assert.Equal(
            ["Tpq:Consumers:orders is \"4\", and has to be a section, with Concurrency and the like in it.", "Tpq:Consumers:orders:Backoff is a section, and has to be a value."],
            error.Failures);
    }

    [Fact]
    public async Task EachConsumerWithWrongSettings_IsTold()
    {
        AddConsumer(o => o.MaxAttempts = 0);
        Tpq.AddConsumer("bills", (_, _, _) => Task.CompletedTask, o => o.Concurrency = 0);
        AggregateException errors = await Assert.ThrowsAsync<AggregateException>(() => Build().StartAsync(Token));
        Assert.Equal(["orders", "bills"], errors.InnerExceptions.Cast<OptionsValidationException>().Select(e => e.OptionsName));
    }

    [Theory]
    [InlineData(30, 25, 25)]
    [InlineData(60, 25, 25)]
    [InlineData(60, 59, 55)]
    [InlineData(6, 25, 5)]
    [InlineData(6, 2, 2)]
    [InlineData(0, 25, 0)]
    [InlineData(-0.001, 25, 25)]
    public void TheGrace_EndsBeforeTheHostsShutdownDoes(double shutdown, int grace, int expected)
    {
        AddConsumer(o => o.Grace = Seconds(1));
        App.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(shutdown));
        Set("Tpq:Consumers:orders:Grace", Seconds(grace).ToString("c", CultureInfo.InvariantCulture));
        Assert.Equal(Seconds(expected), Read().Grace);
    }

    void AddConsumer(Action<TpqConsumeOptions>? configure = null) => Tpq.AddConsumer("orders", (_, _, _) => Task.CompletedTask, configure);

    TpqConsumeOptions Read() => Build().Services.GetRequiredService<IOptionsMonitor<TpqConsumeOptions>>().Get("orders");

    static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
}
