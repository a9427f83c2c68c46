using System.Globalization;
using Npgsql;

namespace Tpq.Internal;

/// <summary>Reads a connection URL as libpq does: postgresql://user:password@host:port,host:port/database?parameter=value.</summary>
/// <remarks>Source: PostgreSQL's manual, "Connection URIs" and "Parameter Key Words" of libpq. No error quotes a value, which might be a password.</remarks>
static class ConnectionUrl
{
    static readonly string[] Schemes = ["postgresql://", "postgres://"];

    public static bool IsUrl(string text) => text.Contains("://", StringComparison.Ordinal) && !text.Split("://", 2)[0].Contains('=');

    /// <summary>Whether the value of a part is a whole URL or connection string, which may have a password in it: parts are told in logs and errors.</summary>
    public static bool IsWhole(string? value) =>
        value is not null && ((value.IndexOf("://", StringComparison.Ordinal) is >= 0 and int start && value.LastIndexOf('@') > start)
            || value.Contains("password=", StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether there is a user and a password before a host, as in a URL that has lost its beginning.</summary>
    public static bool HasUserInfo(string? host) => host?.IndexOf(':', StringComparison.Ordinal) is >= 0 and int colon && host.LastIndexOf('@') > colon;

    /// <param name="url">The URL.</param>
    /// <param name="source">What to call it in errors: the variable or option that it came from.</param>
    public static NpgsqlConnectionStringBuilder Parse(string url, string source)
    {
        string? scheme = Schemes.FirstOrDefault(s => url.StartsWith(s, StringComparison.Ordinal));
        if (scheme is null)
            throw new TpqConfigurationException($"{source} is a URL that begins neither with postgresql:// nor with postgres://.");
        string rest = url[scheme.Length..];
        string query = CutAt(ref rest, '?', fromEnd: false);
        string database = CutAt(ref rest, '/', fromEnd: false);
        // A "?" or "/" in a password ends it, and what follows would be taken, and named in errors, as something else.
        if (database.Contains('@') || query.Contains('@'))
            throw new TpqConfigurationException(
                $"{source} has a \"/\" or \"?\" before its \"@\". In a user's name, a password or a value write / as %2F, ? as %3F and @ as %40.");
        int at = rest.LastIndexOf('@');
        string user = at < 0 ? "" : rest[..at], hosts = rest[(at + 1)..];
        string password = CutAt(ref user, ':', fromEnd: false);

        var builder = new NpgsqlConnectionStringBuilder();
        Set(builder, "user", Decode(user, source), source);
        Set(builder, "password", Decode(password, source), source);
        Set(builder, "dbname", Decode(database, source), source);
        SetHosts(builder, hosts, source);
        foreach (string parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries).OrderBy(Precedence))
        {
            string name = parameter;
            if (!parameter.Contains('='))
                throw new TpqConfigurationException($"{source} has a parameter without \"=\" behind its \"?\".");
            string value = CutAt(ref name, '=', fromEnd: false);
            Set(builder, Decode(name, source), Decode(value, source), source);
        }
        return builder;
    }

    /// <summary>An address is used instead of a host's name, wherever it stands, and ports are those of whichever is used.</summary>
    static int Precedence(string parameter) => parameter.Split('=')[0] switch { "host" => 0, "hostaddr" => 1, _ => 2 };

    /// <summary>Sets a parameter by libpq's name. An empty value means the default, as there.</summary>
    public static void Set(NpgsqlConnectionStringBuilder builder, string name, string value, string source)
    {
        if (value.Length == 0)
            return;
        try
        {
            switch (name)
            {
                case "host" or "hostaddr" or "dbname" or "user" when IsWhole(value): throw Whole(name, source);
                case "host" or "hostaddr" when HasUserInfo(value): throw Whole(name, source);
                case "host" or "hostaddr": builder.Host = value; break;
                case "port" when value.Contains(','): builder.Host = JoinHosts(builder.Host?.Split(',') ?? [], value.Split(',')); break;
                case "port": builder.Port = Number(value, 1, 65535); break;
                case "dbname": builder.Database = value; break;
                case "user": builder.Username = value; break;
                case "password": builder.Password = value; break;
                case "passfile": builder.Passfile = value; break;
                case "application_name" or "fallback_application_name": builder.ApplicationName = value; break;
                case "options": builder.Options = value; break;
                case "connect_timeout": builder.Timeout = Number(value, int.MinValue, 1024) is > 0 and int seconds ? seconds : 0; break;
                case "ssl" when value == "true": builder.SslMode = SslMode.Require; break;
                case "sslmode": builder.SslMode = Word<SslMode>(value); break;
                case "sslrootcert": builder.RootCertificate = value; break;
                case "sslcert": builder.SslCertificate = value; break;
                case "sslkey": builder.SslKey = value; break;
                case "sslpassword": builder.SslPassword = value; break;
                case "sslnegotiation": builder.SslNegotiation = Word<SslNegotiation>(value); break;
                case "channel_binding": builder.ChannelBinding = Word<ChannelBinding>(value); break;
                case "gssencmode": builder.GssEncryptionMode = Word<GssEncryptionMode>(value); break;
                case "krbsrvname": builder.KerberosServiceName = value; break;
                case "require_auth": builder.RequireAuth = value; break;
                case "target_session_attrs": builder.TargetSessionAttributes = value; break;
                case "load_balance_hosts": builder.LoadBalanceHosts = value == "random"; break;
                case "keepalives": builder.TcpKeepAlive = Number(value, 0, 1) == 1; break;
                case "keepalives_idle": builder.TcpKeepAliveTime = Number(value, 0, int.MaxValue); break;
                case "keepalives_interval": builder.TcpKeepAliveInterval = Number(value, 0, int.MaxValue); break;
                case "client_encoding" when value is "UTF8" or "utf8" or "UTF-8" or "auto": break;
                default:
                    throw new TpqConfigurationException($"{source} has the parameter \"{name}\", which is unknown, or has a value that is not supported.");
            }
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or NotSupportedException)
        {
            throw new TpqConfigurationException($"{source} has a value for \"{name}\" that cannot be used.");
        }
    }

    static void SetHosts(NpgsqlConnectionStringBuilder builder, string hosts, string source)
    {
        if (hosts.Length == 0)
            return;
        var all = new List<string>();
        var ports = new List<string>();
        foreach (string entry in hosts.Split(','))
        {
            string host = entry;
            string port;
            if (entry.StartsWith('['))
            {
                int end = entry.IndexOf(']', StringComparison.Ordinal);
                if (end < 0 || (end + 1 < entry.Length && entry[end + 1] != ':'))
                    throw new TpqConfigurationException($"{source} has an IPv6 address whose brackets do not match.");
                host = entry[1..end];
                port = end + 1 < entry.Length ? entry[(end + 2)..] : "";
            }
            else
            {
                port = CutAt(ref host, ':', fromEnd: true);
            }
            host = Decode(host, source);
            all.Add(IsWhole(host) || HasUserInfo(host) ? throw Whole("host", source) : host);
            ports.Add(Decode(port, source));
        }
        if (all.Count == 1)
        {
            Set(builder, "host", all[0], source);
            Set(builder, "port", ports[0], source);
            return;
        }
        try
        {
            builder.Host = JoinHosts(all, ports);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException)
        {
            throw new TpqConfigurationException($"{source} has a value for \"port\" that cannot be used.");
        }
    }

    static TpqConfigurationException Whole(string name, string source) =>
        new($"{source} has a whole URL or connection string as its \"{name}\": that goes into {Configuration.Url}.");

    /// <summary>Npgsql takes the ports of several hosts in the host list.</summary>
    static string JoinHosts(IReadOnlyCollection<string> hosts, IReadOnlyCollection<string> ports)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(ports.Count, hosts.Count);
        return string.Join(',', hosts.Zip(ports, (host, port) => port.Length == 0 ? Bracketed(host) : $"{Bracketed(host)}:{Number(port, 1, 65535)}"));
    }

