using Tpq.Internal;

namespace Tpq.Tests.Units;

public sealed class PutStatementTests
{
    static readonly Sql Sql = new(QueueName.Create("orders", "tpq_", null));

    [Theory]
    [InlineData(1, "1")]
    [InlineData(2, "2")]
    [InlineData(7, "4 2 1")]
    [InlineData(16, "16")]
    [InlineData(100, "16 16 16 16 16 16 4")]
    public void ManyMessages_AreFewStatements_OfFewSizes(int messages, string sizes) =>
        Assert.Equal(sizes, Sizes(Enumerable.Repeat(Message(1), messages)));

    [Fact]
    public void ALargeMessage_HasAStatementOfItsOwn() =>
        Assert.Equal("1 1 2", Sizes([Message(1), Message(70_000), Message(1), Message(1)]));

    [Fact]
    public void AMessageWithLargeHeaders_HasAStatementOfItsOwn() =>
        Assert.Equal("2 1 1", Sizes([Message(1, headers: 9), Message(1, headers: 9), Message(1, headers: 70_000), Message(1, headers: 9)]));

    [Fact]
    public void EachRow_HasItsParameters()
    {
        CheckedPut[] puts = [Message(1, headers: 2), Message(3, headers: 4), Message(5), Message(6)];
        Assert.Equal(
            [
                """INSERT INTO "tpq_orders" (data, headers) VALUES ($1, $2), ($3, $4) RETURNING id""",
                """INSERT INTO "tpq_orders" (data) VALUES ($1), ($2) RETURNING id""",
            ],
            PutStatement.Of(Sql, puts).Select(s => s.Statement.CommandText));
        Assert.Equal(
            [1, 2, 3, 4, 5, 6],
            PutStatement.Of(Sql, puts).SelectMany(s => s.Statement.Parameters).Select(p => ((ReadOnlyMemory<byte>)p.Value!).Length));
    }

    static string Sizes(IEnumerable<CheckedPut> puts) =>
        string.Join(' ', PutStatement.Of(Sql, puts.ToArray()).Select(s => s.Messages));

    static CheckedPut Message(int bytes, int? headers = null) => new(new byte[bytes], headers is { } count ? new byte[count] : (ReadOnlyMemory<byte>?)null);
}
