/*
 * The doorbell: a producer that puts two messages, consumers that wait for them, and a death. doorbell.md explains it.
 * A name that is one of the code's (Doorbell.cs, Sleepers.cs, Subscription.cs) means what it means there.
 *
 * No look is made by the clock. The clock only ticks, as in TickAsync, when nothing else moves; and once too early.
 *
 * Cases: two clients with a consumer each, of which one dies or loses its connection; CASE_LEAVING, where a wait ends instead;
 * CASE_ONE_CLIENT, one client with two consumers. Each line that is WITHOUT_something left out makes one of them fail.
 */

#define CLIENTS 2
#define CONSUMERS 2
#define MESSAGES 2
#define NONE 255
#ifdef CASE_ONE_CLIENT
#define CLIENT(i) 0                    /* One client with two consumers. */
#else
#define CLIENT(i) (i)                  /* Two clients with one consumer each. */
#endif
#define ANYTHING 0                     /* A ring that names no id. */

/* The server. A message's number is its id. */
mtype = { absent, written, there, taken };
mtype message[MESSAGES + 1] = absent;
byte electionLock = NONE;              /* Whose it is. */
byte bellLock = NONE;                  /* Who has it exclusively, */
byte bellQueued = NONE;                /* who waits for that, */
byte bellShared = 0;                   /* and how many producers share it. */

/* The clients: what Doorbell and Sleepers keep. */
bool hasBell[CLIENTS], isElected[CLIENTS], isOnDuty[CLIENTS], isRefused[CLIENTS], hasDoormanLeft[CLIENTS];
bool wantDoorman[CLIENTS], isFirstLookAwaited[CLIENTS], hasFirstLookFound[CLIENTS];
bool hasFinds[CLIENTS];                /* A find since the last empty look. The code wants ten. */
bool isCalled[CLIENTS], isTicked[CLIENTS], isDead[CLIENTS], isCut[CLIENTS];

/* The consumers: what Subscription keeps. */
bool isSubscribed[CONSUMERS], hasSlept[CONSUMERS], isRung[CONSUMERS], owesLook[CONSUMERS], mayBeLooking[CONSUMERS];
byte only[CONSUMERS];

/* For the checks alone. */
bool isDoorLeft;                    /* A client has died, or its connection, and nobody has taken the door since. */
bool isPut;

#define IS_ASLEEP(i) (isSubscribed[i] && hasSlept[i] && !isRung[i])
#define OF(c, i) (CLIENT(i) == (c))
#define ANY_ASLEEP(c) (OF(c, 0) && IS_ASLEEP(0) || OF(c, 1) && IS_ASLEEP(1))
#define ANY_THERE (message[1] == there || message[2] == there)

/* A doorman none of whose consumers sleeps. */
#ifndef WITHOUT_HAND_OVER
#define LEAVES(c) (isOnDuty[c] && !ANY_ASLEEP(c))
#else
#define LEAVES(c) false
#endif

/* One who has been elected, and none of whose consumers sleeps before it has got the bell lock. */
#define RESIGNS(c) (isElected[c] && !isOnDuty[c] && !ANY_ASLEEP(c))

/* One who stands for election by the clock, and will win: the doorman has died, or has left without a word. */
#ifndef WITHOUT_ELECTION_BY_CLOCK
#define STANDS(c) (!isElected[c] && hasBell[c] && ANY_ASLEEP(c) && electionLock == NONE)
#else
#define STANDS(c) false
#endif

/* Whether a tick changes something. */
#define HELPS(c) (!isDead[c] && (isElected[c] && !isOnDuty[c] || STANDS(c) || LEAVES(c)))

/* What must not last: a message is there, and somebody sleeps who could take it. */
#define IS_LOST (ANY_THERE && (!isDead[0] && ANY_ASLEEP(0) || !isDead[1] && ANY_ASLEEP(1)))

inline Ring(i, id)
{
    only[i] = (isRung[i] || owesLook[i] -> ANYTHING : id);
    isRung[i] = true
}

inline WakeAll(c)
{
    if :: OF(c, 0) && isSubscribed[0] -> Ring(0, ANYTHING) :: else fi;
    if :: OF(c, 1) && isSubscribed[1] -> Ring(1, ANYTHING) :: else fi
}

