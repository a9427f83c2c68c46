namespace Tpq.Bench.Systems;

/// <summary>A message as a library has written it, from which a backlog is made by copying its row.</summary>
static class Template
{
    /// <summary>Keeps the one row that a table holds.</summary>
    public static Task MakeAsync(Database database, string table, CancellationToken cancellationToken) => database.ExecuteAsync(
        $"DROP TABLE IF EXISTS template; CREATE TABLE template AS SELECT * FROM {table} LIMIT 1", cancellationToken);

    /// <summary>Adds copies, each with an id of its own.</summary>
    public static async Task CopyAsync(Database database, string table, long count, CancellationToken cancellationToken)
    {
        string columns = await database.ScalarAsync<string>(
            $"""
            SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> 'id'
            """,
            cancellationToken);
        await database.FillAsync(
            $"INSERT INTO {table} ({columns}) SELECT {columns} FROM template, generate_series(1, {count})", cancellationToken);
    }
}
