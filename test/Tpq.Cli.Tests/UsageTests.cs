using System.CommandLine;
using System.Globalization;
using Tpq.Cli.Tests.Fixtures;

namespace Tpq.Cli.Tests;

public sealed class UsageTests(Server server) : CommandTest(server)
{
    [Theory]
    [InlineData("There is no option --foo here.", "consume", "--foo")]
    [InlineData("There is no option --foo here.", "consume", "orders", "--foo=bar")]
    [InlineData("There is no option -x here.", "count", "-x")]
    [InlineData("There is no option -x here.", "move", "orders", "-x")]
    [InlineData("There is no option - here.", "list", "-")]
    [InlineData("There is no command \"consum\".", "consum", "orders")]
    [InlineData("No queue is named.", "consume")]
    [InlineData("No queue is named.", "consume", "--")]
    [InlineData("Required argument 'queue' missing", "produce")]
    [InlineData("Required argument missing", "consume", "orders", "--wait")]
    [InlineData("--wait=0,5 is no time", "consume", "orders", "--wait=0,5")]
    [InlineData("--wait=-2 is no time", "consume", "orders", "--wait=-2")]
    [InlineData("--wait=5x is no time", "consume", "orders", "--wait", "5x")]
    [InlineData("--wait=1e3 is no time", "consume", "orders", "--wait=1e3")]
    [InlineData("--wait=s is no time", "consume", "orders", "--wait=s")]
    [InlineData("--wait=99999999999 is no time", "consume", "orders", "--wait=99999999999")]
    [InlineData("--count: \"1,000\" is not a whole number from 1", "consume", "orders", "--count=1,000")]
    [InlineData("--count: \"0\" is not a whole number from 1", "consume", "orders", "--count=0")]
    [InlineData("--port: \"65536\" is not a whole number from 0 to 65,535", "dev", "--port=65536")]
    [InlineData("id: \"seven\" is not a whole number.", "delete", "orders", "seven")]
    [InlineData("--follow has no end", "consume", "orders", "--follow", "--count=3")]
    [InlineData("--raw and --envelope", "consume", "orders", "--raw", "--envelope")]
    [InlineData("--exec and a command", "consume", "orders", "--exec=cat", "--", "cat")]
    [InlineData("--notify: \"sometimes\" is none of auto, always, never.\n", "create", "orders", "--notify=sometimes")]
    [InlineData("The command to run comes after \"--\": tpq dev -- psql", "dev", "psql")]
    public async Task Parse_Exits2WithASentence_WhenTheUsageIsWrong(string sentence, params string[] args)
    {
        Ended ended = (await RunAsync(args)).With(2);
        Assert.Contains(sentence, ended.Error);
        Assert.Contains("--help\" shows the usage.", ended.Error);
        Assert.Equal("", ended.Output);
    }

    [Theory]
    [InlineData("--ulr=postgresql://u:S3cret@h/db", "count", "orders")]
    [InlineData("postgresql://u:S3cret@h/db", "count", "orders")]
    [InlineData("count", "orders", "postgresql://u:S3cret@h/db")]
    [InlineData("delete", "orders", "postgresql://u:S3cret@h/db")]
    [InlineData("count", "orders", "--ulr:postgresql://u:S3cret@h/db")]
    [InlineData("count", "postgresql://u:S3cret@h/db")]
    [InlineData("create", "postgresql://somebody:S3cret@a.host.with.a.long.name.example.com:5432/database")]
    [InlineData("count", "Host=h;Username=u;Password=S3cret")]
    [InlineData("list", "--schema=postgresql://u:S3cret@h/db")]
    [InlineData("put", "orders", "--file=postgresql://u:S3cret@h/db")]
    public async Task Parse_ShowsNoPassword_WhenTheUrlIsInTheWrongPlace(params string[] args) =>
        Assert.DoesNotContain("S3cret", (await RunAsync(args)).With(2).Error);

    [Fact]
    public async Task Parse_TakesAnEmptyValue_AndNotTheNextWord() =>
        Assert.Contains("there is no such queue", (await RunAsync("count", "--prefix=", "orders")).With(3).Error);

    [Fact]
    public async Task Command_ShowsItsHelpAsAnError_WhenNothingIsGiven()
    {
        Ended ended = (await BashAsync("${TPQ%% --schema*}")).With(2);
        Assert.Contains("Usage:\n  tpq [command] [options]", ended.Error);
        Assert.Contains("tpq consume orders --wait=5", ended.Error);
        Assert.Equal("", ended.Output);
    }

