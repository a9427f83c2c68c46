using Npgsql;

namespace Tpq.Internal;

/// <summary>A row of an examination, read by the names of its columns. Nothing in it is lasting.</summary>
readonly struct Row(NpgsqlDataReader reader)
{
    /// <summary>Empty for null.</summary>
    public string Text(string column) => Value(column) as string ?? "";

    /// <summary>A bigint; 0 for null.</summary>
    public long Number(string column) => Value(column) as long? ?? 0;

    /// <summary>A bigint.</summary>
    public long? NumberOrNull(string column) => Value(column) as long?;

    /// <summary>A float8; 0 for null.</summary>
    public double Real(string column) => Value(column) as double? ?? 0;

    /// <summary>A float8 of seconds.</summary>
    public TimeSpan? Time(string column) => Value(column) is double seconds ? TimeSpan.FromSeconds(seconds) : null;

    /// <summary>False for null.</summary>
    public bool Is(string column) => Value(column) is true;

    object? Value(string column)
    {
        object value = reader.GetValue(reader.GetOrdinal(column));
        return value is DBNull ? null : value;
    }
}
