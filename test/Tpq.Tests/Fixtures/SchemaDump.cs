using System.Diagnostics;
using Npgsql;
using Tpq.Internal;

namespace Tpq.Tests.Fixtures;

/// <summary>A schema's definition as text, to compare before and after: from the catalog, and from pg_dump -s where one of the server's version is found.</summary>
sealed class SchemaDump(Server server)
{
    public async Task<string> ReadAsync(string schema, CancellationToken cancellationToken) =>
        await CatalogAsync(schema, cancellationToken) + await PgDumpAsync(schema, cancellationToken);

    async Task<string> CatalogAsync(string schema, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await server.Admin.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(
            """
            SELECT string_agg(line, E'\n' ORDER BY line) FROM (
              SELECT format('table %s %s %s %s', relname, relkind, reloptions, relacl) AS line FROM pg_class WHERE relnamespace = $1::regnamespace
              UNION ALL
              SELECT format('column %s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid))
                FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = $1::regnamespace) AND attnum > 0
              UNION ALL
              SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = $1::regnamespace)
              UNION ALL
              SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = $1::regnamespace)
              UNION ALL
              SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = $1::regnamespace) d
            """, connection);
        command.Parameters.Add(new() { Value = Identifier.Quote(schema) });
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    async Task<string> PgDumpAsync(string schema, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("pg_dump") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["--schema-only", $"--schema=\"{schema}\"", server.Url])
            start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync(cancellationToken);
            string dump = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode == 0)
                return string.Join('\n', dump.Split('\n').Where(line => !line.Contains("restrict", StringComparison.Ordinal)));
            // An older pg_dump refuses a newer server; then the catalog alone must do.
            string error = await errors;
            Assert.Contains("version", error, StringComparison.Ordinal);
            return "";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // No pg_dump on this machine: a server that came without its clients.
            return "";
        }
    }
}