    [Theory]
    [InlineData("produce")]
    [InlineData("consume")]
    [InlineData("create")]
    [InlineData("upgrade")]
    [InlineData("schema")]
    [InlineData("drop")]
    [InlineData("clear")]
    [InlineData("count")]
    [InlineData("delete")]
    [InlineData("peek")]
    [InlineData("list")]
    [InlineData("top")]
    [InlineData("stats")]
    [InlineData("move")]
    [InlineData("doctor")]
    [InlineData("dashboard")]
    [InlineData("dev")]
    [InlineData("demo")]
    public async Task Help_EndsWithAnExample(string verb)
    {
        Ended ended = (await RunAsync(verb, "--help")).With(0);
        Assert.Contains($"Usage:\n  tpq {verb}", ended.Output);
        Assert.Contains("TPQ_URL", ended.Output);
        Assert.Contains($"tpq {verb}", ended.Output.Split("Example")[^1]);
    }

    [Fact]
    public async Task Help_IsWritten_WhateverElseTheLineSays() =>
        Assert.Contains("Usage:\n  tpq dev", (await RunAsync("--schema=a", "--schema=b", "dev", "--help")).With(0).Output);

    [Fact]
    public async Task Version_IsWritten() =>
        Assert.Matches(@"^\d+\.\d+\.\d+", (await BashAsync("${TPQ%% --schema*} --version")).With(0).Output);

    [Theory]
    [InlineData("@orders")]
    [InlineData("/h")]
    [InlineData("[diagram]")]
    [InlineData("orders:2")]
    public async Task Queue_IsAnyWord_WhenItDoesNotBeginWithADash(string name)
    {
        await NewQueueAsync(name, "1");
        Assert.Equal("1\n", (await RunAsync("consume", name)).With(0).Output);
    }

    [Fact]
    public async Task Queue_MayBeginWithADash_BehindTwoDashes()
    {
        await NewQueueAsync("-odd", "1", "2");
        Assert.Equal("2\n", (await RunAsync("count", "--", "-odd")).With(0).Output);
        Assert.Equal("1\n", (await RunAsync("consume", "--", "-odd")).With(0).Output);
        Assert.Equal("2\n", (await RunAsync("consume", "--", "-odd", "--", "cat")).With(0).Output);
        Assert.Contains($"(tpq create --schema={Schema} -- --foo makes it)", (await RunAsync("consume", "--", "--foo")).With(3).Error);
    }

    [Fact]
    public void Numbers_AreReadTheSame_InEveryLocale()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        var german = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (german.NumberFormat.NumberDecimalSeparator, german.NumberFormat.NumberGroupSeparator) = (",", ".");
        (german.NumberFormat.NegativeSign, german.NumberFormat.PositiveSign) = ("~", "+");
        try
        {
            CultureInfo.CurrentCulture = german;
            Option<TimeSpan?> wait = Wait.Option("");
            Option<int?> count = Number.Option("--count", "", least: -9);
            var command = new RootCommand { wait, count };
            ParseResult parse = command.Parse(["--wait=0.6", "--count=-7"]);
            Assert.Equal(TimeSpan.FromSeconds(0.6), parse.GetValue(wait));
            Assert.Equal(-7, parse.GetValue(count));
            Assert.Equal(TimeSpan.Zero, command.Parse(["--wait=-1"]).GetValue(wait));
            Assert.Contains("--wait=0,6 is no time", Assert.Single(command.Parse(["--wait=0,6"]).Errors).Message);
            Assert.Equal("1,234", Display.Count(1234));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    public static TheoryData<string> Names =>
    [
        "Upper Case", "it's \"quoted\"", "a.b.c", "日本語 ñ 🐘", "'; drop table x; --", "[red]x[/]", "back\\slash $HOME `id`", "select", "%s {0}", "new\nline",
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Queue_HasAnyName(string name)
    {
        (await RunAsync("1", ["produce", name, "--create"])).With(0);
        string listed = (await RunAsync("list")).With(0).Output;
        Assert.Contains(name.Replace("\n", "\\u000a", StringComparison.Ordinal), listed);
        Assert.Equal("1\n", (await RunAsync("consume", name)).With(0).Output);
        (await RunAsync("drop", name, "--yes")).With(0);
        Assert.Equal(0L, await ScalarAsync<long>($"SELECT count(*) FROM pg_tables WHERE schemaname = '{Schema}'"));
    }

    [Fact]
    public async Task Queue_SteersNoTerminal_InAnError()
    {
        string error = (await RunAsync("create", "line\nbreak \u001b[31m_later")).With(2).Error;
        Assert.Contains("cannot be the name of a queue", error);
        Assert.DoesNotContain(error[..^1], char.IsControl);
    }

    [Theory]
    [InlineData(54, "is too long: it has 54 bytes in UTF-8, and at most 53")]
    [InlineData(0, "is empty.")]
    public async Task Queue_IsRefused_WhenItsNameCannotBeOne(int length, string sentence)
    {
        Ended ended = (await RunAsync("create", new string('x', length))).With(2);
        Assert.Contains(sentence, ended.Error);
        Assert.DoesNotContain("Parameter", ended.Error);
        Assert.Equal(1, ended.Error.Count(c => c == '\n'));
    }
}
