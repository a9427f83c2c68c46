using Tpq.Internal;
using Tpq.Internal.Overview;

namespace Tpq.Tests.Units;

public sealed class RatesTests
{
    static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    readonly Rates _rates = new(TimeSpan.FromMinutes(1));

    void Add(int second, long puts, long takes, string queue = "orders")
    {
        var statistics = new QueueStatistics(QueueName.Create(queue, "tpq_", null), [], true, 0, null, 0, false, puts, takes, 0, 0, false);
        _rates.Add(new DatabaseOverview(Start.AddSeconds(second), [new QueueOverview(statistics, default, default, null, null, null, false)]));
    }

    [Fact]
    public void Now_IsTheMeanOfTheLastSeconds()
    {
        Assert.Null(_rates.Now("orders"));
        Add(0, 1000, 500);
        Assert.Null(_rates.Now("orders"));
        Add(2, 1010, 502);
        Assert.Equal((5, 1), _rates.Now("orders"));
        Add(12, 1030, 502);
        Assert.Equal((2, 0), _rates.Now("orders"));
        Add(40, 1030, 502);
        Assert.Null(_rates.Now("orders"));
        Add(42, 1032, 502);
        Assert.Equal((1, 0), _rates.Now("orders"));
    }

    [Fact]
    public void AReset_IsNoRate()
    {
        Add(0, 1000, 1000);
        Add(2, 5, 5);
        Assert.Null(_rates.Now("orders"));
    }

    [Fact]
    public void TheFillerOfANewQueue_IsNoRate()
    {
        Add(0, 0, 0);
        Add(2, 4000, 4000);
        Assert.Null(_rates.Now("orders"));
        Add(11, 4020, 4005);
        Assert.Equal((20 / 9.0, 5 / 9.0), _rates.Now("orders"));
    }

    [Fact]
    public void WhatIsOlderThanTheWindow_AndWhatIsGone_IsForgotten()
    {
        for (int second = 0; second <= 120; second += 2)
            Add(second, second, 0);
        Assert.Equal(31, _rates.Of("orders").Count);
        Assert.Equal(Start.AddSeconds(60), _rates.Of("orders").First().At);
        Add(122, 0, 0, queue: "other");
        Assert.Empty(_rates.Of("orders"));
        Assert.Single(_rates.Of("other"));
    }
}
