using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Tpq.Docs.Tests.Fixtures;

/// <summary>
/// What the example of MassTransit may use without declaring it. Its extension methods are those of MassTransit.SqlTransport.PostgreSQL and
/// MassTransit.EntityFrameworkCore, which the tests do not have: with their signatures in place, all the rest is compiled against the library.
/// </summary>
public static class MassTransitPrelude
{
    public static IServiceCollection services { get; } = new ServiceCollection();

    public static IPublishEndpoint publishEndpoint { get; } = null!;

    public static IMessageScheduler scheduler { get; } = null!;

    public static IServiceCollection AddPostgresMigrationHostedService(this IServiceCollection services, bool create = true, bool delete = false) =>
        throw new NotSupportedException();

    public static void UsingPostgres(
        this IBusRegistrationConfigurator configurator, Action<IBusRegistrationContext, ISqlBusFactoryConfigurator>? configure = null) =>
        throw new NotSupportedException();

    public static void AddEntityFrameworkOutbox<TDbContext>(
        this IBusRegistrationConfigurator configurator, Action<IEntityFrameworkOutboxConfigurator>? configure = null)
        where TDbContext : DbContext =>
        throw new NotSupportedException();

    public static IEntityFrameworkOutboxConfigurator UsePostgres(this IEntityFrameworkOutboxConfigurator configurator) =>
        throw new NotSupportedException();

    public interface IEntityFrameworkOutboxConfigurator
    {
        void UseBusOutbox();
    }

    public sealed record Reminder(long Id);
}
