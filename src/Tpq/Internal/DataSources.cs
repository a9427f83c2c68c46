using Npgsql;

namespace Tpq.Internal;

/// <summary>Makes the pool of a client that was given a connection string, and checks the pool of one that was given a pool.</summary>
static class DataSources
{
    public static NpgsqlDataSource Create(NpgsqlConnectionStringBuilder settings, TpqClientOptions options)
    {
        Refuse(settings);
        settings.ApplicationName ??= "tpq";
        if (options.IsBrief && !settings.ShouldSerialize("GSS Encryption Mode") && Environment.GetEnvironmentVariable("PGGSSENCMODE") is null)
            settings.GssEncryptionMode = GssEncryptionMode.Disable;
        string? target = settings.TargetSessionAttributes;
        settings.TargetSessionAttributes = null;
        TargetSessionAttributes session = Target(target);
        try
        {
            var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
            if (options.IsBrief)
                builder.ConfigureTypeLoading(static types => types.EnableTypeLoading(false));
            // Of several hosts a queue wants the one that can write.
            return target is not null || settings.Host!.Contains(',') ? builder.BuildMultiHost().WithTargetSession(session) : builder.Build();
        }
        catch (ArgumentException e)
        {
            // Settings that contradict each other. The driver's sentence names keywords and quotes no value.
            throw new TpqConfigurationException($"The connection settings cannot be used: {e.Message}");
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new TpqConfigurationException("The connection settings cannot be used: a host has a port behind it that is no number from 1 to 65535.");
        }
    }

    public static NpgsqlDataSource Adopt(NpgsqlDataSource dataSource)
    {
        Refuse(new NpgsqlConnectionStringBuilder(dataSource.ConnectionString));
        return dataSource is NpgsqlMultiHostDataSource several ? several.WithTargetSession(TargetSessionAttributes.Primary) : dataSource;
    }

    static void Refuse(NpgsqlConnectionStringBuilder settings)
    {
        if (settings.Multiplexing)
            throw new TpqConfigurationException("The connection string has Multiplexing=true, with which a transaction cannot be held; leave it out.");
        if (string.IsNullOrEmpty(settings.Host))
            throw new TpqConfigurationException("The connection string names no host: Host=… is missing.");
    }

    static TargetSessionAttributes Target(string? word) => word switch
    {
        null or "primary" => TargetSessionAttributes.Primary,
        "read-write" => TargetSessionAttributes.ReadWrite,
        "any" => TargetSessionAttributes.Any,
        _ => throw new TpqConfigurationException(
            "target_session_attrs (Target Session Attributes) can be primary, read-write or any: a queue is written to, and a standby cannot be."),
    };
}
