using System.Text;
using Tpq.Internal;

namespace Tpq.Tests.Units;

public sealed class JsonTextTests
{
    [Theory]
    [InlineData("", "it is empty", 1, 1)]
    [InlineData(" \n ", "it is empty", 2, 2)]
    [InlineData("NaN", "'N' is an invalid start of a value", 1, 1)]
    [InlineData("{\"a\": 1,\n \"ä\": x}", "invalid start of a value", 2, 7)]
    [InlineData("1 2", "", 1, 3)]
    [InlineData("[1,]", "", 1, 4)]
    [InlineData("\"a\nb\"", "", 1, 3)]
    [InlineData("\"\\ud8x0\"", "", 1, 6)]
    [InlineData("{'a': 1}", "", 1, 2)]
    [InlineData("// c\n1", "", 1, 1)]
    [InlineData("01", "", 1, 2)]
    [InlineData("\uFEFF1", "byte order mark", 1, 1)]
    public void Checked_SaysWhere_WhenItIsNotJson(string text, string reason, long line, long column)
    {
        var error = Assert.Throws<TpqInvalidJsonException>(() => JsonText.Checked(text));
        Assert.Contains(reason, error.Reason, StringComparison.Ordinal);
        Assert.Equal((line, column), (error.Line, error.Column));
        Assert.Null(error.Index);
    }

    [Fact]
    public void Checked_SaysWhere_WhenBytesAreNotUtf8()
    {
        var error = Assert.Throws<TpqInvalidJsonException>(() => JsonText.Checked("{\n\"äö"u8.ToArray().Append((byte)0xff).ToArray().AsMemory()));
        Assert.Contains("UTF-8", error.Reason, StringComparison.Ordinal);
        Assert.Equal((2L, 4L), (error.Line, error.Column));
    }

    [Fact]
    public void Checked_SaysWhere_WhenAStringHoldsHalfASurrogatePair()
    {
        var error = Assert.Throws<TpqInvalidJsonException>(() => JsonText.Checked("[\n \"ab\ud800\"]"));
        Assert.Contains("surrogate", error.Reason, StringComparison.Ordinal);
        Assert.Equal((2L, 5L), (error.Line, error.Column));
    }

    [Fact]
    public void Checked_TakesNesting_UpToTheLimit()
    {
        JsonText.Checked(Nested(JsonText.MaxDepth));
        var error = Assert.Throws<TpqInvalidJsonException>(() => JsonText.Checked(Nested(JsonText.MaxDepth + 1)));
        Assert.Contains("5,000 levels", error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void At_KeepsThePlace_AndNamesTheMessage()
    {
        var error = Assert.Throws<TpqInvalidJsonException>(() => JsonText.Checked("[1,\n x]")).At(41);
        Assert.Equal((2L, 2L, 41L), (error.Line, error.Column, error.Index));
        Assert.Contains("message 41", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Message_DoesNotRepeatThePayload()
    {
        var error = Assert.Throws<TpqInvalidJsonException>(() => JsonText.Checked("{\"card\": \"4111-1111\" \"secret\"}"));
        Assert.DoesNotContain("4111", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    public static string Nested(int depth) =>
        new StringBuilder(2 * depth).Append('[', depth).Append(']', depth).ToString();
}