/* Who sleeps is woken; where nobody does, everybody remembers it, and looks once more before he sleeps. */
inline WakeOne(c, id)
{
    if
    :: OF(c, 0) && IS_ASLEEP(0) -> Ring(0, id)
    :: else ->
        if
        :: OF(c, 1) && IS_ASLEEP(1) -> Ring(1, id)
        :: else -> WakeAll(c)
        fi
    fi
}

/* Doorbell.Ring, as soon as the transaction has committed, and whatever the listener is at: also amid a statement of its own. */
inline Hear(c, id)
{
    if
    :: hasBell[c] && !isCut[c] && !isDead[c] ->
        if
        :: id == ANYTHING ->
            isRefused[c] = false;
            hasDoormanLeft[c] = true
        :: else
        fi;
        WakeOne(c, id);
        isCalled[c] = true
    :: else
    fi
}

inline Notify(by, id)
{
    if :: by != 0 -> Hear(0, id) :: else fi;
    if :: by != 1 -> Hear(1, id) :: else fi
}

/* As above, of a producer's that has put more: any number of them. */
inline HearMore(c)
{
    if :: hasBell[c] && !isCut[c] && !isDead[c] -> WakeOne(c, ANYTHING); isCalled[c] = true :: else fi
}

inline NotifyMore()
{
    HearMore(0);
    HearMore(1)
}

/* One transaction that puts the messages first to last. The trigger runs at COMMIT, once a row. */
proctype Producer(byte first, last)
{
    bool shares, hasRung, hasRungTwice;

row:
    atomic {
        if
        :: shares
#ifndef WITHOUT_BELL_LOCK
        /* A request that waits bars a try as a holder does. */
        :: !shares && bellLock == NONE && bellQueued == NONE -> shares = true; bellShared++
#else
        /* As if the producer only looked whether somebody has it. */
        :: !shares && bellLock == NONE && bellQueued == NONE
#endif
        :: !shares && !(bellLock == NONE && bellQueued == NONE) -> hasRungTwice = hasRung; hasRung = true
        fi;
        if
        :: first < last && message[first] == absent -> message[first] = written
        :: else -> goto commit
        fi
    }
    goto row;
commit:
    skip;
    atomic {
        /* The messages are visible first, then told of, then the lock is released. */
        message[first] = there;
        message[last] = there;
        /* The lowest id; and that there is more. */
        if :: hasRung -> Notify(NONE, first) :: else fi;
#ifndef WITHOUT_PLUS
        if :: hasRungTwice -> NotifyMore() :: else fi;
#endif
        if :: shares -> bellShared-- :: else fi;
        first = 0; last = 0; hasRung = false; hasRungTwice = false; shares = false;
        isPut = true
    }
}

/* A ring upon which nobody has looked goes to somebody else. */
inline Dispose(i)
{
    isSubscribed[i] = false;
    if
#ifndef WITHOUT_PASSING_ON
    :: isRung[i] -> isRung[i] = false; WakeOne(CLIENT(i), ANYTHING)
#endif
    :: else
    fi
}

