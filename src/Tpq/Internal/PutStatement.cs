using System.Globalization;
using System.Numerics;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal;

static class PutStatement
{
    /// <summary>Large ones go alone: a statement's parameters are one message of the protocol, which has at most 1 GB.</summary>
    const int MostBytesBesideOthers = 64 * 1024;

    /// <summary>Its only row begins with the message's id.</summary>
    public static NpgsqlBatchCommand Of(Sql sql, CheckedPut put) => put.IsLater ? Later(sql, [put]) : Ready(sql, [put]);

    /// <summary>
    /// Few statements that put messages in their order, for a statement costs both sides more than its row does, each with the number of its messages. It
    /// returns a row for each, in this order too, which begins with the message's id.
    /// </summary>
    public static IEnumerable<(NpgsqlBatchCommand Statement, int Messages)> Of(Sql sql, ReadOnlyMemory<CheckedPut> puts)
    {
        while (!puts.IsEmpty)
        {
            int count = AlikeInFront(puts.Span);
            yield return (count == 1 ? Of(sql, puts.Span[0]) : Ready(sql, puts.Span[..count]), count);
            puts = puts[count..];
        }
    }

    /// <summary>Its only row begins with the lowest id of the messages.</summary>
    public static NpgsqlBatchCommand Later(Sql sql, IReadOnlyList<CheckedPut> puts)
    {
        var statement = new NpgsqlBatchCommand(sql.PutLater);
        statement.Parameters.Add(ArrayText.Of(puts.Select(static p => Encoding.UTF8.GetString(p.Utf8.Span))));
        statement.Parameters.Add(ArrayText.Of(puts.Select(static p => p.Headers is { } headers ? Encoding.UTF8.GetString(headers.Span) : null)));
        statement.Parameters.Add(ArrayText.Of(puts.Select(static p =>
            p.Delay is { } delay ? string.Create(CultureInfo.InvariantCulture, $"{delay.Ticks / TimeSpan.TicksPerMicrosecond} microseconds") : null)));
        statement.Parameters.Add(ArrayText.Of(puts.Select(static p => p.DueAt?.UtcDateTime.ToString("O", CultureInfo.InvariantCulture))));
        return statement;
    }

    /// <summary>How many of the first ones one statement can put.</summary>
    static int AlikeInFront(ReadOnlySpan<CheckedPut> puts)
    {
        int count = 1;
        while (count < puts.Length && count < Sql.MostPuts && AreAlike(puts[0], puts[count]))
            count++;
        return 1 << BitOperations.Log2((uint)count);
    }

    static bool AreAlike(CheckedPut one, CheckedPut other) =>
        one.Headers.HasValue == other.Headers.HasValue && HasRoomForOthers(one) && HasRoomForOthers(other);

    static bool HasRoomForOthers(CheckedPut put) => !put.IsLater && put.Utf8.Length + (put.Headers?.Length ?? 0) <= MostBytesBesideOthers;

    static NpgsqlBatchCommand Ready(Sql sql, ReadOnlySpan<CheckedPut> puts)
    {
        var statement = new NpgsqlBatchCommand(sql.Put(puts.Length, puts[0].Headers.HasValue));
        foreach (CheckedPut put in puts)
        {
            statement.Parameters.Add(Json(put.Utf8));
            if (put.Headers is { } headers)
                statement.Parameters.Add(Json(headers));
        }
        return statement;
    }

    static NpgsqlParameter<ReadOnlyMemory<byte>> Json(ReadOnlyMemory<byte> utf8) => new() { TypedValue = utf8, NpgsqlDbType = NpgsqlDbType.Json };
}
