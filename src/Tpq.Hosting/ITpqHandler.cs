namespace Tpq;

/// <summary>Handles the messages of a queue, each held in a transaction of its own.</summary>
/// <typeparam name="T">What the payload is read as.</typeparam>
/// <remarks>
/// A handler is made for each message, in a scope that is disposed when it has returned. There <see cref="TpqDelivery"/> and <see cref="TpqMessage"/> can be
/// injected, into the handler and into whatever it needs.
/// </remarks>
public interface ITpqHandler<in T>
{
    /// <summary>Does the work. Returning removes the message together with what was written in the delivery's transaction; throwing undoes both.</summary>
    /// <param name="body">The payload. Never <see langword="null"/>, unless <typeparamref name="T"/> is a nullable value type.</param>
    /// <param name="delivery">The message in hand, with the connection and the transaction in which to write. It may be settled here.</param>
    /// <param name="cancellationToken">
    /// Cancelled at <see cref="TpqConsumeOptions.HandlerTimeout"/>, and when the host has been stopping for longer than <see cref="TpqConsumeOptions.Grace"/>.
    /// </param>
    Task HandleAsync(T body, TpqDelivery delivery, CancellationToken cancellationToken);
}
