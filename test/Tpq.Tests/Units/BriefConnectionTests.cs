using Npgsql;
using Tpq.Internal;

namespace Tpq.Tests.Units;

/// <summary>The connections of the command.</summary>
public sealed class BriefConnectionTests
{
    [Theory]
    [InlineData("Host=h", GssEncryptionMode.Disable)]
    [InlineData("Host=h;GSS Encryption Mode=Prefer", GssEncryptionMode.Prefer)]
    [InlineData("Host=h;GSS Encryption Mode=Require", GssEncryptionMode.Require)]
    public void KerberosEncryption_IsLeftOut_UnlessAskedFor(string given, GssEncryptionMode expected) => Assert.Equal(expected, ModeOf(given, isBrief: true));

    [Fact]
    public void KerberosEncryption_IsTheDriversDefault_InTheLibrary() => Assert.Equal(GssEncryptionMode.Prefer, ModeOf("Host=h", isBrief: false));

    static GssEncryptionMode ModeOf(string settings, bool isBrief)
    {
        using NpgsqlDataSource dataSource = DataSources.Create(new NpgsqlConnectionStringBuilder(settings), new TpqClientOptions { IsBrief = isBrief });
        return new NpgsqlConnectionStringBuilder(dataSource.ConnectionString).GssEncryptionMode;
    }
}
