using Tpq.Internal;

namespace Tpq.Tests.Units;

public sealed class ServerVersionTests
{
    [Theory]
    [InlineData("13.23")]
    [InlineData("9.6.24")]
    public void AnOldServer_IsRefused_WithItsVersionAndWhatIsNeeded(string version) => Assert.Equal(
        $"The server on host \"db\" is PostgreSQL {version}; tpq needs PostgreSQL 14 or newer. Upgrade it, or use another server.",
        Connections.Refusal(new Version(version), "db")?.Message);

    [Theory]
    [InlineData("14.0")]
    [InlineData("19.0")]
    public void ANewerOne_IsNot(string version) => Assert.Null(Connections.Refusal(new Version(version), "db"));
}
