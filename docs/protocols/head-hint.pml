/*
 * The head hint: one client with two consumers that share a position, three messages that are committed in any order, and a stranger who takes
 * one and gives it back, or in CASE_ROLLBACK a consumer who does. head-hint.md explains it. A name that is one of Head.cs's means what it means there.
 *
 * What is atomic is one statement of the server's, or one call of Head's. A sweep is due at first; then, when nothing else moves, time passes, and one is due again.
 * Each line that is WITHOUT_something left out makes one of the cases fail.
 */

#define MESSAGES 3
#define NOTHING 255                    /* No look back is asked for. */
#define FRONT 0

/* The server. A message's number is its id. */
mtype = { absent, there, held, gone };
mtype message[MESSAGES + 1] = absent;

/* Head. A set of ids has a bit for each. */
byte position = FRONT;
byte planned = FRONT;                  /* Where the last stretch of a take that goes along with a commit ends. */
byte known;
byte back = FRONT;
bool isLookingBack, isSweep;
byte ahead = NOTHING;                  /* The lowest id above the position that was named. */
bool isTaking[2], beganBefore[2];      /* Which takes began before the last id was named there. */
bool isDue = true;                     /* By the time that has passed. */

bool isWoken[2] = true;

/* What a take has found, of which the head does not know yet. */
byte found[2];

/* For the checks alone. */
byte promised;                         /* Free ids that must be found without a sweep: this client gave them back, or the bell named them. */
byte unpassed;                         /* Free ids that must be found by the next look without a sweep: no take had passed them when they became visible. */
#ifdef CASE_ROLLBACK
bool isGiven;                          /* One is rolled back by this client, */
#else
bool isGiven = true;                   /* or one by a stranger. */
#endif
bool isBusy;                           /* One of them has a message in hand that takes for ever. */
bool isOver;

#define BIT(id) (1 << (id))
#define HAS(set, id) (((set) & BIT(id)) != 0)
#define IS_THERE(id) (message[id] == there)
#define ANY_THERE (IS_THERE(1) || IS_THERE(2) || IS_THERE(3))
#define IS_PROMISED(id) (IS_THERE(id) && HAS(promised, id))
#define IS_UNPASSED(id) (IS_THERE(id) && HAS(unpassed, id))
#define SWEEP_IS_DUE (!isSweep && isDue)
#define IS_LOOK_BACK_DUE (!isLookingBack && back != NOTHING)
#define IS_PLAIN (known == 0 && (isLookingBack || back == NOTHING && !SWEEP_IS_DUE))

/* Unless somebody has it in hand already, who may give it back without a word. */
inline Promise(id)
{
    if
    :: IS_THERE(id) -> promised = promised | BIT(id)
    :: else
    fi
}

inline BackTo(id)
{
    back = (back < id - 1 -> back : id - 1)
}

/* Name, and LookBackTo. */
inline LookBackTo(id)
{
#ifndef WITHOUT_NEW_PLAN
    planned = FRONT;
#endif
    if
    :: id <= position -> BackTo(id)
#ifndef WITHOUT_AHEAD
    :: id > position ->
        ahead = (ahead < id -> ahead : id);
        beganBefore[0] = isTaking[0];
        beganBefore[1] = isTaking[1]
#endif
    :: else
    fi
}

/* The position has been raised; past an id that was named while this take was under way, of which its snapshot may not have known. */
inline Raised(i)
{
    if
    :: beganBefore[i] && ahead < position -> BackTo(ahead)
    :: else
    fi;
    if
    :: ahead <= position -> ahead = position + 1
    :: else
    fi
}

inline BeginBack(from)
{
    after = from;
    isSweep = isSweep || after == FRONT;
    isLookingBack = true;
    isBack = true;
    back = NOTHING
}

inline Plain(from)
{
    after = from;
    isBack = false
}

inline BeginAlong()
{
    after = (position > planned -> position : planned);
    planned = (after > MESSAGES -> after : after + 1);      /* Behind them all it is one place. */
    isAlong = true
}

inline EndBack(goesOn, behind)
{
    isLookingBack = false;
    if
    :: goesOn -> back = (back < behind -> back : behind)
    :: !(goesOn) && isSweep -> isSweep = false; isDue = false
    :: else
    fi
}

inline Abandon()
{
    if
    :: isBack -> EndBack(true, after)
    :: else
    fi
}

