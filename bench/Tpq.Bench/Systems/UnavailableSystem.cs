using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>A system that belongs into the comparison and cannot be had: dashes, and the reason.</summary>
sealed class UnavailableSystem(Database database, string name, string reason) : QueueSystem(database)
{
    public override string Name => name;

    public override string? Version => null;

    public override IReadOnlyList<string> Settings => [reason];

    public override Task InstallAsync(CancellationToken cancellationToken) => throw new NotPossibleException(reason);

    public override Task RenewAsync(CancellationToken cancellationToken) => throw new NotPossibleException(reason);

    public override Task FillAsync(long count, CancellationToken cancellationToken) => throw new NotPossibleException(reason);
}