/* A waiter: looks, handles what it finds, sleeps. A handler may take for ever, and the wait of consumer 0 may end. */
proctype Consumer(byte i)
{
    byte found;
    bool isLast;

    do
    :: atomic {
            /* The end of Subscription.WaitAsync, and a look. */
            if
            :: isRung[i]
#if defined(CASE_LEAVING) || defined(CASE_ONE_CLIENT)
            /* The time is up: a last look. Or it is cancelled, rung or not: none. */
            :: !isRung[i] && i == 0 && !isDead[CLIENT(i)] -> isLast = true
            :: i == 0 && !isDead[CLIENT(i)] -> hasSlept[i] = false; Dispose(i); break
#endif
            :: isDead[CLIENT(i)] -> break
            fi;
            hasSlept[i] = false; owesLook[i] = owesLook[i] || isRung[i]; isRung[i] = false;
look:
            if
            :: isDead[CLIENT(i)] -> break
            :: !isDead[CLIENT(i)] && message[1] == there -> found = 1; message[1] = taken
            :: !isDead[CLIENT(i)] && message[1] != there && message[2] == there -> found = 2; message[2] = taken
            :: !isDead[CLIENT(i)] && !ANY_THERE -> found = 0
            fi
        }
        atomic {
            /* Sleepers.Looked */
            if
            :: isDead[CLIENT(i)] -> break
            :: else
            fi;
            /* What follows is of use to a doorman alone, and begins anew with his duty. */
            if
            :: isOnDuty[CLIENT(i)] ->
                hasFirstLookFound[CLIENT(i)] = hasFirstLookFound[CLIENT(i)] || !mayBeLooking[i] && isFirstLookAwaited[CLIENT(i)] && found > 0;
                isFirstLookAwaited[CLIENT(i)] = isFirstLookAwaited[CLIENT(i)] && mayBeLooking[i];
                hasFinds[CLIENT(i)] = found > 0;
                isCalled[CLIENT(i)] = isCalled[CLIENT(i)] || hasFirstLookFound[CLIENT(i)] || found > 0 && !ANY_ASLEEP(CLIENT(i))
            :: else
            fi;
            mayBeLooking[i] = false;
            if
#ifndef WITHOUT_CHAIN
            /* There may be more. */
            :: found > 0 && (isRung[i] || owesLook[i]) && only[i] != found -> WakeOne(CLIENT(i), ANYTHING)
#endif
            :: else
            fi;
            owesLook[i] = false;
            if :: !isRung[i] -> only[i] = 0 :: else fi;
            if
            :: isLast ->
                Dispose(i);
                break
            :: !isLast && found > 0 ->
                if
                :: found = 0; goto look
                :: break /* For ever in the handler: subscribed, and not asleep. */
                fi
            :: !isLast && found == 0 ->
                /* Subscription.WaitAsync */
                hasSlept[i] = !isRung[i];
                if :: hasSlept[i] && wantDoorman[CLIENT(i)] -> isCalled[CLIENT(i)] = true :: else fi
            fi
        }
    od;
    found = 0; isLast = false
}

inline LeaveDuty(c)
{
    isOnDuty[c] = false; isFirstLookAwaited[c] = false; hasFirstLookFound[c] = false; hasFinds[c] = false
}

