using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Internal;

namespace Tpq.Tests.Units;

public sealed class ConfigurationTests
{
    readonly FakeLogger _logger = new();

    [Fact]
    public void Read_TakesTheUrl_BeforeAnythingElse()
    {
        NpgsqlConnectionStringBuilder b = Read(("TPQ_URL", "postgresql://u:p@h:1/d"), ("TPQ_HOST", "other"), ("PGHOST", "another"));
        Assert.Equal(("u", "p", "h", 1, "d"), (b.Username, b.Password, b.Host, b.Port, b.Database));
    }

    [Fact]
    public void Read_TakesNpgsqlsKeywords_InTheUrlVariable()
    {
        NpgsqlConnectionStringBuilder b = Read(("TPQ_URL", "Host=h;Port=2;Database=d;Username=u;Password=a://b"));
        Assert.Equal(("u", "a://b", "h", 2, "d"), (b.Username, b.Password, b.Host, b.Port, b.Database));
    }

    [Fact]
    public void Read_TakesTheParts()
    {
        NpgsqlConnectionStringBuilder b = Read(("TPQ_HOST", "h"), ("TPQ_PORT", "3"), ("TPQ_DB", "d"), ("TPQ_USER", "u"), ("TPQ_PASS", "p%3A"));
        Assert.Equal(("u", "p%3A", "h", 3, "d"), (b.Username, b.Password, b.Host, b.Port, b.Database));
    }

    [Fact]
    public void Read_FillsWhatIsLeftOpen_FromLibpqsVariables()
    {
        NpgsqlConnectionStringBuilder b = Read(
            ("TPQ_URL", "postgresql:///d"), ("PGHOST", "h"), ("PGPORT", "4"), ("PGDATABASE", "no"), ("PGUSER", "u"), ("PGPASSWORD", "p"), ("PGSSLMODE", "require"));
        Assert.Equal(("u", "p", "h", 4, "d", SslMode.Require), (b.Username, b.Password, b.Host, b.Port, b.Database, b.SslMode));
    }

    [Fact]
    public void Read_TakesLibpqsVariables_WhereNoneOfOursIsSet()
    {
        NpgsqlConnectionStringBuilder b = Read(
            ("PGHOST", "a,b"), ("PGPORT", "5"), ("PGDATABASE", "d"), ("PGUSER", "u"), ("PGPASSFILE", "/nowhere/pgpass"));
        Assert.Equal(("a,b", 5, "d", "u", "/nowhere/pgpass"), (b.Host, b.Port, b.Database, b.Username, b.Passfile));
    }

    [Fact]
    public void Read_TakesLibpqsDefaults_ForTheRest()
    {
        NpgsqlConnectionStringBuilder b = Read(("PGHOST", "h"));
        Assert.Equal((Environment.UserName, Environment.UserName, 5432), (b.Username, b.Database, b.Port));
    }

    [Fact]
    public void Read_SaysWhatToSet_WhenNothingIs()
    {
        string message = Assert.Throws<TpqConfigurationException>(() => Read(("PGUSER", "u"))).Message;
        Assert.Contains("TPQ_URL", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TPQ_PORT", "x")]
    [InlineData("PGPORT", "0")]
    [InlineData("PGSSLMODE", "secret")]
    [InlineData("TPQ_DB", "postgresql://u:secret@h/d")]
    [InlineData("PGUSER", "Host=h;Password=secret")]
    public void Read_NamesTheVariable_WhenItIsWrong(string variable, string value)
    {
        string message = Assert.Throws<TpqConfigurationException>(() => Read(("TPQ_HOST", "h"), ("TPQ_PASS", "secret"), (variable, value))).Message;
        Assert.StartsWith(variable, message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", message, StringComparison.Ordinal);
        Assert.DoesNotContain(_logger.Collector.GetSnapshot(), r => r.Message.Contains("secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("host=localhost dbname=secret")]
    [InlineData("secret")]
    [InlineData("Host=h;Port=secret")]
    [InlineData("Host=h;Passwort=secret")]
    [InlineData("Host=secret;Nope=")]
    [InlineData("Host=postgresql://u:secret@h/d")]
    [InlineData("Host=joe:secret@h:1/d")]
    [InlineData("Host=h;Database=d Password=secret")]
    public void Read_DoesNotRepeatTheText_WhenItIsNoConnectionString(string text)
    {
        var error = Assert.Throws<TpqConfigurationException>(() => Read(("TPQ_URL", text)));
        Assert.StartsWith("TPQ_URL is neither a URL", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LogsWhereItFoundWhat_WithoutThePassword()
    {
        Read(("TPQ_URL", "postgresql://u:secret@h/d"));
        string[] lines = [.. _logger.Collector.GetSnapshot().Select(r => $"{r.Level}: {r.Message}")];
        Assert.Equal(
            ["Debug: Read database config from environment", "Debug: Parsing TPQ_URL", "Debug: Database config found: host h, database d, user u"], lines);
    }

    [Theory]
    [InlineData("Host=h;Multiplexing=true", "Multiplexing")]
    [InlineData("Database=d", "Host")]
    [InlineData("postgresql://a,b/d?target_session_attrs=standby", "target_session_attrs")]
    public void Client_RefusesWhatAQueueCannotUse(string connectionString, string because) =>
        Assert.Contains(because, Assert.Throws<TpqConfigurationException>(() => new TpqClient(connectionString)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Client_RefusesADataSourceThatMultiplexes()
    {
        await using var multiplexing = NpgsqlDataSource.Create("Host=h;Multiplexing=true");
        Assert.Throws<TpqConfigurationException>(() => new TpqClient(multiplexing));
    }

    [Fact]
    public void Client_WantsThePrimary_OfSeveralHosts() =>
        Assert.Contains("MultiHost", new TpqClient("Host=a,b;Database=d").DataSource.GetType().Name, StringComparison.Ordinal);

    NpgsqlConnectionStringBuilder Read(params (string Name, string Value)[] variables) =>
        new Configuration(name => variables.FirstOrDefault(v => v.Name == name).Value, _logger).Read();

    [Theory]
    [InlineData("Host=h;Minimum Pool Size=10;Maximum Pool Size=5")]
    [InlineData("Host=a:x,b")]
    [InlineData("postgresql://h:1.1:1/d")]
    [InlineData("postgresql://h/d?sslnegotiation=direct&sslmode=disable")]
    public void Client_RefusesSettingsThatContradictEachOther(string connectionString) =>
        Assert.Throws<TpqConfigurationException>(() => new TpqClient(connectionString));

    [Fact]
    public void TablePrefix_MayBeSetToNothing()
    {
        Assert.Equal("", new Configuration(name => name == "TPQ_TABLE_PREFIX" ? "" : null, _logger).GivenTablePrefix);
        Assert.Null(new Configuration(_ => null, _logger).GivenTablePrefix);
    }

    [Fact]
    public void Client_RefusesAPrefixThatLeavesNoRoomForAName()
    {
        Assert.Throws<ArgumentException>(() => new TpqClient("Host=h", new TpqClientOptions { TablePrefix = new string('p', 57) }));
        Assert.Throws<ArgumentException>(() => new TpqClient("Host=h", new TpqClientOptions { TablePrefix = "\0" }));
    }
}