    static string Bracketed(string host) => host.Contains(':') ? $"[{host}]" : host;

    /// <summary>Cuts the text at a character and returns what stood behind it.</summary>
    static string CutAt(ref string text, char separator, bool fromEnd)
    {
        int at = fromEnd ? text.LastIndexOf(separator) : text.IndexOf(separator, StringComparison.Ordinal);
        if (at < 0)
            return "";
        string behind = text[(at + 1)..];
        text = text[..at];
        return behind;
    }

    static string Decode(string text, string source)
    {
        for (int i = text.IndexOf('%', StringComparison.Ordinal); i >= 0; i = text.IndexOf('%', i + 1))
        {
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
                throw new TpqConfigurationException($"{source} has a \"%\" without two hexadecimal digits behind it; a percent sign itself is written %25.");
        }
        string decoded = Uri.UnescapeDataString(text);
        return decoded.Contains('\0')
            ? throw new TpqConfigurationException($"{source} has a %00 in it, which no value may contain.")
            : decoded;
    }

    static int Number(string value, int from, int to)
    {
        int number = int.Parse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        ArgumentOutOfRangeException.ThrowIfLessThan(number, from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, to);
        return number;
    }

    /// <summary>libpq's spelling (verify-full) to the enumeration's (VerifyFull).</summary>
    static T Word<T>(string value) where T : struct, Enum =>
        char.IsAsciiLetter(value[0]) ? Enum.Parse<T>(value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true) : throw new FormatException();
}
