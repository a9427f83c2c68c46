using Tpq.Internal.Telemetry;

namespace Tpq.Internal;

/// <summary>Where a client's takes begin to scan a queue: the head hint, which keeps a take as cheap as the first one was.</summary>
/// <remarks>
/// <para>Every row that was consumed leaves a dead entry at the front of the primary key. VACUUM removes them, but not while any
/// transaction is open, and a slow consumer is such a transaction. A scan from the front walks all of them: with one transaction held open,
/// takes get slower without bound. So a take scans from the <b>position</b>, the last id that this client took. The position only rises.
/// Going back by so much as one id would walk everything that was consumed since.</para>
/// <para>Takes that go along with a commit, of which a client with many consumers has many under way, would pass one by one over the rows that the others are
/// about to delete. So each of them begins behind the <b>stretch</b> of the one before: as many ids as that one takes at most. A stretch has no more rows than ids,
/// so where each take finds as many as it may, no row is left in any stretch. Where one comes short, or fails, others may have begun behind what it left. Then the id
/// behind its last one is treated as one that the doorbell has named. After every name the stretches begin at the position again.</para>
/// <para>Rows below the position are found in two ways. <b>Known ids</b>, the client's own rollbacks and whatever it took in a caller's
/// transaction, whose end it cannot see, are tried first, by primary key; one that a new snapshot no longer shows is dropped.
/// A <b>look back</b> is a scan with a cursor of its own, from the front or from an id that the doorbell named, which goes on behind each
/// straggler that it finds until it has reached the position. It finds what others rolled back, and what was committed late.</para>
/// <para>A look back from the front is a <b>sweep</b>, and it pays for all dead entries. It is made at the first take; where an empty answer
/// must be the truth; when this client becomes the doorman; after a connection was lost; and otherwise when 50 times as long has passed as the last one took, at least
/// 100 ms and at most 30 s: about 2 % of the time, until the cap.</para>
/// <para>A sequence that was reset shows as a straggler that was put later than the message at the position. Then the position is set back:
/// the ids begin anew, and with them the scan.</para>
/// </remarks>
sealed class Head(TimeProvider time, string queue)
{
    static readonly TimeSpan LongSweep = TimeSpan.FromMilliseconds(50);

    /// <summary>More than these are not worth their keep: a sweep finds them all.</summary>
    const int MostKnown = 1000;

    /// <summary>Before every id.</summary>
    const long Front = long.MinValue;

    readonly Lock _gate = new();

    readonly SweepBudget _sweeps = new(time);

    /// <summary>Each with the transaction of a caller's in which it was taken; 0 where it was one of our own.</summary>
    readonly Dictionary<long, ulong> _known = [];

    long _position = Front;
    DateTimeOffset? _positionPutAt;

    /// <summary>Where the last stretch ends. It counts where that is above the position.</summary>
    long _planned = Front;

    /// <summary>Behind which id a look back has to begin or to go on; null for none.</summary>
    long? _back = Front;

    /// <summary>
    /// The lowest id above the position that was named, by the bell or by a take along that came short, or what the position has left of those; null for none. And when one was named last.
    /// </summary>
    long? _ahead;
    long _namedAt;

    bool _isLookingBack;

    /// <summary>Whether the look back that goes on, perhaps over several takes, began at the front.</summary>
    bool _isSweep;

    TimeSpan _sweepTime;

    /// <summary>The known ids, in no order.</summary>
    public long[] Known
    {
        get
        {
            lock (_gate)
                return _known.Count == 0 ? [] : [.. _known.Keys];
        }
    }

    /// <summary>Whether a look back was asked for that nobody makes yet.</summary>
    public bool IsLookBackDue
    {
        get
        {
            lock (_gate)
                return !_isLookingBack && _back is not null;
        }
    }

    /// <summary>Whether a sweep is due by the time that has passed.</summary>
    public bool IsSweepDue
    {
        get
        {
            lock (_gate)
                return IsDue();
        }
    }

    /// <summary>Whether a sweep takes so long that whatever runs it does nothing else for a while.</summary>
    public bool IsSweepLong
    {
        get
        {
            lock (_gate)
                return _sweeps.LastTook > LongSweep;
        }
    }

    /// <summary>Whether the next take is a plain scan from the position.</summary>
    public bool IsPlain
    {
        get
        {
            lock (_gate)
                return IsPlainNow();
        }
    }

    /// <summary>Whether this scan has seen all that one from the position would see.</summary>
    public bool IsWhole(Scan scan)
    {
        lock (_gate)
            return scan.After <= _position;
    }

    /// <summary>An id below the position that may be free again.</summary>
    /// <param name="id">The id.</param>
    /// <param name="transaction">The caller's transaction that has it in hand, and may give it back; 0 for none.</param>
    public void Remember(long id, ulong transaction = 0)
    {
        lock (_gate)
        {
            if (_known.Count >= MostKnown)
            {
                _known.Clear();
                _back = Front;
            }
            _known[id] = transaction;
        }
    }

    /// <summary>Drops the ids that a snapshot does not show, but for what its own transaction has in hand.</summary>
    public void Forget(IEnumerable<long> gone, ulong transaction)
    {
        lock (_gate)
        {
            foreach (long id in gone)
            {
                if (_known.TryGetValue(id, out ulong holder) && (holder == 0 || holder != transaction))
                    _known.Remove(id);
            }
        }
    }

