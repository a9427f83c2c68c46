using Npgsql;

namespace Tpq.Internal;

/// <summary>Reads a queue's rows by the names of the columns: tables of the Python tpq and of older versions lack some.</summary>
readonly struct MessageColumns
{
    /// <summary>Not a column of the table, but of a take that looks for suspects.</summary>
    public const string Suspect = "tpq_suspect";

    readonly int _id, _data, _enqueuedAt, _attempts, _headers, _suspect;

    public MessageColumns(NpgsqlDataReader reader)
    {
        (_id, _data, _enqueuedAt, _attempts, _headers, _suspect) = (-1, -1, -1, -1, -1, -1);
        for (int i = 0; i < reader.FieldCount; i++)
        {
            switch (reader.GetName(i))
            {
                case "id": _id = i; break;
                case "data": _data = i; break;
                case "enqueued_at": _enqueuedAt = i; break;
                case "attempts": _attempts = i; break;
                case "headers": _headers = i; break;
                case Suspect: _suspect = i; break;
            }
        }
    }

    /// <exception cref="TpqException">A column was altered to something else than tpq made it.</exception>
    public TpqMessage Read(NpgsqlDataReader row, string queue)
    {
        try
        {
            return ReadRow(row, queue);
        }
        catch (Exception e) when (e is InvalidCastException or OverflowException)
        {
            throw Unreadable(row, queue, e);
        }
    }

    static TpqException Unreadable(NpgsqlDataReader row, string queue, Exception error)
    {
        string columns = string.Join(", ", Enumerable.Range(0, row.FieldCount).Select(i => $"{row.GetName(i)} {row.GetDataTypeName(i)}{(row.IsDBNull(i) ? " (NULL here)" : "")}"));
        return new TpqException(
            $"A row of queue \"{queue}\" cannot be read, since its table was altered: it has the columns {columns}. A queue has id bigint, data json (not NULL), "
            + "enqueued_at timestamp with time zone, attempts integer, headers json. Alter it back; nothing was taken.", error);
    }

    TpqMessage ReadRow(NpgsqlDataReader row, string queue) =>
        new(queue, row.GetInt64(_id), row.GetFieldValue<byte[]>(_data))
        {
            // What others wrote there may be anything; one more is to be counted all the same.
            Attempts = Has(row, _attempts) ? Math.Clamp(row.GetInt32(_attempts), 0, int.MaxValue - 1) : 0,
            EnqueuedAt = Has(row, _enqueuedAt) ? ReadTime(row, _enqueuedAt) : null,
            Utf8Headers = Has(row, _headers) ? row.GetFieldValue<byte[]>(_headers) : null,
            IsSuspect = Has(row, _suspect) && row.GetBoolean(_suspect),
        };

    /// <summary>
    /// The server's time may be infinite, before the year 1 or after 9999: then the nearest that there is here. Else one such row, which whoever may insert can put, would stop every
    /// consumer.
    /// </summary>
    static DateTimeOffset ReadTime(NpgsqlDataReader row, int column)
    {
        try
        {
            return row.GetFieldValue<DateTimeOffset>(column);
        }
        catch (Exception e) when (e is InvalidCastException or ArgumentOutOfRangeException or OverflowException
            && row.GetDataTypeName(column) == "timestamp with time zone")
        {
            // As the server has it: microseconds from the year 2000 on.
            return row.GetInt64(column) < 0 ? DateTimeOffset.MinValue : DateTimeOffset.MaxValue;
        }
    }

    static bool Has(NpgsqlDataReader row, int column) => column >= 0 && !row.IsDBNull(column);
}
