using System.Buffers;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Tpq.Cli;

/// <summary>Rows for people: on a terminal one line each, the last column cut to fit; anywhere else plain and whole.</summary>
sealed class Table(params string[] columns)
{
    /// <summary>What a border and its padding take of each column, and the border at the end.</summary>
    const int ColumnFrame = 3, EndFrame = 1;

    const int LeastWidth = 10;

    readonly List<string[]> _rows = [columns];

    public static Option<bool> JsonOption() => new("--json") { Description = "Write a JSON array instead of a table." };

    /// <summary>Adds a row. The texts are anybody's, and neither markup nor commands for the terminal.</summary>
    public void Add(params string[] cells) => _rows.Add([.. cells.Select(Display.Safe)]);

    public Task WriteAsync(CancellationToken cancellationToken)
    {
        if (!Console.IsOutputRedirected)
        {
            WriteToTerminal(AnsiConsole.Console);
            return Task.CompletedTask;
        }
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = int.MaxValue / 2;
        console.Write(Build(TableBorder.None, last => last));
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

    void WriteToTerminal(IAnsiConsole console)
    {
        var options = RenderOptions.Create(console);
        int others = Enumerable.Range(0, columns.Length - 1).Sum(column => _rows.Max(row => Width(row[column], options)));
        int frame = (columns.Length * ColumnFrame) + EndFrame;
        int room = Math.Max(LeastWidth, console.Profile.Width - others - frame);
        // Never less than the table needs: in a column of one cell the library breaks a wide character for ever.
        console.Profile.Width = Math.Max(console.Profile.Width, others + room + frame);
        console.Write(Build(TableBorder.Rounded, last => Cut(last, room, options)));
    }

    Spectre.Console.Table Build(TableBorder border, Func<string, string> fitLast)
    {
        var table = new Spectre.Console.Table { Border = border };
        foreach (string column in columns)
            table.AddColumn(new TableColumn(new Text(column)) { NoWrap = true });
        foreach (string[] row in _rows.Skip(1))
            table.AddRow([.. row.SkipLast(1).Select(cell => new Text(cell)), new Text(fitLast(row[^1]))]);
        return table;
    }

    static string Cut(string text, int room, RenderOptions options)
    {
        if (text.Length <= room && Width(text, options) <= room)
            return text;
        // A character takes one cell at least, and some take two.
        string cut = text[..Math.Min(text.Length, room)];
        while (Width(cut, options) > room - 1 || char.IsHighSurrogate(cut[^1]))
            cut = cut[..^1];
        return cut + "…";
    }

    static int Width(string text, RenderOptions options) => ((IRenderable)new Text(text)).Measure(options, int.MaxValue).Max;
}
