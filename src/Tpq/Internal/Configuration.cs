using System.Collections;
using System.Data.Common;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// Where the database is: TPQ_URL, else TPQ_HOST, TPQ_PORT, TPQ_DB, TPQ_USER and TPQ_PASS; what these leave open comes from libpq's PGHOST,
/// PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGPASSFILE …, and what those leave open from libpq's defaults.
/// </summary>
sealed class Configuration(Func<string, string?> environment, ILogger logger)
{
    public const string Url = "TPQ_URL";
    public const string TablePrefix = "TPQ_TABLE_PREFIX";

    static readonly (string Variable, string Parameter)[] Own =
        [("TPQ_HOST", "host"), ("TPQ_PORT", "port"), ("TPQ_DB", "dbname"), ("TPQ_USER", "user"), ("TPQ_PASS", "password")];

    /// <summary>Each with the keyword under which Npgsql keeps it.</summary>
    static readonly (string Variable, string Parameter, string Keyword)[] Libpq =
    [
        ("PGHOST", "host", "Host"), ("PGPORT", "port", "Port"), ("PGDATABASE", "dbname", "Database"), ("PGUSER", "user", "Username"),
        ("PGPASSWORD", "password", "Password"), ("PGPASSFILE", "passfile", "Passfile"), ("PGSSLMODE", "sslmode", "SSL Mode"),
        ("PGSSLROOTCERT", "sslrootcert", "Root Certificate"), ("PGSSLCERT", "sslcert", "SSL Certificate"), ("PGSSLKEY", "sslkey", "SSL Key"),
        ("PGCONNECT_TIMEOUT", "connect_timeout", "Timeout"), ("PGAPPNAME", "application_name", "Application Name"),
        ("PGOPTIONS", "options", "Options"), ("PGTARGETSESSIONATTRS", "target_session_attrs", "Target Session Attributes"),
        ("PGCHANNELBINDING", "channel_binding", "Channel Binding"),
    ];

    public static Configuration FromEnvironment(ILogger logger)
    {
        IDictionary variables = Environment.GetEnvironmentVariables();
        return new Configuration(name => variables[name] as string, logger);
    }

    /// <summary>Null where the variable is not set; it may be set to nothing, which is the empty prefix.</summary>
    /// <exception cref="TpqConfigurationException">It leaves no room for a queue's name, or cannot be a name.</exception>
    public string? GivenTablePrefix
    {
        get
        {
            string? prefix = environment(TablePrefix);
            try
            {
                return string.IsNullOrEmpty(prefix) || Identifier.Measure(prefix, "table prefix", TablePrefix) <= QueueName.MaxPrefixBytes ? prefix
                    : throw new TpqConfigurationException($"{TablePrefix} is longer than {QueueName.MaxPrefixBytes} bytes, the most that a table prefix can have.");
            }
            catch (ArgumentException)
            {
                throw new TpqConfigurationException($"{TablePrefix} has a character that PostgreSQL cannot store in a name.");
            }
        }
    }

    /// <exception cref="TpqConfigurationException">Nothing is set, or something is wrong.</exception>
    public NpgsqlConnectionStringBuilder Read()
    {
        logger.ReadEnvironment();
        if (Variable(Url) is { } url)
        {
            logger.Parsing(Url);
            return Complete(Parse(url, Url));
        }
        var builder = new NpgsqlConnectionStringBuilder();
        string[] places = [.. Own.Select(o => o.Variable), "PGHOST", "PGPORT", "PGDATABASE"];
        if (!places.Any(name => Variable(name) is not null))
            throw new TpqConfigurationException(
                $"No database is configured: set {Url}, for example to postgresql://user:password@localhost/database, or TPQ_HOST, TPQ_DB, TPQ_USER and TPQ_PASS.");
        foreach ((string name, string parameter) in Own)
        {
            if (Variable(name) is { } value)
                ConnectionUrl.Set(builder, parameter, value, name);
        }
        return Complete(builder);
    }

    /// <summary>
    /// The constructor's connection string. A URL is completed as libpq completes one; Npgsql's keywords mean what Npgsql makes of them.
    /// </summary>
    public NpgsqlConnectionStringBuilder ReadConnectionString(string text)
    {
        logger.Parsing("connection string");
        NpgsqlConnectionStringBuilder builder = Parse(text, "The connection string");
        return ConnectionUrl.IsUrl(text) ? Complete(builder) : builder;
    }

    static NpgsqlConnectionStringBuilder Parse(string text, string source)
    {
        if (ConnectionUrl.IsUrl(text))
            return ConnectionUrl.Parse(text, source);
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(text);
            // libpq's "host=… dbname=…", with spaces between, is one long host to Npgsql.
            if (builder.Host?.Contains('=') != true && !ConnectionUrl.HasUserInfo(builder.Host) && !((string?[])[builder.Host, builder.Database, builder.Username]).Any(ConnectionUrl.IsWhole))
                return builder;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or KeyNotFoundException)
        {
            // Npgsql's sentence may quote a value.
        }
        throw new TpqConfigurationException(
                $"{source} is neither a URL (postgresql://user:password@host:port/database) nor a connection string (Host=…;Database=…;Username=…;Password=…) that Npgsql understands.");
    }

    NpgsqlConnectionStringBuilder Complete(NpgsqlConnectionStringBuilder builder)
    {
        var given = new DbConnectionStringBuilder { ConnectionString = builder.ConnectionString };
        // The ports of several hosts stand with the hosts.
        bool hasPort = given.ContainsKey("Port") || (given.ContainsKey("Host") && builder.Host!.Contains(','));
        foreach ((string name, string parameter, string keyword) in Libpq)
        {
            if (Variable(name) is { } value && !(parameter == "port" ? hasPort : given.ContainsKey(keyword)))
                ConnectionUrl.Set(builder, parameter, value, name);
        }
        if (string.IsNullOrEmpty(builder.Host))
            builder.Host = DefaultHost(builder.Port);
        if (string.IsNullOrEmpty(builder.Username))
            builder.Username = Environment.UserName;
        if (string.IsNullOrEmpty(builder.Database))
            builder.Database = builder.Username;
        logger.ConfigFound(builder.Host, builder.Database, builder.Username);
        return builder;
    }

    /// <summary>libpq's default is a Unix socket in the folder that its distribution chose, and localhost where there is none.</summary>
    static string DefaultHost(int port) =>
        Array.Find(["/var/run/postgresql", "/tmp"], folder => File.Exists(Path.Combine(folder, $".s.PGSQL.{port}"))) ?? "localhost";

    /// <summary>A variable that is set to nothing is not set, as in libpq.</summary>
    string? Variable(string name) => environment(name) is { Length: > 0 } value ? value : null;
}
