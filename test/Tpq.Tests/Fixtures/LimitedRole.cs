using System.Globalization;
using Npgsql;

namespace Tpq.Tests.Fixtures;

/// <summary>A role that may use a schema and what it is granted beside; it is dropped at the end.</summary>
public sealed class LimitedRole : IAsyncDisposable
{
    readonly Server _server;
    readonly string _name = $"tpq_role_{Guid.NewGuid():N}";

    readonly string _schema;

    LimitedRole(Server server, string schema) => (_server, _schema) = (server, schema);

    /// <summary>What makes a client's connections the role's.</summary>
    public string Settings => $"Options=-c role={_name}";

    /// <inheritdoc cref="GrantAsync"/>
    public static async Task<LimitedRole> CreateAsync(Server server, string schema, string grants)
    {
        var role = new LimitedRole(server, schema);
        await role.ExecuteAsync($"CREATE ROLE {role._name}");
        await role.GrantAsync("GRANT USAGE ON SCHEMA {0} TO {1}; " + grants);
        return role;
    }

    /// <param name="grants">Statements, with {0} for the schema and {1} for the role.</param>
    public Task GrantAsync(string grants) => ExecuteAsync(string.Format(CultureInfo.InvariantCulture, grants, $"\"{_schema}\"", _name));

    public async ValueTask DisposeAsync() => await ExecuteAsync($"DROP OWNED BY {_name}; DROP ROLE {_name}");

    async Task ExecuteAsync(string sql)
    {
        await using NpgsqlCommand command = _server.Admin.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
