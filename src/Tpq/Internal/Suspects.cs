namespace Tpq.Internal;

/// <summary>Counts the deliveries of a message that nobody lived to count: those that killed their process, their session or the machine.</summary>
/// <remarks>
/// <para>When a consumer dies the server rolls its transaction back: the message is there again at once, and its count of failures is what it was. A
/// message that kills whoever handles it would go round for ever. But the rollback leaves a mark. A row that a transaction has deleted, or only locked,
/// keeps the number of that transaction in <c>xmax</c>, which is 0 in a row that nobody has touched. So a message whose xmax is not 0 is a suspect: it has been in
/// hand before, and whatever became of that, it was not counted.</para>
/// <para>The mark does not tell a death from a message that was given back in peace. So nothing is counted for the mark itself. Before a suspect is handled,
/// a failure is written down in advance, in a transaction of its own: the row is put back with one attempt more, committed, and taken again. If this
/// delivery ends in any orderly way, that is undone or was right: it is removed; or it fails, which counts; or it is given back with the count that it had.
/// If it ends in no way at all, the count stays. So the first death of a message goes uncounted, and each further one is counted.</para>
/// <para>A message that nobody has touched pays nothing: not a statement, and not even the look at xmax, which is left to the takes that can meet a message that
/// was in hand before (see <see cref="Head"/>): those that try known ids, and those that look back, as the first take of a process does, and any take
/// 100 ms after the last look from the front. VACUUM FREEZE clears the mark, and a crash of the server may lose it (a rollback is not
/// flushed to disk): then a death goes uncounted.</para>
/// </remarks>
static class Suspects
{
    /// <summary>Writes the failure down and takes the message again.</summary>
    /// <returns>The message as it was, in a new transaction; null where somebody else was faster.</returns>
    public static async Task<TpqDelivery?> CountInAdvanceAsync(TpqClient client, QueueState queue, TpqDelivery delivery)
    {
        TpqMessage message = delivery.Message;
        try
        {
            await Settlement.PutBackAsync(delivery.Held, queue, message, message.Attempts + 1, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Npgsql.PostgresException e) when (!Fault.IsConnectionLoss(e))
        {
            // No column for it (the Python tpq's), or not allowed to put. It is handled uncounted.
            return await TakeAgainAsync(client, queue, message.Id, countedInAdvance: false).ConfigureAwait(false);
        }
        return await TakeAgainAsync(client, queue, message.Id, countedInAdvance: true).ConfigureAwait(false);
    }

    /// <summary>Takes one message by its id. Where that fails it is still there, below where the takes go on, and so remembered.</summary>
    /// <returns>Null where somebody else has it, or it is gone.</returns>
    public static async Task<TpqDelivery?> TakeAgainAsync(TpqClient client, QueueState queue, long id, bool countedInAdvance)
    {
        try
        {
            return await TakeAsync(client, queue, id, countedInAdvance).ConfigureAwait(false);
        }
        catch (Exception)
        {
            queue.Head.Remember(id);
            throw;
        }
    }

    static async Task<TpqDelivery?> TakeAsync(TpqClient client, QueueState queue, long id, bool countedInAdvance)
    {
        OwnTransaction held = await OwnTransaction.BeginAsync(client, CancellationToken.None).ConfigureAwait(false);
        TpqDelivery? delivery = null;
        try
        {
            TpqMessage? found = await held.TakeIdAsync(queue, id).ConfigureAwait(false);
            if (found is not null && countedInAdvance)
            {
                held.AttemptsToGoBackWith = found.Attempts - 1;
                found = found.With(attempts: found.Attempts - 1);
            }
            return found is null ? null : delivery = new TpqDelivery(held, found);
        }
        finally
        {
            if (delivery is null)
                await held.DisposeAsync().ConfigureAwait(false);
        }
    }
}
