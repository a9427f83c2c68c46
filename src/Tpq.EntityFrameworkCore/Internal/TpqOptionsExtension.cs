using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.DependencyInjection;

namespace Tpq.Internal;

/// <summary>Gives each context its pending messages, and the interceptor that puts them.</summary>
/// <remarks>An interceptor of an extension is one for each context, and comes before those that the application adds.</remarks>
sealed class TpqOptionsExtension : IDbContextOptionsExtension
{
    public DbContextOptionsExtensionInfo Info => field ??= new ExtensionInfo(this);

    public void ApplyServices(IServiceCollection services) => services
        .AddScoped<PendingPuts>()
        .AddScoped<IResettableService>(static context => context.GetRequiredService<PendingPuts>())
        .AddScoped<IInterceptor, PutOnSaveInterceptor>();

    public void Validate(IDbContextOptions options)
    {
    }

    sealed class ExtensionInfo(TpqOptionsExtension extension) : DbContextOptionsExtensionInfo(extension)
    {
        public override bool IsDatabaseProvider => false;

        public override string LogFragment => "using Tpq ";

        public override int GetServiceProviderHashCode() => 0;

        public override bool ShouldUseSameServiceProvider(DbContextOptionsExtensionInfo other) => other is ExtensionInfo;

        public override void PopulateDebugInfo(IDictionary<string, string> debugInfo) => debugInfo["Tpq"] = "1";
    }
}
