using System.Runtime.CompilerServices;

namespace Tpq.Internal;

/// <summary>Takes messages: one statement from where <see cref="Head"/> says, and a sweep where that is not enough.</summary>
static class Take
{
    /// <param name="queue">The queue.</param>
    /// <param name="max">How many messages at most.</param>
    /// <param name="toTheEnd">Whether an empty result must be the truth.</param>
    /// <param name="takeIn">The transaction in which it runs.</param>
    /// <param name="execute">Runs the statement, and has it read the results.</param>
    /// <param name="lease">For how long they are leased, and under which number; null where they are held.</param>
    /// <returns>The messages in the order of their ids; empty when there were none, or none that anybody looked for.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public static async ValueTask<List<TpqMessage>> RunAsync(
        QueueState queue, int max, bool toTheEnd, TakeIn takeIn, Func<TakeStatement, ValueTask<List<TpqMessage>>> execute,
        (TimeSpan Duration, Guid Number)? lease = null)
    {
        Scan scan = queue.Head.Begin();
        long[] known = queue.Head.Known;
        bool hasSwept = false;
        while (true)
        {
            var statement = new TakeStatement(queue, max, scan, known, takeIn, lease);
            List<TpqMessage> found;
            try
            {
                found = await execute(statement).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                queue.Head.Fail(scan, e);
                // Who has met with a fault looks again; whose call was cancelled does not.
                if (e is OperationCanceledException)
                    PassOn(queue);
                throw;
            }
            statement.Report(found);
            if (found.Count > 0)
            {
                PassOn(queue);
                return found;
            }
            hasSwept |= scan.IsFromFront;
            if (queue.Head.IsLookBackDue)
                scan = queue.Head.Begin();
            else if (!hasSwept && (toTheEnd || queue.Head.IsSweepDue))
                scan = queue.Head.BeginAtFront();
            else
                return found;
            known = [];
        }
    }

    /// <summary>A look back that was asked for while this one was made, or that has to go on: who asked may have relied on it, and sleep.</summary>
    public static void PassOn(QueueState queue)
    {
        if (queue.Head.IsLookBackDue)
            queue.Sleepers.WakeOne();
    }
}
