using Tpq.Internal;

namespace Tpq.Tests.Units;

/// <summary>Where takes begin to scan, without a database: the ids that a queue would show are scripted.</summary>
public sealed class HeadTests
{
    readonly ManualTime _time = new();
    readonly Head _head;

    public HeadTests() => _head = new Head(_time, "orders");

    [Fact]
    public void TheFirstTake_IsASweep_AndTheNextGoesOnBehindIt()
    {
        Assert.True(Take(7).IsFromFront);
        Assert.Equal(7, Take(8).After);
        Assert.Equal(8, Take().After);
    }

    [Fact]
    public void ASweep_IsLong_ByItsStatement_AndNotByTheWaitForAConnection()
    {
        Scan sweep = _head.BeginAtFront();
        Pass(1000);
        _head.End(sweep, [], 1, TimeSpan.FromMilliseconds(1));
        Assert.False(_head.IsSweepLong);
        sweep = _head.BeginAtFront();
        _head.End(sweep, [], 1, TimeSpan.FromMilliseconds(60));
        Assert.True(_head.IsSweepLong);
    }

    [Fact]
    public void APositionOnlyRises()
    {
        Take(7);
        Scan slow = _head.Begin();
        Take(9);
        _head.End(slow, [Message(8)], 1);
        Assert.Equal(9, Take().After);
    }

    [Fact]
    public void ASweep_IsDueAfter100Milliseconds_WhereItCostsNothing()
    {
        Take(7);
        Pass(99);
        Assert.Equal(7, Take().After);
        Pass(1);
        Assert.True(Take().IsFromFront);
        Assert.Equal(7, Take().After);
    }

    [Theory]
    [InlineData(10, 500)]
    [InlineData(100, 5_000)]
    [InlineData(1_000, 30_000)]
    public void ASweep_IsDueAfter50TimesWhatTheLastOneTook_AtMost30Seconds(int took, int interval)
    {
        Scan sweep = _head.Begin();
        Pass(took);
        _head.End(sweep, [Message(7)], 1);
        Pass(interval - 1);
        Assert.False(_head.IsSweepDue);
        Pass(1);
        Assert.True(_head.IsSweepDue);
    }

    [Fact]
    public void ASweep_GoesOnBehindEachStraggler_UntilThePosition()
    {
        Take(100);
        Pass(100);
        Assert.True(Take(3).IsFromFront);
        Assert.Equal(3, Take(50).After);
        Assert.Equal(50, Take(101).After);
        Assert.Equal(101, Take().After);
    }

    [Fact]
    public void WhileOneSweeps_TheOthersScanFromThePosition()
    {
        Take(100);
        Pass(100);
        Scan sweep = _head.Begin();
        Assert.True(sweep.IsFromFront);
        Assert.Equal(100, Take(101).After);
        _head.End(sweep, [Message(3)], 1);
        Assert.Equal(3, Take().After);
        Assert.Equal(101, Take().After);
    }

    [Fact]
    public void ALookBack_ThatDidNotComeToAnEnd_IsMadeAgain()
    {
        Take(100);
        Pass(100);
        _head.Abandon(_head.Begin());
        Assert.True(Take().IsFromFront);
    }

    [Fact]
    public void ANamedId_BelowThePosition_IsLookedBackTo_AndAboveItIsNot()
    {
        Take(100);
        _head.LookBackTo(101);
        Assert.Equal(100, Take().After);
        _head.LookBackTo(40);
        _head.LookBackTo(60);
        Assert.Equal(39, Take(40).After);
        Assert.Equal(40, Take().After);
        Assert.Equal(100, Take().After);
    }

    [Fact]
    public void ANamedId_ThatATakeUnderWayHasPassed_IsLookedBackTo()
    {
        Take(100);
        Scan slow = _head.Begin(), slower = _head.Begin();
        _head.LookBackTo(101);
        _head.LookBackTo(103);
        _head.End(slow, [Message(102)], 1);
        Assert.Equal(100, Take(101).After);
        Assert.Equal(101, Take().After);
        _head.End(slower, [Message(104)], 1);
        Assert.Equal(102, Take(103).After);
        Assert.Equal(103, Take().After);
        Assert.Equal(104, Take().After);
    }

