using System.Buffers;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Tpq.Cli;

/// <summary>Rows for people on standard output: fitted to a terminal, and plain and whole anywhere else. The last column is the one that is cut.</summary>
sealed class Table
{
    /// <summary>More than a terminal is wide, and a bound for what is laid out.</summary>
    const int LongestOnTerminal = 1000;

    readonly Spectre.Console.Table _table = new();
    readonly bool _terminal = !Console.IsOutputRedirected;

    public Table(params string[] columns)
    {
        _table.Border(_terminal ? TableBorder.Rounded : TableBorder.None);
        foreach (string column in columns)
            _table.AddColumn(new TableColumn(new Text(column)) { NoWrap = true });
    }

    public static Option<bool> JsonOption() => new("--json") { Description = "Write a JSON array instead of a table." };

    /// <summary>Adds a row. The texts are anybody's, and neither markup nor commands for the terminal.</summary>
    public void Add(params string[] cells) => _table.AddRow(cells.Select(Cell));

    public Task WriteAsync(CancellationToken cancellationToken)
    {
        if (_terminal)
        {
            AnsiConsole.Console.Write(_table);
            return Task.CompletedTask;
        }
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = int.MaxValue / 2;
        console.Write(_table);
        // The last column is padded to its longest cell.
        IEnumerable<string> lines = text.ToString().TrimEnd().Split('\n').Select(line => line.TrimEnd() + "\n");
        return StandardOutput.WriteTextAsync(string.Concat(lines), cancellationToken);
    }

    /// <param name="writeItems">Writes the items of the array.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public static Task WriteJsonAsync(Action<Utf8JsonWriter> writeItems, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, MessageWriter.JsonOptions))
        {
            json.WriteStartArray();
            writeItems(json);
            json.WriteEndArray();
        }
        buffer.Write("\n"u8);
        return StandardOutput.WriteAsync(buffer.WrittenMemory, cancellationToken);
    }

    Text Cell(string text)
    {
        if (_terminal && text.Length > LongestOnTerminal)
            text = text[..LongestOnTerminal];
        return new Text(Display.Safe(text)) { Overflow = _terminal ? Overflow.Ellipsis : null };
    }
}
