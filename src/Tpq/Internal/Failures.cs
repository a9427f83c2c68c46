using Microsoft.Extensions.Logging;
using Npgsql;

namespace Tpq.Internal;

/// <summary>What becomes of a message whose handler has failed: it is tried again later, or it dies; and who cannot settle it pauses.</summary>
sealed class Failures(TpqClient client, TpqConsumeOptions options)
{
    readonly int _maxAttempts = options.MaxAttempts;
    TimeSpan _pause;

    /// <summary>Whether it has failed so often that it is not to be handled at all.</summary>
    public bool HasHadItsAttempts(TpqMessage message) => message.Attempts >= _maxAttempts;

    /// <summary>Something was handled.</summary>
    public void Forget() => _pause = TimeSpan.Zero;

    /// <summary>
    /// Where a message cannot be settled it is back at its old place, and the next take gets it again: without a pause, one such message would keep a core
    /// of this side and one of the server's busy.
    /// </summary>
    public Task PauseAsync(CancellationToken stop) => _pause > TimeSpan.Zero ? Task.Delay(_pause, client.Time, stop) : Task.CompletedTask;

    /// <summary>The handler has ended the message by itself, and it is still there.</summary>
    public void GaveBack(string queue, long id)
    {
        Lengthen();
        client.Logger.HandlerGaveBack(queue, id, _pause);
    }

    /// <summary>The connection has gone, and the message with it: it is back, and the message is not to blame.</summary>
    public void LostConnection(Exception error, string queue, long id)
    {
        Lengthen();
        // An outage is one line, however many have a message in hand.
        client.Logger.LostInHand(client.IsFirstToTell() ? LogLevel.Warning : LogLevel.Debug, error, queue, id, _pause);
    }

    /// <summary>An error that can be told. An exception of somebody's own may fail to say what it is, and would take whoever asks with it.</summary>
    public static Exception Readable(Exception error)
    {
        try
        {
            _ = error.ToString();
            _ = Told(error);
            return error;
        }
        catch (Exception e)
        {
            return new TpqException($"An exception of type {error.GetType()}, whose text cannot be read: that ends in an exception of type {e.GetType()}.");
        }
    }

    /// <summary>Settles it.</summary>
    /// <param name="message">The message.</param>
    /// <param name="error">Why it failed.</param>
    /// <param name="hasTimedOut">Whether its handler had no more time.</param>
    /// <param name="retry">Has it delivered again after a time, for a reason; false where it is not there any more.</param>
    /// <param name="die">Makes a dead letter of it, for a reason; false where it is not there any more.</param>
    public async Task SettleAsync(
        TpqMessage message, Exception error, bool hasTimedOut, Func<TimeSpan, string?, Task<bool>> retry, Func<string, Task<bool>> die)
    {
        int attempt = message.Attempts + 1;
        string reason = hasTimedOut ? $"The handler was not done within {options.HandlerTimeout}." : Told(error);
        bool isUnreadable = ReferenceEquals(error, message.DeserializeError);
        try
        {
            if ((attempt >= _maxAttempts || isUnreadable) && await DieAsync(message, error, attempt, reason, die).ConfigureAwait(false))
                return;
            TimeSpan delay = attempt >= _maxAttempts ? options.MaxBackoff : Backoff.After(attempt, options);
            if (await retry(delay, reason).ConfigureAwait(false))
                client.Logger.HandlerFailed(error, message.Queue, message.Id, attempt, _maxAttempts, delay);
            _pause = TimeSpan.Zero;
        }
        catch (Exception e)
        {
            Lengthen();
            client.Logger.NotSettled(e, message.Queue, message.Id, reason, _pause);
        }
    }

    /// <summary>It has been delivered as often as it may, and died or was given up each time.</summary>
    public async Task SettleDoomedAsync(TpqMessage message, Func<TimeSpan, string?, Task<bool>> retry, Func<string, Task<bool>> die)
    {
        // Of a message that was redriven, and has told nothing since, the error is that of an earlier death.
        string reason = message.Headers.TryGetValue("tpq-error", out string? last) && !message.Headers.ContainsKey(DeadLetters.DiedAt) ? last
            : "No delivery came to an end, or told why not: its process, its connection or its lease was lost, or its handler had it tried again without a word.";
        try
        {
            if (!await DieAsync(message, error: null, message.Attempts, reason, die).ConfigureAwait(false))
                await retry(options.MaxBackoff, null).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Lengthen();
            client.Logger.NotSettled(e, message.Queue, message.Id, reason, _pause);
        }
    }

    /// <summary>With what is behind it: EF Core, for one, says only that there is something.</summary>
    static string Told(Exception error)
    {
        string told = $"{error.GetType()}: {error.Message}";
        for (Exception? inner = error.InnerException; inner is not null; inner = inner.InnerException)
            told += $" ---> {inner.GetType()}: {inner.Message}";
        return told;
    }

    async Task<bool> DieAsync(TpqMessage message, Exception? error, int attempts, string reason, Func<string, Task<bool>> die)
    {
        try
        {
            if (await die(reason).ConfigureAwait(false))
                client.Logger.Died(error, message.Queue, message.Id, attempts, message.Queue + DeadLetters.Suffix);
            _pause = TimeSpan.Zero;
            return true;
        }
        catch (Exception e) when (e is TpqException or PostgresException && !Fault.IsConnectionLoss(e))
        {
            // There is no dead letter queue and can be none, or it takes nothing: it is kept, and that is tried again, seldom, for as long as it takes.
            client.Logger.CannotDie(e, message.Queue, message.Id);
            return false;
        }
    }

    void Lengthen()
    {
        TimeSpan next = _pause == TimeSpan.Zero ? options.Backoff : _pause * 2;
        _pause = next < options.MaxBackoff ? next : options.MaxBackoff;
    }
}
