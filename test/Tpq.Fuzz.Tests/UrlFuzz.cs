using System.Data.Common;
using System.Text.RegularExpressions;
using CsCheck;
using Microsoft.Extensions.Logging.Testing;
using Npgsql;
using Tpq.Cli;
using Tpq.Cli.Tests.Fixtures;
using Tpq.Fuzz.Tests.Fixtures;
using Tpq.Internal;
using Server = Tpq.Tests.Fixtures.Server;

namespace Tpq.Fuzz.Tests;

/// <summary>What names the database, damaged: it is used or refused, and no word of a password is told.</summary>
public sealed partial class UrlFuzz(Server server) : CommandFuzz(server)
{
    /// <summary>In each of the words that a delimiter would split the password into.</summary>
    const string Secret = "S3cret";

    static readonly string[] Valid =
    [
        $"postgresql://joe:{Secret}@127.0.0.1:1/shop", $"postgres://joe:{Secret}%2F{Secret}%40{Secret}@127.0.0.1:1/shop?sslmode=disable&application_name=a%20b&connect_timeout=1",
        $"postgresql://joe:{Secret}@[::1]:1,127.0.0.1:1/shop?target_session_attrs=any", $"postgresql://127.0.0.1:1/shop?user=joe&password={Secret}",
        $"postgresql://joe:{Secret}@{Secret}@127.0.0.1:1/shop", $"postgresql://joe:{Secret}?{Secret}=1&{Secret}@127.0.0.1:1/shop", $"postgresql://joe:{Secret}/{Secret}@127.0.0.1:1/shop",
        $"postgresql://joe:{Secret}@{Secret}?{Secret}=1@127.0.0.1:1/shop", $"postgresql://joe:{Secret}@{Secret}/{Secret}@127.0.0.1:1/shop",
        $"Host=127.0.0.1;Port=1;Database=shop;Username=joe;Password={Secret}", $"Host=127.0.0.1;Port=1;Database=shop;Username=joe;Password='{Secret};{Secret}';Timeout=1;SSL Mode=Disable",
    ];

    static readonly string[] Pieces =
    [
        "/", "//", "://", "?", "&", "=", ";", ":", "@", "%", "%0", "%00", "%2F", "%zz", ",", "[", "]", "#", " ", "\t", "\n", "'", "\"", "\\", "é", "😀", "postgresql://", "http://", "?sslmode=",
        "&port=", "&host=", "&hostaddr=1.2.3.4,5.6.7.8", "&options=-c%20a=b", "&nope=1", "&keepalives_idle=99999999999", "&ssl=true", "Port=x;", "Multiplexing=true;", "Maximum Pool Size=0;", "Host=;", "0", "-1",
        "65536", "99999999999999999999", "verify-full", "Host=/tmp;", "password=",
    ];

    static readonly Gen<string> Nearly = Mutation.Of(Valid, Pieces).Where(HasPassword);

    /// <summary>Of a line break at the end Npgsql's connection string knows nothing.</summary>
    static readonly Gen<string> Word = Names.UpTo(40).Where(n => !n.EndsWith('\n'));

    static readonly string[] Variables =
    [
        "TPQ_URL", "TPQ_HOST", "TPQ_PORT", "TPQ_DB", "TPQ_USER", "TPQ_PASS", "TPQ_TABLE_PREFIX", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT",
        "PGSSLCERT", "PGSSLKEY", "PGCONNECT_TIMEOUT", "PGAPPNAME", "PGOPTIONS", "PGTARGETSESSIONATTRS", "PGCHANNELBINDING",
    ];

    [Fact]
    public async Task AConnectionString_MakesAClient_OrIsRefusedWithoutItsPassword() => await Nearly.SampleAsync(async text =>
    {
        var log = new FakeLogger();
        await CheckAsync(log, () => new Configuration(_ => null, log).ReadConnectionString(text));
    }, iter: Amount.Of(8_000), threads: 1);

    [Fact]
    public async Task AnEnvironment_MakesAClient_OrIsRefusedWithoutItsPassword()
    {
        Gen<string> value = Gen.OneOf(Gen.OneOf(Valid), Mutation.Of(["127.0.0.1", "1", "shop", "joe", "disable", "any", "/tmp/.pgpass", "5", "require"], Pieces), Gen.OneOf(Names.Hostile));
        await Gen.Dictionary(Gen.OneOf(Variables), value)[0, 6].SampleAsync(async variables =>
        {
            var log = new FakeLogger();
            var configuration = new Configuration(variables.GetValueOrDefault, log);
            await CheckAsync(log, configuration.Read);
        }, iter: Amount.Of(5_000), threads: 1);
    }

    [Fact]
    public void AnyUserPasswordAndDatabase_ComeOutOfTheUrlAsTheyWentIn() => Gen.Select(Word, Word, Word).Sample((user, password, database) =>
    {
        NpgsqlConnectionStringBuilder read = ConnectionUrl.Parse(
            $"postgresql://{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}@h/{Uri.EscapeDataString(database)}?application_name={Uri.EscapeDataString(database)}", "TPQ_URL");
        var settings = new NpgsqlConnectionStringBuilder(read.ConnectionString);
        Assert.Equal((user, password, database, database), (settings.Username, settings.Password, settings.Database, settings.ApplicationName));
    }, iter: Amount.Of(5_000), threads: 1);

