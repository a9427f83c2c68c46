using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Tpq.Internal;

/// <summary>What a consumer does with a message: reads its payload, and has it handled in a scope of its own.</summary>
static class Handling
{
    public static Func<TpqDelivery, CancellationToken, Task> Held<THandler, T>(IServiceProvider provider, JsonTypeInfo<T> type)
        where THandler : class, ITpqHandler<T> => async (delivery, cancellationToken) =>
    {
        if (TryRead(delivery.Message, type, out T body))
            await InScopeAsync(provider, m => m.Set(delivery), scope => scope.GetRequiredService<THandler>().HandleAsync(body, delivery, cancellationToken))
                .ConfigureAwait(false);
        else
            await DieOfNullAsync(provider, delivery.Message, type, error => delivery.DeadLetterAsync(error, cancellationToken)).ConfigureAwait(false);
    };

    public static Func<TpqLease, CancellationToken, Task> Leased<THandler, T>(IServiceProvider provider, JsonTypeInfo<T> type)
        where THandler : class, ITpqLeaseHandler<T> => async (lease, cancellationToken) =>
    {
        if (TryRead(lease.Message, type, out T body))
            await InScopeAsync(provider, m => m.Set(lease), scope => scope.GetRequiredService<THandler>().HandleAsync(body, lease, cancellationToken))
                .ConfigureAwait(false);
        else
            await DieOfNullAsync(provider, lease.Message, type, error => lease.DeadLetterAsync(error, cancellationToken)).ConfigureAwait(false);
    };

    public static Func<TpqDelivery, CancellationToken, Task> Held(IServiceProvider provider, Func<IServiceProvider, TpqDelivery, CancellationToken, Task> handler) =>
        (delivery, cancellationToken) => InScopeAsync(provider, m => m.Set(delivery), scope => handler(scope, delivery, cancellationToken));

    static async Task InScopeAsync(IServiceProvider provider, Action<CurrentMessage> enter, Func<IServiceProvider, Task> handle)
    {
        AsyncServiceScope scope = provider.CreateAsyncScope();
        CurrentMessage message = scope.ServiceProvider.GetRequiredService<CurrentMessage>();
        enter(message);
        try
        {
            await handle(scope.ServiceProvider).ConfigureAwait(false);
        }
        finally
        {
            message.Keep(true);
            try
            {
                await scope.DisposeAsync().ConfigureAwait(false);
            }
            finally
            {
                message.Keep(false);
            }
        }
    }

    /// <returns>False for the JSON text null, unless T is a nullable value type: whether a reference may be null is not known at run time.</returns>
    static bool TryRead<T>(TpqMessage message, JsonTypeInfo<T> type, out T body)
    {
        T? read = message.Deserialize(type);
        body = read!;
        return read is not null || typeof(T).IsValueType;
    }

    static async Task DieOfNullAsync<T>(IServiceProvider provider, TpqMessage message, JsonTypeInfo<T> type, Func<string, Task> die)
    {
        await die($"The payload is null, and its handler takes a {type.Type}.").ConfigureAwait(false);
        provider.GetRequiredService<TpqClient>().Logger.NullPayload(message.Id, message.Queue, type.Type);
    }
}
