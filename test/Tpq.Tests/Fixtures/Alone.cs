namespace Tpq.Tests.Fixtures;

/// <summary>Tests that no other may run beside: they listen to what the whole process does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