    [Fact]
    public void ANamedId_ThatATakeUnderWayHasTaken_IsNotLookedBackTo()
    {
        Take(100);
        Scan slow = _head.Begin();
        _head.LookBackTo(101);
        _head.End(slow, [Message(101)], 1);
        Pass(1);
        Assert.Equal(101, Take(103).After);
        Assert.Equal(103, Take().After);
    }

    [Fact]
    public void ANamedId_IsNoSweep_AndDoesNotPutOneOff()
    {
        Take(100);
        Pass(99);
        _head.LookBackTo(40);
        Assert.Equal(39, Take().After);
        Pass(1);
        Assert.True(Take().IsFromFront);
    }

    [Fact]
    public void WhatIsAskedForDuringALookBack_IsDoneAfterIt()
    {
        Take(100);
        _head.LookBackTo(40);
        Scan back = _head.Begin();
        _head.LookBackToFront();
        _head.End(back, [], 1);
        Assert.True(Take().IsFromFront);
    }

    [Fact]
    public void KnownIds_AreForgotten_WhenASnapshotDoesNotShowThem_ButNotByTheTransactionThatHasThem()
    {
        _head.Remember(5);
        _head.Remember(6, transaction: 42);
        Assert.Equal([5, 6], _head.Known.Order());
        _head.Forget([5, 6], transaction: 42);
        Assert.Equal([6], _head.Known);
        _head.Forget([6], transaction: 0);
        Assert.Empty(_head.Known);
    }

    [Fact]
    public void TooManyKnownIds_BecomeASweep()
    {
        Take(5000);
        for (int id = 1; id <= 1001; id++)
            _head.Remember(id);
        Assert.Equal([1001], _head.Known);
        Assert.True(Take().IsFromFront);
    }

    [Fact]
    public void AResetSequence_ShowsByAStragglerThatIsNewer_AndSetsThePositionBack()
    {
        Take(1000);
        Pass(100);
        Take(3);
        Take();
        Assert.Equal(1000, Take().After);
        Pass(100);
        Scan sweep = _head.Begin();
        _head.End(sweep, [Message(1, putAt: 1)], 1);
        Assert.True(_head.IsPlain);
        Assert.Equal(1, Take().After);
    }

    [Fact]
    public void TakesAlongWithACommit_BeginEachBehindTheStretchOfTheOneBefore()
    {
        Take(100);
        Scan one = Along(), two = Along(), batch = Along(500), next = Along();
        Assert.Equal([100, 101, 102, 602], new[] { one.After, two.After, batch.After, next.After });
        Assert.Equal(100, Take(101).After);
        _head.End(next, [Message(700)], 1);
        Assert.Equal(700, Along().After);
        Assert.True(_head.IsPlain);
    }

    [Fact]
    public void ATakeAlong_IsWhole_WhereItDidNotBeginBehindTheStretchOfAnother()
    {
        Take(100);
        Scan one = Along(), two = Along();
        Assert.True(_head.IsWhole(one));
        Assert.False(_head.IsWhole(two));
        _head.End(one, [Message(101)], 1);
        Assert.True(_head.IsWhole(two));
    }

    [Fact]
    public void ATakeAlong_IsNeitherTheFirst_NorALookBack()
    {
        Assert.Null(_head.BeginAlong(1));
        Scan first = _head.Begin();
        // The sweep is under way, and the next would be a plain take, but from the front.
        Assert.True(_head.IsPlain);
        Assert.Null(_head.BeginAlong(1));
        _head.End(first, [Message(100)], 1);
        _head.LookBackTo(40);
        Assert.Null(_head.BeginAlong(1));
        Scan back = _head.Begin();
        Assert.Equal(100, Along().After);
        _head.End(back, [], 1);
        _head.Remember(50);
        Assert.Null(_head.BeginAlong(1));
    }

