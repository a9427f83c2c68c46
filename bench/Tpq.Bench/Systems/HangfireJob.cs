using Tpq.Bench.Measuring;

namespace Tpq.Bench.Systems;

/// <summary>The method that a Hangfire job names. Public and static, because Hangfire calls it by reflection.</summary>
public static class HangfireJob
{
    /// <summary>Whose turn it is: jobs are data and cannot hold a handler.</summary>
    internal static Handler? Handler { get; set; }

    /// <summary>Does the work of one message.</summary>
    public static Task RunAsync(string payload) => Handler!.HandleAsync(() => payload);
}
