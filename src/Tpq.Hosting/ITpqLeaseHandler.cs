namespace Tpq;

/// <summary>Handles the messages of a queue, each leased: for long work, which holds no connection.</summary>
/// <typeparam name="T">What the payload is read as.</typeparam>
/// <remarks>
/// A handler is made for each message, in a scope that is disposed when it has returned. There <see cref="TpqLease"/> and <see cref="TpqMessage"/> can be
/// injected, into the handler and into whatever it needs.
/// </remarks>
public interface ITpqLeaseHandler<in T>
{
    /// <summary>Does the work. Returning completes the message, unless that was done here; throwing has it delivered again.</summary>
    /// <param name="body">The payload. Never <see langword="null"/>, unless <typeparamref name="T"/> is a nullable value type.</param>
    /// <param name="lease">The lease, which is renewed meanwhile. Completing it in a transaction makes what is written there part of the message.</param>
    /// <param name="cancellationToken">
    /// Cancelled when the lease is lost, at <see cref="TpqConsumeOptions.HandlerTimeout"/>, and when the host has been stopping for longer than
    /// <see cref="TpqConsumeOptions.Grace"/>.
    /// </param>
    Task HandleAsync(T body, TpqLease lease, CancellationToken cancellationToken);
}