    /// <summary>A message with this id, and perhaps more behind it, has become visible.</summary>
    public void LookBackTo(long id)
    {
        lock (_gate)
            Name(id);
    }

    /// <summary>Anything may have become visible anywhere.</summary>
    public void LookBackToFront()
    {
        lock (_gate)
            _back = Front;
    }

    /// <summary>
    /// Where a take that goes along with a commit is to scan; null before the first take, and where the next one is more than a plain scan. Its end is to
    /// be reported, whatever it was.
    /// </summary>
    /// <param name="max">How many messages it takes at most.</param>
    public Scan? BeginAlong(int max)
    {
        lock (_gate)
        {
            if (_position == Front || !IsPlainNow())
                return null;
            long after = Math.Max(_position, _planned);
            _planned = after + max;
            return FromPosition() with { After = after, IsAlong = true };
        }
    }

    /// <summary>Where the next take is to scan. Its end is to be reported, whatever it was.</summary>
    public Scan Begin()
    {
        lock (_gate)
        {
            if (_back is null && IsDue())
                _back = Front;
            return _isLookingBack || _back is null ? FromPosition() : BeginBack(_back.Value);
        }
    }

    /// <summary>A scan from the front, whatever else goes on.</summary>
    public Scan BeginAtFront()
    {
        lock (_gate)
            return _isLookingBack ? new Scan(Front, IsBack: false, time.GetTimestamp()) : BeginBack(Front);
    }

    /// <summary>The scan has found these, in the order of their ids.</summary>
    /// <param name="scan">The scan.</param>
    /// <param name="found">What it has taken.</param>
    /// <param name="max">How many it would have taken.</param>
    /// <param name="took">How long the statement took, without the wait for a connection; null for the time since the scan was planned.</param>
    public void End(Scan scan, IReadOnlyList<TpqMessage> found, int max, TimeSpan? took = null)
    {
        lock (_gate)
        {
            TpqMessage? last = found.Count > 0 ? found[^1] : null;
            if (last is not null && (last.Id > _position || IsAfterReset(scan, last)))
            {
                if (last.Id < _position)
                    _planned = Front;
                (_position, _positionPutAt) = (last.Id, last.EnqueuedAt);
                LookBackToWhatWasPassed(scan);
            }
            if (scan.IsAlong && found.Count < max)
                // Others were planned as if it had found enough.
                Name((last?.Id ?? scan.After) + 1);
            if (scan.IsBack)
                EndBack(took ?? time.GetElapsedTime(scan.Began), goesOnBehind: last is not null && found.Count == max && last.Id < _position ? last.Id : null);
        }
    }

    /// <summary>The scan did not come to an end, or was not made; a look back is still to be made.</summary>
    public void Abandon(Scan scan)
    {
        lock (_gate)
        {
            if (scan.IsAlong)
                Name(scan.After + 1);
            if (scan.IsBack)
                EndBack(TimeSpan.Zero, goesOnBehind: scan.After);
        }
    }

    /// <summary>
    /// As <see cref="Abandon"/>. Where the connection was lost there may be another server, which does not know all that was committed at this one: what was handled may be back.
    /// </summary>
    public void Fail(Scan scan, Exception error)
    {
        Abandon(scan);
        if (Fault.IsConnectionLoss(error) && !Fault.IsPoolExhausted(error))
            LookBackToFront();
    }

    Scan FromPosition() => new(_position, IsBack: false, time.GetTimestamp());

    Scan BeginBack(long after)
    {
        if (after == Front)
            (_isSweep, _sweepTime) = (true, TimeSpan.Zero);
        _isLookingBack = true;
        _back = null;
        return new Scan(after, IsBack: true, time.GetTimestamp());
    }

    void EndBack(TimeSpan took, long? goesOnBehind)
    {
        _isLookingBack = false;
        _sweepTime += took;
        if (goesOnBehind is { } id)
            // What was asked for meanwhile may begin before it.
            _back = Math.Min(_back ?? long.MaxValue, id);
        else if (_isSweep)
            EndSweep();
    }

    void Name(long id)
    {
        if (id <= _position)
            _back = Math.Min(_back ?? long.MaxValue, id - 1);
        else
            (_ahead, _namedAt) = (Math.Min(_ahead ?? long.MaxValue, id), time.GetTimestamp());
        _planned = Front;
    }

    /// <summary>A take that began before an id was named may not have seen it, and yet raise the position past it.</summary>
    void LookBackToWhatWasPassed(Scan scan)
    {
        if (_ahead is not { } ahead || ahead > _position)
            return;
        if (ahead < _position && scan.Began <= _namedAt)
            _back = Math.Min(_back ?? long.MaxValue, ahead - 1);
        // There may have been more behind it, and other takes that began before.
        _ahead = _position + 1;
    }

    bool IsAfterReset(Scan scan, TpqMessage last) => scan.IsBack && last.Id < _position && last.EnqueuedAt > _positionPutAt;

    void EndSweep()
    {
        _isSweep = false;
        _sweeps.Ended(_sweepTime);
        Instruments.SweepDuration.Record(_sweepTime.TotalSeconds, Gauges.Tag(queue));
    }

    bool IsPlainNow() => _known.Count == 0 && (_isLookingBack || (_back is null && !IsDue()));

    bool IsDue() => !_isSweep && _sweeps.IsDue;
}
