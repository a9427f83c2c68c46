using Npgsql;
using Tpq.Internal;

namespace Tpq.Tests.Units;

public sealed class ConnectionUrlTests
{
    [Fact]
    public void Parse_ReadsEveryPart()
    {
        NpgsqlConnectionStringBuilder b = Parse("postgresql://us%40er:p%3Aa%2Fss@db.example:6543/my%20db?sslmode=verify-full&application_name=a%26b&connect_timeout=7");
        Assert.Equal(("us@er", "p:a/ss", "db.example", 6543, "my db"), (b.Username, b.Password, b.Host, b.Port, b.Database));
        Assert.Equal((SslMode.VerifyFull, "a&b", 7), (b.SslMode, b.ApplicationName, b.Timeout));
    }

    [Theory]
    [InlineData("postgres://localhost", "localhost", 5432)]
    [InlineData("postgresql://localhost:1/", "localhost", 1)]
    [InlineData("postgresql://[::1]:6000/db", "::1", 6000)]
    [InlineData("postgresql://[2001:db8::1]/db", "2001:db8::1", 5432)]
    [InlineData("postgresql://%2Fvar%2Frun%2Fpostgresql/db", "/var/run/postgresql", 5432)]
    [InlineData("postgresql:///db?host=/tmp&port=7000", "/tmp", 7000)]
    [InlineData("postgresql://a:1,b:2,c/db", "a:1,b:2,c", 5432)]
    [InlineData("postgresql:///db?host=a,b&port=1,2", "a:1,b:2", 5432)]
    [InlineData("postgresql://a/db?port=7,8&hostaddr=10.0.0.1,10.0.0.2&host=b,c", "10.0.0.1:7,10.0.0.2:8", 5432)]
    [InlineData("postgresql://a:7/db?hostaddr=10.0.0.1", "10.0.0.1", 7)]
    [InlineData("postgresql://[::1]:1,b/db", "[::1]:1,b", 5432)]
    public void Parse_ReadsHosts(string url, string host, int port)
    {
        NpgsqlConnectionStringBuilder b = Parse(url);
        Assert.Equal((host, port), (b.Host, b.Port));
    }

    [Fact]
    public void Parse_TakesThePasswordUpToTheLastAt() => Assert.Equal("p@ss", Parse("postgresql://u:p@ss@h/d").Password);

    [Theory]
    [InlineData("target_session_attrs=read-write", "read-write")]
    [InlineData("target_session_attrs=any", "any")]
    public void Parse_KeepsTargetSessionAttributes(string parameter, string value) =>
        Assert.Equal(value, Parse($"postgresql://a,b/d?{parameter}").TargetSessionAttributes);

    /// <summary>As libpq has it from JDBC's URLs.</summary>
    [Fact]
    public void Parse_RequiresTls_WhenSslIsTrue() => Assert.Equal(SslMode.Require, Parse("postgresql://h/d?ssl=true").SslMode);

    [Theory]
    [InlineData("mysql://u:secret@h/d", "neither with postgresql://")]
    [InlineData("postgresql://u:secret@h:99999/d", "\"port\"")]
    [InlineData("postgresql://u:secret@h:abc/d", "\"port\"")]
    [InlineData("postgresql://u:secret@a:1,b:x/d", "\"port\"")]
    [InlineData("postgresql://u:secret%@h/d", "%25")]
    [InlineData("postgresql://u:secret%zz@h/d", "%25")]
    [InlineData("postgresql://u:secret@h/d?sslmode=secret", "\"sslmode\"")]
    [InlineData("postgresql://u:secret@h/d?ssl=secret", "\"ssl\"")]
    [InlineData("postgresql://u:secret@h/d?nope=secret", "\"nope\"")]
    [InlineData("postgresql://u:secret@h/d?sslmode", "without \"=\"")]
    [InlineData("postgresql://u:?secret=x@h/d", "%3F")]
    [InlineData("postgresql://u:42?secret=x@h", "%3F")]
    [InlineData("postgresql://u:a/secret@h/d", "%2F")]
    [InlineData("postgresql://u:x@secret/y@h/d", "%2F")]
    [InlineData("postgresql://u:x@y?secret=1@h/d", "%3F")]
    [InlineData("postgresql://h/d?user=postgresql://u:secret%40h", "\"user\"")]
    [InlineData("postgresql://Host=h;Database=a,b,Password='secret;secret';Timeout=1", "\"host\"")]
    [InlineData("postgresql://u:x@a,b:secret%40c:1/d", "\"host\"")]
    [InlineData("postgresql://u:secret@h/d?sslmode=3", "\"sslmode\"")]
    [InlineData("postgresql://u:secret@[::1/d", "brackets")]
    [InlineData("postgresql://u:secret@h/d%00", "%00")]
    public void Parse_NamesTheParameterAndNeverTheValue_WhenItIsWrong(string url, string because)
    {
        var error = Assert.Throws<TpqConfigurationException>(() => Parse(url));
        Assert.StartsWith("TPQ_URL", error.Message, StringComparison.Ordinal);
        Assert.Contains(because, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    static NpgsqlConnectionStringBuilder Parse(string url) => ConnectionUrl.Parse(url, "TPQ_URL");
}
