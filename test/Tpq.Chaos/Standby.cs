namespace Tpq.Chaos;

enum Standby
{
    None,

    /// <summary>A commit is acknowledged when the standby has it too.</summary>
    Synchronous,

    /// <summary>A commit is acknowledged before: a failover may lose it.</summary>
    Asynchronous,
}
