using Tpq.Internal;

namespace Tpq.Tests.Units;

public sealed class QueueNameTests
{
    [Fact]
    public void Create_NamesTheCompanions()
    {
        var name = QueueName.Create("orders", "tpq_", "Shop");
        Assert.Equal("\"Shop\".\"tpq_orders\"", name.Table);
        Assert.Equal("\"Shop\".\"tpq_orders_later\"", name.Later);
        Assert.Equal("Shop.orders", name.Channel);
    }

    [Fact]
    public void Channel_IsTheQueuesName_WithoutASchemaOrWithOneThatIsTooLong()
    {
        Assert.Equal("orders", QueueName.Create("orders", "tpq_", null).Channel);
        Assert.Equal("orders", QueueName.Create("orders", "tpq_", new string('s', 60)).Channel);
    }

    [Theory]
    [InlineData("tpq_", 53)]
    [InlineData("", 57)]
    public void Create_TakesNamesUpToTheLimit_CountedInBytes(string prefix, int room)
    {
        QueueName.Create(new string('q', room), prefix, null);
        QueueName.Create(new string('ü', room / 2), prefix, null);
        var tooLong = Assert.Throws<ArgumentException>(() => QueueName.Create(new string('q', room + 1), prefix, null));
        Assert.Contains($"{room + 1} bytes", tooLong.Message, StringComparison.Ordinal);
        Assert.Contains($"at most {room}", tooLong.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => QueueName.Create(new string('ü', (room / 2) + 1), prefix, null));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("a\0b", "U+0000")]
    [InlineData("orders_later", "not ready")]
    public void Create_RefusesWhatCannotBeAQueue(string queue, string because) =>
        Assert.Contains(because, Assert.Throws<ArgumentException>(() => QueueName.Create(queue, "tpq_", null)).Message, StringComparison.Ordinal);

    [Fact]
    public void Create_RefusesHalfASurrogatePair() =>
        Assert.Contains("surrogate", Assert.Throws<ArgumentException>(() => QueueName.Create("a\ud800", "tpq_", null)).Message, StringComparison.Ordinal);
}
