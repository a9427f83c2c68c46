using System.Collections;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Tpq.Internal;

/// <summary>
/// Where the database is: TPQ_URL, else TPQ_HOST, TPQ_PORT, TPQ_DB, TPQ_USER and TPQ_PASS; what these leave open comes from libpq's PGHOST,
/// PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGPASSFILE …, and what those leave open from libpq's defaults.
/// </summary>
sealed class Configuration(Func<string, string?> variable, ILogger logger)
{
    public const string Url = "TPQ_URL";
    public const string TablePrefix = "TPQ_TABLE_PREFIX";

    static readonly (string Variable, string Parameter)[] Own =
        [("TPQ_HOST", "host"), ("TPQ_PORT", "port"), ("TPQ_DB", "dbname"), ("TPQ_USER", "user"), ("TPQ_PASS", "password")];

    /// <summary>Where a connection string or URL leaves something open. PGPASSWORD, PGPASSFILE, PGUSER and the SSL files Npgsql reads itself.</summary>
    static readonly (string Variable, string Parameter)[] Libpq =
    [
        ("PGHOST", "host"), ("PGPORT", "port"), ("PGDATABASE", "dbname"), ("PGUSER", "user"), ("PGPASSWORD", "password"), ("PGPASSFILE", "passfile"),
        ("PGSSLMODE", "sslmode"), ("PGSSLROOTCERT", "sslrootcert"), ("PGCONNECT_TIMEOUT", "connect_timeout"), ("PGAPPNAME", "application_name"),
        ("PGOPTIONS", "options"), ("PGTARGETSESSIONATTRS", "target_session_attrs"), ("PGCHANNELBINDING", "channel_binding"),
    ];

    public static Configuration FromEnvironment(ILogger logger)
    {
        IDictionary variables = Environment.GetEnvironmentVariables();
        return new Configuration(name => variables[name] as string is { Length: > 0 } value ? value : null, logger);
    }

    public string? GivenTablePrefix => variable(TablePrefix);

    /// <exception cref="TpqConfigurationException">Nothing is set, or something is wrong.</exception>
    public NpgsqlConnectionStringBuilder Read()
    {
        logger.ReadEnvironment();
        if (variable(Url) is { } url)
            return Complete(Parse(url, Url));
        var builder = new NpgsqlConnectionStringBuilder();
        if (!Own.Concat(Libpq.Where(l => l.Parameter is "host" or "port" or "dbname")).Any(v => variable(v.Variable) is not null))
            throw new TpqConfigurationException(
                $"No database is configured: set {Url}, for example to postgresql://user:password@localhost/database, or TPQ_HOST, TPQ_DB, TPQ_USER and TPQ_PASS.");
        foreach ((string name, string parameter) in Own)
        {
            if (variable(name) is { } value)
                ConnectionUrl.Set(builder, parameter, value, name);
        }
        return Complete(builder);
    }

    /// <summary>
    /// The constructor's connection string. A URL is completed as libpq completes one; Npgsql's keywords mean what Npgsql makes of them.
    /// </summary>
    public NpgsqlConnectionStringBuilder ReadConnectionString(string text)
    {
        NpgsqlConnectionStringBuilder builder = Parse(text, "The connection string");
        return ConnectionUrl.IsUrl(text) ? Complete(builder) : builder;
    }

    NpgsqlConnectionStringBuilder Parse(string text, string source)
    {
        logger.Parsing(source);
        if (ConnectionUrl.IsUrl(text))
            return ConnectionUrl.Parse(text, source);
        try
        {
            return new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            // Npgsql's sentence may quote a value.
            throw new TpqConfigurationException(
                $"{source} is neither a URL (postgresql://user:password@host:port/database) nor a connection string (Host=…;Database=…;Username=…;Password=…) that Npgsql understands.");
        }
    }

    NpgsqlConnectionStringBuilder Complete(NpgsqlConnectionStringBuilder builder)
    {
        bool hasHost = !string.IsNullOrEmpty(builder.Host);
        foreach ((string name, string parameter) in Libpq)
        {
            if (variable(name) is { } value && !IsSet(builder, parameter, hasHost))
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

    static bool IsSet(NpgsqlConnectionStringBuilder builder, string parameter, bool hasHost) => parameter switch
    {
        "host" => hasHost,
        // Npgsql keeps the ports of several hosts with the hosts.
        "port" => builder.ContainsKey("Port") || (hasHost && builder.Host!.Contains(',')),
        "dbname" => builder.Database is not null,
        "user" => builder.Username is not null,
        "password" => builder.Password is not null,
        "passfile" => builder.Passfile is not null,
        "sslmode" => builder.ContainsKey("SSL Mode"),
        "sslrootcert" => builder.RootCertificate is not null,
        "connect_timeout" => builder.ContainsKey("Timeout"),
        "application_name" => builder.ApplicationName is not null,
        "options" => builder.Options is not null,
        "target_session_attrs" => builder.TargetSessionAttributes is not null,
        "channel_binding" => builder.ContainsKey("Channel Binding"),
        _ => throw new ArgumentOutOfRangeException(nameof(parameter), parameter, null),
    };

    /// <summary>libpq's default is a Unix socket in the folder that its distribution chose, and localhost where there is none.</summary>
    static string DefaultHost(int port) =>
        Array.Find(["/var/run/postgresql", "/tmp"], folder => File.Exists(Path.Combine(folder, $".s.PGSQL.{port}"))) ?? "localhost";
}