    [Fact]
    public async Task TheCommand_SaysOneSentence_WithoutThePassword() => await Gen.Select(Nearly, Gen.Bool, Gen.Bool).SampleAsync(async (text, isOption, isDebug) =>
    {
        if (text.Contains('\0') || !StaysHere(text))
            return;
        string[] args = ["list", .. isOption ? [$"--url={text}"] : Array.Empty<string>(), .. isDebug ? ["--debug"] : Array.Empty<string>()];
        Ended ended = await (isDebug ? RunDebugAsync(args, text) : RunAsync([], args, ("TPQ_URL", isOption ? "" : text)));
        Assert.Equal(ExitCode.Unusable, ended.ExitCode);
        HasNoSecret(ended.Error + ended.Output);
        Assert.True(isDebug || ended.Error.Count(c => c == '\n') == 1, ended.Error);
    }, iter: Amount.Of(12), threads: 1);

    /// <summary>A URL where something else is meant.</summary>
    [Fact]
    public async Task TheCommand_ShowsNoPassword_OfAUrlInTheWrongPlace()
    {
        string[][] lines =
        [
            ["count", "{}"], ["get", "{}", "orders"], ["create", "orders", "--ulr:{}"], ["--ulr={}", "list"], ["{}", "list"], ["list", "--schema={}"], ["count", "orders", "--prefix={}"], ["delete", "orders", "{}"],
            ["move", "{}", "{}"], ["peek", "orders", "--count={}"], ["put", "orders", "--file={}"], ["create", "orders", "--notify={}"], ["get", "orders", "--wait={}"], ["dev", "{}"], ["-{}"], ["get", "--{}", "orders"],
        ];
        await Gen.Select(Gen.OneOf(lines), Gen.OneOf(Valid)).SampleAsync(async (line, url) =>
        {
            Ended ended = await RunAsync("1"u8.ToArray(), [.. line.Select(word => word.Replace("{}", url, StringComparison.Ordinal))]);
            HasNoSecret(ended.Error + ended.Output);
        }, iter: Amount.Of(12), threads: 1, print: t => $"{string.Join(' ', t.Item1)} with {t.Item2}");
    }

    static async Task CheckAsync(FakeLogger log, Func<NpgsqlConnectionStringBuilder> read)
    {
        try
        {
            await using NpgsqlDataSource dataSource = DataSources.Create(read(), new TpqClientOptions());
            HasNoSecret(DatabaseAddress.Of(dataSource).ToString());
        }
        catch (TpqConfigurationException e)
        {
            HasNoSecret(e.ToString());
        }
        HasNoSecret(string.Join('\n', log.Collector.GetSnapshot().Select(r => r.Message)));
    }

    /// <summary>With --debug there may be a stack trace.</summary>
    async Task<Ended> RunDebugAsync(string[] args, string url)
    {
        using Running running = new(Start(args, ("TPQ_URL", url)));
        running.Input.Close();
        return await running.EndAsync();
    }

    /// <summary>Whether it is refused, or names no other host than this one, on which nobody listens at port 1.</summary>
    static bool StaysHere(string text)
    {
        try
        {
            NpgsqlConnectionStringBuilder settings = new Configuration(_ => null, new FakeLogger()).ReadConnectionString(text);
            return settings is { Host: "127.0.0.1", Port: 1 } or { Host: "[::1]:1,127.0.0.1:1" };
        }
        catch (TpqConfigurationException)
        {
            return true;
        }
    }

    /// <summary>Whether the password still stands where one stands, and nowhere else: of one that does not nobody knows what it is.</summary>
    static bool HasPassword(string text)
    {
        int first = text.IndexOf(Secret, StringComparison.OrdinalIgnoreCase), last = text.LastIndexOf(Secret, StringComparison.OrdinalIgnoreCase);
        return first >= 0 && ((text[..first].TrimEnd('\'').EndsWith("password=", StringComparison.OrdinalIgnoreCase) && !text[first..].Contains('@') && (first == last || !IsInAnotherSetting(text)))
            || (text[..first].EndsWith("joe:", StringComparison.Ordinal) && HostBehind().IsMatch(text[last..])));
    }

    /// <summary>Whether, by the rules of any connection string, a damaged word outside the password reads like it.</summary>
    static bool IsInAnotherSetting(string text)
    {
        try
        {
            var settings = new DbConnectionStringBuilder { ConnectionString = text };
            settings.Remove("Password");
            return settings.ConnectionString.Contains(Secret, StringComparison.OrdinalIgnoreCase);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    static void HasNoSecret(string text) => Assert.DoesNotContain(Secret, text, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(@"@(127\.|\[::1)")]
    private static partial Regex HostBehind();
}
