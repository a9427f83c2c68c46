using Tpq.Internal;

namespace Tpq.Tests.Units;

public sealed class IdentifierTests
{
    [Theory]
    [InlineData("orders", "\"orders\"")]
    [InlineData("a\"b", "\"a\"\"b\"")]
    [InlineData("\"", "\"\"\"\"")]
    [InlineData("'; drop table x; --", "\"'; drop table x; --\"")]
    public void Quote_DoublesQuotes(string name, string quoted) => Assert.Equal(quoted, Identifier.Quote(name));

    [Theory]
    [InlineData("orders", "'orders'")]
    [InlineData("a'b", "'a''b'")]
    [InlineData("a\\b", "E'a\\\\b'")]
    [InlineData("\\'", "E'\\\\'''")]
    public void Literal_DoublesQuotesAndBackslashes(string text, string literal) => Assert.Equal(literal, Identifier.Literal(text));
}
