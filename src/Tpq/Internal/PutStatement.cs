using Npgsql;
using NpgsqlTypes;

namespace Tpq.Internal;

static class PutStatement
{
    public static NpgsqlBatchCommand Of(Sql sql, ReadOnlyMemory<byte> utf8, ReadOnlyMemory<byte>? headers)
    {
        var statement = new NpgsqlBatchCommand(headers is null ? sql.Put : sql.PutWithHeaders);
        statement.Parameters.Add(Json(utf8));
        if (headers is { } given)
            statement.Parameters.Add(Json(given));
        return statement;
    }

    static NpgsqlParameter<ReadOnlyMemory<byte>> Json(ReadOnlyMemory<byte> utf8) => new() { TypedValue = utf8, NpgsqlDbType = NpgsqlDbType.Json };
}
