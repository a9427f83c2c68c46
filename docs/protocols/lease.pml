/*
 * The lease: one message, two holders who may both believe that it is theirs, who moves back what is due, and a clock. lease.md explains it.
 * What is atomic is one statement of the server's, under the row's lock. Each line that is WITHOUT_something left out makes it fail.
 */

#define HOLDERS 2
#define DURATION 2                     /* Of a lease. */
#define END 4                          /* Then nobody acts any more, and time passes until everything is due. */
#define CLAIMS 3
#define NOBODY 255
#define MOVER 254

/* The message, as others see it: in the queue, in its companion, or removed. */
mtype = { ready, leased, gone };
mtype place = ready;
byte lockedBy = NOBODY;                /* The transaction that has the row's lock. */
byte lease;                            /* The number beside it; 0 for none. */
byte dueAt;
byte numbers;                          /* So many were given out. */
byte now;

/* What a holder knows. */
byte number[HOLDERS];                  /* Of his lease; 0 for none. */
byte confirmed[HOLDERS];               /* When the last statement was sent that set its time. */

bool isSettled[HOLDERS];               /* He has ended it, or is about to. */

/* For the checks alone. */
byte writes;                           /* Transactions in which a holder completed the message, and that were committed. */

/* A holder relies on his lease: he has not settled it, and by his own clock it has not run out. */
#define IS_GOOD(h) (number[h] > 0 && !isSettled[h] && now < confirmed[h] + DURATION)

/* Whoever ends a lease, or gets one, does it to nobody who has a good one. */
#define ASSERT_ALONE(h) assert(!IS_GOOD(1 - (h)))

/* The row that a holder's statements look for. */
#ifndef WITHOUT_NUMBER
#define IS_MINE (place == leased && lease == number[h])
#else
#define IS_MINE (place == leased)
#endif

/* The server's clock decides what is moved back. */
#ifndef WITHOUT_EXPIRY
#define IS_DUE (dueAt <= now)
#else
#define IS_DUE true
#endif

/* When a lease runs out by the holder's clock is counted from before the statement was sent. The server's time can only be later. */
#ifndef WITHOUT_EARLY_COUNT
#define CONFIRMED sent
#else
#define CONFIRMED now
#endif

proctype Holder(byte h)
{
    byte sent, due, mine;
    bool isFound;

claim:
    /* ClaimAsync: one statement moves the message to the companion, and that is committed, or the connection breaks. */
    atomic {
        if
        :: now < END && numbers < CLAIMS && place != gone -> sent = now
        :: now == END || numbers == CLAIMS || place == gone -> goto end
        fi
    }
    atomic {
        if
        :: place == ready && lockedBy == NOBODY -> lockedBy = h; due = now + DURATION
        :: now == END || place == gone -> goto end
        fi
    }
    atomic {
        lockedBy = NOBODY;
        if
        :: numbers < CLAIMS ->
            ASSERT_ALONE(h);
            numbers++; mine = numbers;
            place = leased; lease = numbers; dueAt = due
        :: goto end
        fi
    }
    /* The reply arrives, however late; or never, and then nobody knows of the lease. */
    atomic {
        if
        :: number[h] = mine; confirmed[h] = CONFIRMED
        :: mine = 0; sent = 0; due = 0; goto end
        fi
    }

hold:
    /* The handler is at work, for as long as it likes. Its lease is renewed meanwhile, or is not: nothing makes it. */
    if
    :: atomic { now < END -> sent = now }
        atomic {
            /* RenewLeased passes over a row that is locked. StillLeased, which follows, does not see a delete that is not committed. */
            isFound = IS_MINE && lockedBy == NOBODY;
            if
            :: isFound -> dueAt = now + DURATION
            :: !isFound && !IS_MINE -> goto lost
            :: else
            fi
        }
        if
        :: atomic { isFound -> confirmed[h] = CONFIRMED; isFound = false }
        :: !isFound
        fi;
        goto hold
    :: isSettled[h] = true; goto complete
    :: isSettled[h] = true;
        atomic {
            /* RetryLeased waits for the row's lock. */
            lockedBy == NOBODY;
            if
            :: IS_MINE -> ASSERT_ALONE(h); lease = 0; dueAt = now; goto lost
            :: else -> goto lost
            fi
        }
    :: goto lost /* It dies, or gives up. */
    fi;

complete:
    /* CompleteAsync in the transaction in which the holder writes: the delete waits for the row's lock. */
    atomic {
        lockedBy == NOBODY;
        isFound = IS_MINE;
        if
        :: isFound -> ASSERT_ALONE(h); lockedBy = h
        :: else
        fi
    }
    atomic {
        if
        :: isFound ->
            lockedBy = NOBODY;
            if
            :: place = gone; writes++
            :: skip /* Rolled back. */
            fi
        :: else ->
#ifndef WITHOUT_COUNT
            /* Nothing was removed: TpqLeaseLostException, and he rolls back. */
            skip
#else
            writes++
#endif
        fi
    }
lost:
    atomic { number[h] = 0; isSettled[h] = false; confirmed[h] = 0; mine = 0; sent = 0; due = 0; isFound = false }
    goto claim;
end:
    skip
}

/* Later.MoveAsync: what is due is ready again. */
proctype Mover()
{
    do
    :: atomic {
            place == leased && lockedBy == NOBODY && IS_DUE -> lockedBy = MOVER
        }
        atomic {
            lockedBy = NOBODY;
            if
            :: place = ready; lease = 0; dueAt = 0
            :: now < END /* Its connection breaks. */
            fi
        }
    :: place == gone -> break
    od
}

proctype Clock()
{
    do
    :: atomic { now < END -> now++ }
    :: now == END -> break
    od;
    /* Nothing moves any more. */
    timeout;
    now = END + DURATION + 1;
    timeout;
    /* Ready for whoever looks, or removed by one who completed it. */
    assert(lockedBy == NOBODY);
    assert(place == ready && writes == 0 || place == gone && writes == 1)
}

init
{
    atomic {
        run Clock();
        run Mover();
        run Holder(0);
        run Holder(1)
    }
}
