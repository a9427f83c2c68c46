namespace Tpq.Tests.Fixtures;

/// <summary>The program of PgBouncer.</summary>
public sealed class PgBouncerPackage() : DebianPackage("pgbouncer", "usr/sbin")
{
    public static bool IsPossible => IsInReach("pgbouncer");
}
