using System.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tpq.Internal;

namespace Tpq;

/// <summary>Queues inside of a <see cref="DbContext"/>'s transaction.</summary>
/// <remarks>The context is one over Npgsql, on the database of the queue's client. As the context itself, none of this is thread safe.</remarks>
public static class TpqDbContextExtensions
{
    /// <summary>The queue as seen from the context's current transaction, which is never begun, committed or rolled back here.</summary>
    /// <param name="queue">A queue of the context's database.</param>
    /// <param name="context">A context with a transaction, as of <c>context.Database.BeginTransactionAsync()</c> or <see cref="JoinAsync"/>.</param>
    /// <remarks>
    /// What is put and taken commits with what the context saves in that transaction, and is undone with it. The result is for this transaction only.
    /// </remarks>
    /// <exception cref="InvalidOperationException">
    /// The context has no current transaction (a TransactionScope is none) or one that has ended, is not over Npgsql, or is of another database.
    /// </exception>
    public static TpqQueueTransaction In(this TpqQueue queue, DbContext context)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(context);
        if (context.Database.CurrentTransaction is not { } current)
            throw new InvalidOperationException(
                "The context has no transaction. Begin one with context.Database.BeginTransactionAsync(), or let the next SaveChangesAsync put the message: "
                + "context.PutOnSave(queue, put).");
        if (context.Database.GetDbConnection().State != ConnectionState.Open)
            throw new InvalidOperationException("The context's transaction was committed or rolled back already, as by the delivery that it has joined.");
        SameDatabase.Checked(queue, context.Database.GetDbConnection());
        return queue.In((NpgsqlTransaction)current.GetDbTransaction());
    }

    /// <summary>Has the context's next <c>SaveChangesAsync</c> put a message, in its transaction: the entities and the message, both or neither.</summary>
    /// <param name="context">A context with <see cref="UseTpq(DbContextOptionsBuilder)"/>.</param>
    /// <param name="queue">A queue of the context's database. That it exists is found out by the save.</param>
    /// <param name="put">The message. UTF-8 memory that it was made from must not change until it was saved.</param>
    /// <remarks>
    /// <para>
    /// Messages are put in the order of these calls, also by a save that has no entities to save, and are not counted in its result. Where EF Core would
    /// have no transaction or no savepoint, it has one for a save that puts.
    /// </para>
    /// <para>
    /// A save that fails or is cancelled puts nothing: its messages stay pending for the next one, and so they do after <c>ChangeTracker.Clear()</c>, which
    /// tells nobody. <see cref="DiscardPuts"/> drops them, and so does disposing the context. With <c>acceptAllChangesOnSuccess: false</c> they are pending until the transaction has committed that the
    /// context began. The synchronous <c>SaveChanges</c> throws <see cref="InvalidOperationException"/> while messages are pending.
    /// </para>
    /// <para>
    /// The save throws <see cref="TpqQueueNotFoundException"/> where there is no such queue, and <see cref="InvalidOperationException"/> where the
    /// context's connection is not one to the database of the queue's client.
    /// </para>
    /// </remarks>
    /// <exception cref="TpqInvalidJsonException">The payload is not one JSON value. Nothing is pending because of this call.</exception>
    /// <exception cref="ArgumentException">The message has both <see cref="TpqPut.Delay"/> and <see cref="TpqPut.DueAt"/>.</exception>
    /// <exception cref="InvalidOperationException">The context was made without <see cref="UseTpq(DbContextOptionsBuilder)"/>.</exception>
    public static void PutOnSave(this DbContext context, TpqQueue queue, TpqPut put)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(put);
        PendingOf(context).Add(context, queue, put.ToChecked());
    }

    /// <summary>Drops the messages that are pending, so that no save puts them: the other half of <c>ChangeTracker.Clear()</c>, for who gives up a unit of work.</summary>
    /// <param name="context">A context with <see cref="UseTpq(DbContextOptionsBuilder)"/>.</param>
    /// <remarks>Sends nothing. What a save has put already is its transaction's affair, and stands if that commits.</remarks>
    /// <exception cref="InvalidOperationException">The context was made without <see cref="UseTpq(DbContextOptionsBuilder)"/>.</exception>
    public static void DiscardPuts(this DbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        PendingOf(context).Discard(context.Database);
    }

    /// <summary>Lets a context write in a delivery's transaction: what it saves commits with the message, or is undone with it.</summary>
    /// <param name="context">
    /// A context made for this delivery, that has not been used yet: neither from a context pool, nor with a retrying execution strategy. It is of no
    /// use after the delivery has ended.
    /// </param>
    /// <param name="delivery">The message in hand. Disposing the context leaves its connection and its transaction alone.</param>
    /// <param name="cancellationToken">Cancels the call; the context is then as it was.</param>
    /// <remarks>Sends nothing. Commit through the delivery: nothing that the context saves is committed before, and <see cref="PutOnSave"/> joins too.</remarks>
    /// <exception cref="InvalidOperationException">
    /// The delivery has ended; or the context has a transaction or an open connection, is in a TransactionScope, comes from a pool (which would give
    /// the delivery's connection to the next one), or retries (which needs the whole transaction to be run again, and a delivery comes once).
    /// </exception>
    public static async Task JoinAsync(this DbContext context, TpqDelivery delivery, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(delivery);
        Joining.ThrowIfImpossible(context, delivery);
        cancellationToken.ThrowIfCancellationRequested();
        context.Database.SetDbConnection(delivery.Connection);
        await context.Database.UseTransactionAsync(delivery.Transaction, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Lets contexts put messages when they save: adds what is behind <see cref="PutOnSave"/>.</summary>
    /// <param name="builder">The options, in <c>AddDbContext</c> or <c>OnConfiguring</c>, before or after <c>UseNpgsql</c>.</param>
    /// <returns>The same builder.</returns>
    /// <remarks>
    /// Calling it again changes nothing. Contexts may be pooled: one that goes back drops the messages that it has not put. With
    /// <c>UseInternalServiceProvider</c> it has no effect.
    /// </remarks>
    public static DbContextOptionsBuilder UseTpq(this DbContextOptionsBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ((IDbContextOptionsBuilderInfrastructure)builder).AddOrUpdateExtension(new TpqOptionsExtension());
        return builder;
    }

    /// <inheritdoc cref="UseTpq(DbContextOptionsBuilder)"/>
    /// <typeparam name="TContext">The type of the context.</typeparam>
    public static DbContextOptionsBuilder<TContext> UseTpq<TContext>(this DbContextOptionsBuilder<TContext> builder)
        where TContext : DbContext
    {
        UseTpq((DbContextOptionsBuilder)builder);
        return builder;
    }

    static PendingPuts PendingOf(DbContext context) => context.GetInfrastructure().GetService<PendingPuts>() ?? throw new InvalidOperationException(
        $"{context.GetType().Name} cannot put on save. Call UseTpq() where its options are set up, beside UseNpgsql().");
}
