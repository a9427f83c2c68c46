using System.Globalization;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal;

/// <summary>Arrays as the server's text form, whose type the statement states: a data source of the caller's need not have the driver's arrays enabled.</summary>
static class ArrayText
{
    public static NpgsqlParameter<string> Of(IEnumerable<long> values) =>
        Parameter($"{{{string.Join(',', values.Select(static v => v.ToString(CultureInfo.InvariantCulture)))}}}");

    public static NpgsqlParameter<string> Of(IEnumerable<bool> values) => Parameter($"{{{string.Join(',', values.Select(static v => v ? "t" : "f"))}}}");

    public static NpgsqlParameter<string> Of(IEnumerable<string?> values)
    {
        var text = new StringBuilder("{");
        foreach (string? value in values)
        {
            if (text.Length > 1)
                text.Append(',');
            if (value is null)
                text.Append("NULL");
            else
                text.Append('"').Append(value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        }
        return Parameter(text.Append('}').ToString());
    }

    static NpgsqlParameter<string> Parameter(string text) => new() { TypedValue = text, NpgsqlDbType = NpgsqlDbType.Unknown };
}