/* Listener.LoopAsync, and the Doorbell of the one queue. What is atomic has no await in it; each label begins behind one. */
proctype Listener(byte c)
{
    bool hasWon;
loop:
    atomic {
        if
        :: isDead[c] -> goto gone
        :: !isDead[c] && isCut[c] ->
            /* Forget, and a new connection. */
            isCut[c] = false; hasBell[c] = false; isElected[c] = false; LeaveDuty(c); isRefused[c] = false; wantDoorman[c] = false;
            isCalled[c] = true
        :: !isDead[c] && !isCut[c] && isTicked[c] ->
            /* TickAsync */
            isTicked[c] = false;
            isCalled[c] = true;
            if
            :: isElected[c] && !isOnDuty[c] && ANY_ASLEEP(c) -> goto bell
            :: !isElected[c] && hasBell[c] && ANY_ASLEEP(c) -> goto elect
            :: LEAVES(c) || RESIGNS(c) -> goto leave
            :: else
            fi
        :: !isDead[c] && !isCut[c] && !isTicked[c] && isCalled[c] ->
            isCalled[c] = false;
            /* AttendAsync */
            if
            /* LISTEN. */
            :: !hasBell[c] ->
                hasBell[c] = true;
                WakeAll(c)
            :: else
            fi;
            goto attend
        fi
    }
    goto loop;

attend:
    atomic {
        if
        :: LEAVES(c) && hasFinds[c] -> goto leave
        :: !(LEAVES(c) && hasFinds[c]) && isOnDuty[c] && hasFirstLookFound[c] ->
            hasFirstLookFound[c] = false;
            if :: !isCut[c] && !isDead[c] -> Notify(c, ANYTHING) :: else fi
        :: else
        fi;
stand:
        if
        :: isElected[c] || isRefused[c] -> goto loop
        :: else -> wantDoorman[c] = true
        fi
    }
    atomic {
        if
        :: ANY_ASLEEP(c) -> wantDoorman[c] = false
        :: else -> goto loop
        fi;
elect:
        if
        :: isCut[c] || isDead[c] -> goto loop
        :: else -> hasWon = electionLock == NONE
        fi;
        hasDoormanLeft[c] = false;
        if :: hasWon -> electionLock = c :: else fi
    }
    atomic {
        if
        :: hasWon -> hasWon = false; isElected[c] = true
#ifndef WITHOUT_ASKING_AGAIN
        /* It came amid the question, and the answer is out of date. */
        :: !hasWon && hasDoormanLeft[c] -> goto elect
        :: !hasWon && !hasDoormanLeft[c] -> isRefused[c] = true; goto loop
#else
        :: else -> isRefused[c] = true; goto loop
#endif
        fi;
bell:
        if :: isCut[c] || isDead[c] -> goto loop :: else -> bellQueued = c fi
    }
    atomic {
        if
        :: isCut[c] || isDead[c] -> goto loop
        :: !isCut[c] && !isDead[c] && bellLock == NONE && bellShared == 0 -> bellLock = c; bellQueued = NONE
        /* The lock's timeout, or the lock a moment later: a producer keeps its own. The next tick tries again. */
        :: !isCut[c] && !isDead[c] && bellShared > 0 -> bellQueued = NONE; goto loop
        fi
    }
    atomic {
        isOnDuty[c] = true;
        isDoorLeft = isDoorLeft && (isCut[c] || isDead[c]);
#ifndef WITHOUT_SECOND_LOOK
        /* AwaitFirstLook: a look that may have begun before is not it. */
        isFirstLookAwaited[c] = true; hasFirstLookFound[c] = false; hasFinds[c] = false;
        if :: OF(c, 0) -> mayBeLooking[0] = isSubscribed[0] && !IS_ASLEEP(0) :: else fi;
        if :: OF(c, 1) -> mayBeLooking[1] = isSubscribed[1] && !IS_ASLEEP(1) :: else fi;
        WakeOne(c, ANYTHING);
#endif
        /* The loop goes round. */
        isCalled[c] = true;
        goto loop
    }
leave:
    /* HandOverAsync, ResignAsync */
    atomic { isElected[c] = false; LeaveDuty(c) }
    atomic {
        if :: bellLock == c -> bellLock = NONE :: else fi;
        if :: electionLock == c -> electionLock = NONE; Notify(c, ANYTHING) :: else fi;
        goto stand
    }
gone:
    skip
}

inline CutOff(c)
{
    if :: electionLock == c -> electionLock = NONE; isDoorLeft = true :: else fi;
    if :: bellLock == c -> bellLock = NONE :: else fi;
    if :: bellQueued == c -> bellQueued = NONE :: else fi
}

/*
 * Once, at any time: a client's process dies, or its listening connection breaks, or its clock ticks early. What a process that dies had in hand
 * counts as done: given back, it would ring no bell.
 */
proctype Fate()
{
    atomic {
        if
#ifndef CASE_LEAVING
        :: isDead[0] = true; CutOff(0)
        :: isCut[0] = true; CutOff(0)
#else
        :: isTicked[0] = true
#endif
        fi
    }
}

/* What a message may wait for until the next ticks: the doorman's death, a bell lock that a producer kept for long, a doorman without sleepers. */
#define WAITS_FOR_TICK (isDoorLeft || !isDead[0] && (isElected[0] && !isOnDuty[0] || LEAVES(0)) || !isDead[1] && (isElected[1] && !isOnDuty[1] || LEAVES(1)))

proctype Clock()
{
    do
    :: timeout ->
        assert(isPut);
        assert(!IS_LOST || WAITS_FOR_TICK);
        if
        :: HELPS(0) -> isTicked[0] = true
        :: HELPS(1) -> isTicked[1] = true
        :: else -> break
        fi
    od;
    assert(!IS_LOST)
}

init
{
    atomic {
        /* A subscription begins with a ring, for the look before it was made when nobody would have told of a put. */
        isSubscribed[0] = true; isRung[0] = true; isCalled[CLIENT(0)] = true;
        isSubscribed[1] = true; isRung[1] = true; isCalled[CLIENT(1)] = true;
        run Clock();
        run Clock();
        run Listener(0);
#ifndef CASE_ONE_CLIENT
        run Listener(1);
#endif
        run Consumer(0);
        run Consumer(1);
        run Producer(1, 2);
        run Fate()
    }
}