    [Fact]
    public void AfterATakeAlongThatFoundNothing_ThePlanBeginsAtThePositionAgain_AndNothingIsLookedBackTo()
    {
        Take(100);
        Along(500);
        _head.End(Along(500), [], 500);
        Assert.True(_head.IsPlain);
        Assert.Equal(100, Along().After);
        Assert.Equal(101, Along().After);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void WhatATakeAlongDidNotFind_ThoughALaterOneFoundMore_IsLookedBackTo(bool isFirst, bool fails)
    {
        Take(100);
        Scan one = Along(), two = Along();
        if (!isFirst)
            _head.End(two, [Message(102)], 1);
        if (fails)
            _head.Abandon(one);
        else
            _head.End(one, [], 1);
        if (isFirst)
            _head.End(two, [Message(102)], 1);
        Assert.False(_head.IsPlain);
        Assert.Equal(100, Take(101).After);
        Assert.Equal(101, Take().After);
        Assert.Equal(102, Take().After);
    }

    [Fact]
    public void ABatchAlongThatCameShort_IsLookedBackTo_FromItsLastOn()
    {
        Take(100);
        Scan one = Along(10), two = Along(10);
        _head.End(two, [.. Ids(111, 10)], 10);
        _head.End(one, [.. Ids(101, 4)], 10);
        Assert.Equal(104, Take(105).After);
    }

    [Fact]
    public void ABatchAlongThatFoundEnough_IsNotLookedBackTo()
    {
        Take(100);
        Scan one = Along(10), two = Along(10);
        _head.End(two, [.. Ids(111, 10)], 10);
        _head.End(one, [.. Ids(101, 10)], 10);
        Assert.True(_head.IsPlain);
        Assert.Equal(120, Along().After);
    }

    [Fact]
    public void ANamedId_WithinThePlan_IsNotPassedByWhatIsPlannedFromThenOn()
    {
        Take(100);
        Scan one = Along(), two = Along();
        _head.LookBackTo(101);
        Assert.Equal(100, Along().After);
        _head.End(two, [Message(102)], 1);
        _head.End(one, [Message(103)], 1);
        Assert.Equal(100, Take(101).After);
    }

    [Fact]
    public void AResetSequence_SetsThePlanBackToo()
    {
        Take(1000);
        Along();
        Along();
        Pass(100);
        _head.End(_head.Begin(), [Message(1, putAt: 1)], 1);
        Assert.Equal(1, Along().After);
    }

    [Fact]
    public void WhatIsAskedForDuringALookBack_IsDueWhenThatIsOver()
    {
        Take(100);
        _head.LookBackTo(40);
        Assert.True(_head.IsLookBackDue);
        Scan back = _head.Begin();
        _head.LookBackTo(30);
        Assert.False(_head.IsLookBackDue);
        _head.End(back, [], 1);
        Assert.True(_head.IsLookBackDue);
    }

    Scan Along(int max = 1) => _head.BeginAlong(max)!.Value;

    static IEnumerable<TpqMessage> Ids(int first, int count) => Enumerable.Range(first, count).Select(id => Message(id));

    /// <summary>One take, which finds these.</summary>
    Scan Take(params long[] ids)
    {
        Scan scan = _head.Begin();
        _head.End(scan, [.. ids.Select(id => Message(id))], 1);
        return scan;
    }

    void Pass(int milliseconds) => _time.Pass(TimeSpan.FromMilliseconds(milliseconds));

    static TpqMessage Message(long id, int putAt = 0) => new("orders", id, "1"u8.ToArray()) { EnqueuedAt = DateTimeOffset.UnixEpoch.AddSeconds(putAt) };

    sealed class ManualTime : TimeProvider
    {
        long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Pass(TimeSpan time) => _now += time.Ticks;
    }
}