proctype Consumer(bit i)
{
    byte after, tried, still;
    bool isBack, isAlong;

look:
    /* Head.Begin */
    atomic {
        if
        :: isWoken[i] -> isWoken[i] = false
        :: isOver -> goto end
        fi;
        if
        :: IS_PLAIN && position != FRONT -> BeginAlong()
        :: true ->
#ifndef WITHOUT_SWEEP
            if :: back == NOTHING && SWEEP_IS_DUE -> back = FRONT :: else fi;
#endif
            if
            :: isLookingBack || back == NOTHING -> Plain(position)
            :: else -> BeginBack(back)
            fi
        fi;
        isTaking[i] = true;
        tried = known
    }
take:
    /* The statement: the known ids first, and only where none of them is free, the scan. */
    atomic {
        if
        :: isAlong -> isWoken[i] = true     /* It fails. */
        :: true ->
            if
            :: HAS(tried, 1) && IS_THERE(1) -> found[i] = 1
            :: else ->
                if
                :: HAS(tried, 2) && IS_THERE(2) -> found[i] = 2
                :: else ->
                    if
                    :: HAS(tried, 3) && IS_THERE(3) -> found[i] = 3
                    :: else ->
                        if
                        :: after < 1 && IS_THERE(1) -> found[i] = 1
                        :: else ->
                            if
                            :: after < 2 && IS_THERE(2) -> found[i] = 2
                            :: else ->
                                if
                                :: after < 3 && IS_THERE(3) -> found[i] = 3
                                :: else
                                fi
                            fi
                        fi
                    fi
                fi
            fi
        fi;
        if
        :: found[i] > 0 -> message[found[i]] = held; unpassed = unpassed & (255 - BIT(found[i]))
        :: else
        fi;
        /* What its snapshot shows, in hand or not. */
        still = tried;
        if :: message[1] == gone -> still = still & (255 - BIT(1)) :: else fi;
        if :: message[2] == gone -> still = still & (255 - BIT(2)) :: else fi;
        if :: message[3] == gone -> still = still & (255 - BIT(3)) :: else fi
    }
    atomic {
        /* Forget, and Report. */
        known = known & (255 - (tried & (255 - still)));
        if
        :: found[i] > 0 && HAS(tried, found[i]) ->
#ifndef WITHOUT_ABANDON
            Abandon()
#else
            if :: isBack -> EndBack(false, 0) :: else fi
#endif
        :: else ->
            if
            :: found[i] > position -> position = found[i]; Raised(i)
            :: else
            fi;
            if
#ifndef WITHOUT_GOING_ON
            :: isBack -> EndBack(found[i] > 0 && found[i] < position, found[i])
#else
            :: isBack -> EndBack(false, 0)
#endif
            :: else
            fi
        fi;
        if
        :: isAlong && found[i] == 0 ->
#ifndef WITHOUT_NAMING
            LookBackTo(after + 1);
#else
            planned = FRONT;
#endif
            /* Who has seen an empty queue sleeps; else the next look is made at once. */
            isWoken[i] = isWoken[i] || !(IS_PLAIN) || after > position
#ifndef WITHOUT_LOOKING_AGAIN
        :: !isAlong && found[i] == 0 && IS_LOOK_BACK_DUE -> isWoken[i] = true
#endif
#ifndef WITHOUT_PASSING_ON
        :: found[i] > 0 && IS_LOOK_BACK_DUE -> isWoken[1 - i] = true
#endif
        :: else
        fi;
        tried = 0; still = 0;
        if
        :: !isAlong && found[i] == 0 && after != FRONT && SWEEP_IS_DUE ->
#ifndef WITHOUT_SWEEP
            /* Once more, from the front. */
            if
            :: isLookingBack -> Plain(FRONT)
            :: else -> BeginBack(FRONT)
            fi;
            goto take
#endif
        :: else
        fi;
        after = 0; isBack = false; isAlong = false;
        isTaking[i] = false; beganBefore[i] = false;
        if
        :: found[i] == 0 -> goto look
        /* It is committed, of which nobody needs to wait for anything. */
        :: found[i] > 0 -> message[found[i]] = gone; promised = promised & (255 - BIT(found[i])); isWoken[i] = true; found[i] = 0; goto look
        :: found[i] > 0 && !isGiven -> isGiven = true
        /* Or it is handled for ever. */
        :: found[i] > 0 && !isBusy -> isBusy = true; found[i] = 0; goto end
        fi
    }
    /* It is rolled back, and then remembered. */
    message[found[i]] = there;
    atomic {
#ifndef WITHOUT_KNOWN
        known = known | BIT(found[i]);
#endif
        Promise(found[i]);
        isWoken[i] = true;
        found[i] = 0;
        goto look
    }
end:
    skip
}

/* Puts all at once, and they are committed in any order. The bell names each, or nobody rings it. */
proctype Producer(byte id)
{
    atomic {
        message[id] = there;
        if
        :: position < id && found[0] < id && found[1] < id -> unpassed = unpassed | BIT(id)
        :: else
        fi
    }
    if
    :: atomic {
            LookBackTo(id);
            Promise(id);
            isWoken[0] = true; isWoken[1] = true
        }
    :: skip
    fi
}

/* Takes one by itself, and gives it back, of which no bell tells; or removes it. */
proctype Stranger()
{
    byte id;
    atomic {
        if
        :: IS_THERE(1) -> id = 1
        :: IS_THERE(2) -> id = 2
        :: IS_THERE(3) -> id = 3
        :: isOver -> goto end
        fi;
        message[id] = held;
        promised = promised & (255 - BIT(id));
        unpassed = unpassed & (255 - BIT(id))
    }
    if
    :: message[id] = there
    :: message[id] = gone
    fi;
end:
    skip
}

proctype Clock()
{
    timeout;
    /* Nobody looks any more. */
    assert(!IS_PROMISED(1) && !IS_PROMISED(2) && !IS_PROMISED(3));
    /* Somebody does, though no sweep is due. */
    atomic { isWoken[0] = true; isWoken[1] = true };
    timeout;
    assert(!IS_UNPASSED(1) && !IS_UNPASSED(2) && !IS_UNPASSED(3));
    atomic { isDue = true; isWoken[0] = true; isWoken[1] = true };
    timeout;
    assert(!ANY_THERE);
    isOver = true
}

init
{
    atomic {
        run Clock();
        run Consumer(0);
        run Consumer(1);
#ifndef CASE_ROLLBACK
        run Stranger();
#endif
        run Producer(1);
        run Producer(2);
        run Producer(3)
    }
}
