using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tpq.Internal;

namespace Tpq;

/// <summary>Adds queues, and consumers that run as long as the host does. Made by <c>AddTpq</c>.</summary>
/// <remarks>
/// The settings of a consumer are its <c>configure</c>, over which the section <c>Tpq:Consumers:{queue}</c> of the host's configuration wins. They are checked when the
/// host starts: what is wrong is an <see cref="OptionsValidationException"/> that names the section, the key and the reason.
/// </remarks>
public sealed class TpqBuilder
{
    const DynamicallyAccessedMemberTypes Constructors = DynamicallyAccessedMemberTypes.PublicConstructors;

    readonly Registrations _registrations;

    internal TpqBuilder(IServiceCollection services, Registrations registrations)
    {
        Services = services;
        _registrations = registrations;
    }

    /// <summary>The application's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Adds a queue: a singleton <see cref="TpqQueue"/> whose key is its name, <c>[FromKeyedServices("orders")]</c>.</summary>
    /// <param name="queue">The queue's name. Whether it can be one is found out when the host starts.</param>
    /// <param name="create">
    /// Whether it is created when the host starts, before any of its services, unless it is there. Any number of processes may do so at once. Default:
    /// <see langword="false"/>, and nothing is asked of the database.
    /// </param>
    /// <param name="configure">What is chosen if it is created.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="queue"/> is empty.</exception>
    public TpqBuilder AddQueue(string queue, bool create = false, Action<TpqQueueOptions>? configure = null)
    {
        Registrations.Queue registration = Add(queue);
        registration.IsCreated |= create;
        if (configure is not null)
            Services.Configure(queue, configure);
        return this;
    }

    /// <summary>Adds a consumer whose messages are held, each in a transaction: for short work, done exactly once.</summary>
    /// <typeparam name="THandler">The handler: a scoped service, unless it is registered already in another way.</typeparam>
    /// <typeparam name="T">What the payload is read as. A payload that is none goes to the dead letter queue at once.</typeparam>
    /// <param name="queue">The queue's name. The queue must be there when the host starts, or be created then by <see cref="AddQueue"/>.</param>
    /// <param name="type">The contract of <typeparamref name="T"/> from a source-generated <c>JsonSerializerContext</c>.</param>
    /// <param name="configure">The consumer's settings, as far as the configuration does not say otherwise.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="queue"/> is empty.</exception>
    /// <exception cref="InvalidOperationException">The queue has a consumer in this host already.</exception>
    public TpqBuilder AddConsumer<[DynamicallyAccessedMembers(Constructors)] THandler, T>(
        string queue, JsonTypeInfo<T> type, Action<TpqConsumeOptions>? configure = null)
        where THandler : class, ITpqHandler<T>
    {
        ArgumentNullException.ThrowIfNull(type);
        AddConsumer(queue, configure, (provider, its, options, stop) => its.ConsumeAsync(Handling.Held<THandler, T>(provider, type), options, stop));
        Services.TryAddScoped<THandler>();
        return this;
    }

    /// <summary>Adds a consumer whose messages are leased: for long work, or many at once. Such a message may be delivered twice.</summary>
    /// <typeparam name="THandler">The handler: a scoped service, unless it is registered already in another way.</typeparam>
    /// <typeparam name="T">What the payload is read as. A payload that is none goes to the dead letter queue at once.</typeparam>
    /// <param name="queue">The queue's name. The queue must be there when the host starts, or be created then by <see cref="AddQueue"/>.</param>
    /// <param name="type">The contract of <typeparamref name="T"/> from a source-generated <c>JsonSerializerContext</c>.</param>
    /// <param name="configure">The consumer's settings, as far as the configuration does not say otherwise.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="queue"/> is empty.</exception>
    /// <exception cref="InvalidOperationException">The queue has a consumer in this host already.</exception>
    public TpqBuilder AddLeasedConsumer<[DynamicallyAccessedMembers(Constructors)] THandler, T>(
        string queue, JsonTypeInfo<T> type, Action<TpqConsumeOptions>? configure = null)
        where THandler : class, ITpqLeaseHandler<T>
    {
        ArgumentNullException.ThrowIfNull(type);
        AddConsumer(queue, configure, (provider, its, options, stop) => its.ConsumeLeasedAsync(Handling.Leased<THandler, T>(provider, type), options, stop));
        Services.TryAddScoped<THandler>();
        return this;
    }

    /// <summary>Adds a consumer whose messages are held, each in a transaction, and handled by a method.</summary>
    /// <param name="queue">The queue's name. The queue must be there when the host starts, or be created then by <see cref="AddQueue"/>.</param>
    /// <param name="handler">Gets the services of the message's scope, the message in hand, and the token that <see cref="ITpqHandler{T}"/> gets.</param>
    /// <param name="configure">The consumer's settings, as far as the configuration does not say otherwise.</param>
    /// <returns>This builder.</returns>
    /// <exception cref="ArgumentException"><paramref name="queue"/> is empty.</exception>
    /// <exception cref="InvalidOperationException">The queue has a consumer in this host already.</exception>
    public TpqBuilder AddConsumer(string queue, Func<IServiceProvider, TpqDelivery, CancellationToken, Task> handler, Action<TpqConsumeOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        AddConsumer(queue, configure, (provider, its, options, stop) => its.ConsumeAsync(Handling.Held(provider, handler), options, stop));
        return this;
    }

    void AddConsumer(string queue, Action<TpqConsumeOptions>? configure, ConsumerService.Consume consume)
    {
        Registrations.Queue registration = Add(queue);
        if (registration.IsConsumed)
            throw new InvalidOperationException(
                $"Queue \"{queue}\" has a consumer in this host already: two would share its messages by chance. Set Concurrency for more at once; tell messages apart in one handler.");
        registration.IsConsumed = true;
        ConsumeSettings.Add(Services, queue, configure);
        Services.AddSingleton<IHostedService>(provider => ActivatorUtilities.CreateInstance<ConsumerService>(provider, queue, consume));
    }

    Registrations.Queue Add(string queue)
    {
        ArgumentException.ThrowIfNullOrEmpty(queue);
        if (!_registrations.Queues.TryGetValue(queue, out Registrations.Queue? registration))
            _registrations.Queues.Add(queue, registration = new Registrations.Queue());
        Services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, QueuesAtStart>());
        Services.TryAddKeyedSingleton(queue, (provider, _) => provider.GetRequiredService<TpqClient>().Queue(queue));
        return registration;
    }
}
