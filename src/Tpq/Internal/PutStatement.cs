using System.Globalization;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal;

static class PutStatement
{
    /// <summary>Its first value is the message's id.</summary>
    public static NpgsqlBatchCommand Of(Sql sql, CheckedPut put)
    {
        if (put.IsLater)
            return Later(sql, [put]);
        var statement = new NpgsqlBatchCommand(put.Headers is null ? sql.Put : sql.PutWithHeaders);
        statement.Parameters.Add(Json(put.Utf8));
        if (put.Headers is { } headers)
            statement.Parameters.Add(Json(headers));
        return statement;
    }

    /// <summary>Its first value is the lowest id of the messages.</summary>
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

    static NpgsqlParameter<ReadOnlyMemory<byte>> Json(ReadOnlyMemory<byte> utf8) => new() { TypedValue = utf8, NpgsqlDbType = NpgsqlDbType.Json };
}
