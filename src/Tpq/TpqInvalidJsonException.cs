namespace Tpq;

/// <summary>
/// The text is not one JSON value, found before anything was sent to the server. Nothing was put, and a caller's transaction is as it was.
/// </summary>
public sealed class TpqInvalidJsonException : TpqException
{
    internal TpqInvalidJsonException(string reason, long line, long column, long? index = null)
        : base($"Not a JSON value{(index is null ? "" : $" (message {index} of the input, counted from 0)")}: {reason} (line {line}, column {column}).")
    {
        Reason = reason;
        Line = line;
        Column = column;
        Index = index;
    }

    /// <summary>What is wrong, without the position. Of the text it quotes a few characters at most.</summary>
    public string Reason { get; }

    /// <summary>The line in which the error was found, counted from 1.</summary>
    public long Line { get; }

    /// <summary>The character of that line at which the error was found, counted from 1.</summary>
    public long Column { get; }

    /// <summary>Which message of a bulk put it was, counted from 0; <see langword="null"/> for a single message.</summary>
    public long? Index { get; }

    internal TpqInvalidJsonException At(long index) => new(Reason, Line, Column, index);
}
