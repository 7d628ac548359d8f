/*
 * Start, stop, crash, and a cleaner that removes files: who serves an endpoint?
 * docs/model.md says what this is and what it is not; tests/model/check runs it.
 *
 * A step is one system call whose effect others can see, and everybody may die before each.
 * "= file: function [calls]" names the code that the steps below it stand for: `check` looks for
 * it, and for those calls in that order. Every #ifdef is a mistake that must be found, but
 * PATIENT, QUIET, LOCK_GOES and AT_ONCE, which say what is asked.
 *
 * How many, all given by -D:
 * STARTERS  who connect or start; at most 7    HAND    servers started by hand, no startup lock
 * CRASHES   kill -9, of anybody, anywhere      STOPS   servers that end as they should
 * CLEANS    times that somebody removes the address; with LOCK_GOES the lock file instead
 */
#define SERVERS (STARTERS + HAND)
#define FILES   (SERVERS + 1) /* inodes of lock files that there can be at once */

byte crashes = CRASHES, stops = STOPS, cleans = CLEANS, by_hand = HAND; /* to come */

/* ---- the disk and the kernel: 0 is nobody, a server is 1 to SERVERS ----------------------- */

byte start_lock;          /* the starter that has the lock on <name>.start */
byte lock_file;           /* the inode that <name>.lock names */
byte holder[FILES + 1];   /* of each such inode: who has the lock on it */
byte users[FILES + 1];    /* who have it open: till then its number is not used again */
byte opened[SERVERS + 1]; /* the inode that a server has open */
byte address;             /* whose socket <name>.sock is */
byte token;               /* whose token <name>-token holds */
byte sock[SERVERS + 2];   /* what has become of a server's socket */
byte child[SERVERS + 1];  /* what the starter that launched it sees of a server */

#define CLIENT (SERVERS + 1) /* who should not have the lifetime lock */
#define DEAD   (SERVERS + 1) /* a server that has ended: which one, nobody asks any more */

#define CLOSED    0
#define BOUND     1 /* does not listen yet: refuses */
#define LISTENING 2

#define RUNNING 1
#define LEFT    2 /* exit status 0 */
#define SECOND  3 /* 7: another has the endpoint */
#define BROKEN  4 /* another status, or a signal */

/* A connect succeeds. = src/posix/connect.c: attempt [look connect] */
#define ANSWERS (sock[address] == LISTENING)

#define LOCK_IS_FREE (lock_file == 0 || holder[lock_file] == 0)

/* Is what lies there ours? By its inode, whose number is nobody else's while the listener is open:
 * so who asks before it closes may as well ask whose it is. */
#if defined(CLOSE_FIRST)
byte number[SERVERS + 2], freed; /* a number is used again at once */
#define IS_MINE        (address != 0 && number[address] == number[me])
#define NUMBER_IT      number[me] = (freed != 0 -> freed : me); freed = 0
#define FREE_IT        freed = (address == me -> freed : number[me])
#define REMOVE_ADDRESS freed = (sock[address] == CLOSED -> number[address] : freed); address = 0
#define FORGET_WHO     skip
#else
#define NUMBER_IT      skip
#define FREE_IT        skip
#define REMOVE_ADDRESS address = 0
#define FORGET_WHO     address = (address == me -> DEAD : address)
#if defined(NO_INODE_CHECK)
#define IS_MINE (address != 0)
#else
#define IS_MINE (address == me)
#endif
#endif

/* ---- the properties ----------------------------------------------------------------------- */

byte servers;   /* how many act as the server: from the lock's winning to its release */
byte running;   /* processes of servers */
byte published; /* who listens at the address, does not stop, and was not cleaned away */
bit  at_most_one_server = 1, reachable = 1, own_token = 1;
bit  launched_once = 1, lost_to_a_server = 1, told_of_another = 1;

/* One more, that nobody waits for ever, is a state with no way on: spin's invalid end state. */
#ifdef LOCK_GOES
#define ONE_SERVER skip /* not promised then */
#else
#define ONE_SERVER at_most_one_server = (servers <= 1); assert(at_most_one_server)
#endif
/* Promised to the server whose lock file the name still names. */
#define REACHABLE                                                                                \
    reachable = (published == 0 || holder[lock_file] != published ||                             \
                 (address == published && ANSWERS));                                             \
    assert(reachable)
#define TOLD_OF_ANOTHER told_of_another = (child[me] == SECOND); assert(told_of_another)
#define OWN_TOKEN own_token = (!ANSWERS || token == address); assert(own_token)

/* How starters can end, told once each. No part of a state. */
c_decl {
    static char seen_[8][8];
    static void see_(int who, int what, const char *word) {
        if (!seen_[who][what])
            printf("seen: %d %s\n", who, word);
        seen_[who][what] = 1;
    }
}
#define TELL(what, word) c_code { see_(Pstarter->_pid, what, word); }

/* ---- connect or start --------------------------------------------------------------------- */

/* Starters are alike: they may as well come, and wait, in the order of their numbers. */
byte turn;
byte queue; /* a bit each */
#define IS_NEXT ((queue & ((1 << _pid) - 1)) == 0)

#define me (_pid + 1)

inline starter_ends()
{
    child[me] = (child[me] == RUNNING -> RUNNING : 0); /* what it launched stays */
    goto over
}

/* The kernel closes what it had open, and so its lock goes. */
inline starter_dies()
{
    crashes > 0 -> crashes--;
#ifndef LOCKS_STAY
    start_lock = (start_lock == me -> 0 : start_lock);
#endif
    starter_ends()
}

#define OR_DIES :: atomic { starter_dies() } fi

active [STARTERS] proctype starter()
{
    /* = src/start.c: seek [probe try_lock] */
    /* = src/start.c: probe [cordon__endpoint_try] */
    atomic {
        turn == _pid -> turn++;
        if
        :: ANSWERS -> TELL(0, "JOINED at once"); goto over
        :: !ANSWERS -> queue = queue | (1 << _pid)
        fi
    }
#ifndef NO_START_LOCK
    /* = src/start.c: try_lock [cordon__endpoint_start_lock later] */
    atomic {
        if
        :: IS_NEXT && start_lock == 0 -> start_lock = me
        :: IS_NEXT && start_lock != 0 && ANSWERS ->
            queue = queue - (1 << _pid);
            TELL(1, "JOINED while it waited");
            goto over
        fi;
        queue = queue - (1 << _pid)
    }
#endif
hold:
    /* Whoever had the lock before may have started one. = src/start.c: hold [probe launch] */
#ifndef NO_SECOND_PROBE
    if
    :: atomic { ANSWERS -> TELL(2, "JOINED under the lock"); goto release }
    :: atomic { !ANSWERS -> skip }
    OR_DIES;
#endif
    /* = src/start.c: launch [cordon__launched_start last_look] */
    if
    :: atomic {
           child[me] = RUNNING;
           running++;
#ifdef QUIET
           launched_once = (running == 1);
           assert(launched_once)
#endif
       }
    OR_DIES;
#ifdef RELEASE_EARLY
    start_lock = 0;
#endif
    /* Until somebody answers, or what was launched ends: = src/start.c: await
     * [cordon__launched_look probe cordon__launched_has_left hold_again later] */
    if
    :: atomic { address == me && ANSWERS -> TELL(3, "STARTED"); goto release }
    :: atomic { address != me && ANSWERS -> TELL(4, "JOINED another's"); goto release }
    :: atomic { child[me] > RUNNING -> skip }
    OR_DIES;
    /* then a last probe. */
    if
    :: atomic { ANSWERS -> TELL(5, "JOINED as its own ended"); goto release }
    :: atomic { !ANSWERS && child[me] == BROKEN -> TELL(6, "ELAUNCH"); goto release }
#ifndef LEFT_IS_AWAITED
    :: atomic { !ANSWERS && child[me] == LEFT -> child[me] = 0; goto hold }
    :: atomic { !ANSWERS && child[me] == SECOND -> skip }
#else
    :: atomic { !ANSWERS && child[me] != BROKEN -> skip }
#endif
    OR_DIES;
    /* It says that another has the endpoint: until that answers, or the deadline. */
    if
    :: atomic { ANSWERS -> TELL(5, "JOINED as its own ended") }
#ifdef PATIENT
    :: atomic { !ANSWERS && running == 0 -> TOLD_OF_ANOTHER; TELL(7, "EBUSY") }
#else
    :: atomic { !ANSWERS -> TOLD_OF_ANOTHER; TELL(7, "EBUSY") }
#endif
    OR_DIES;
release:
    /* = src/start.c: cordon__start_close [cordon__launched_close cordon__lock_release] */
    if
    :: atomic { start_lock = (start_lock == me -> 0 : start_lock); starter_ends() }
    OR_DIES;
over:
    skip
}
#undef me
#undef OR_DIES

/* ---- serve -------------------------------------------------------------------------------- */

#define me (_pid - STARTERS + 1)

/* If there is none, a new one: with an inode number that nobody has open. */
inline open_lock_file()
{
    d_step {
        if
        :: lock_file == 0 ->
            lock_file = 1;
            do
            :: users[lock_file] > 0 -> lock_file++
            :: else -> break
            od
        :: else
        fi;
        opened[me] = lock_file;
        users[lock_file]++
    }
}

inline close_lock_file()
{
    users[opened[me]] = users[opened[me]] - (opened[me] != 0 -> 1 : 0);
    opened[me] = 0
}

inline let_go()
{
#ifndef LOCKS_STAY
    holder[opened[me]] = (holder[opened[me]] == me -> 0 : holder[opened[me]]);
#endif
    servers = servers - acts;
    acts = 0
}

#ifdef TOKEN_LEFT
#define AGAIN bind
#else
#define AGAIN write
#endif
#define ACT acts = 1; servers++; ONE_SERVER

/* The kernel closes what it had open: its lock goes, its socket refuses. */
inline ends(how)
{
    let_go();
    close_lock_file();
    published = (published == me -> 0 : published);
    sock[me] = CLOSED;
    FREE_IT;
    FORGET_WHO;
    token = (token == me -> DEAD : token);
    child[me] = (start_lock == me -> how : 0);
    running--;
    is_up = 0;
    is_broken = 0;
    goto over
}

#define OR_DIES    :: atomic { crashes > 0 -> crashes--; ends(BROKEN) } fi
#define STEP(what) if :: atomic { what } OR_DIES

/* The lock is free from here on; closing the file changes nothing any more. */
inline release_lock()
{
    STEP(let_go())
}

inline close_listener()
{
    STEP(sock[me] = CLOSED; FREE_IT)
}

active [SERVERS] proctype server()
{
    bit acts, is_up, is_broken;

end_not_started:
    if
    :: atomic { child[me] == RUNNING -> skip }
#if HAND > 0
    :: atomic { me > STARTERS && by_hand > 0 -> by_hand--; running++ }
#endif
    fi;
#ifdef TOKEN_FIRST
    atomic { token = me; OWN_TOKEN };
#endif
#ifdef NO_LIFETIME_LOCK
    atomic { ACT; goto won };
#endif
    /* = src/claim.c: try_lock [cordon__private_open cordon__lock_take is_answered] */
    /* = src/posix/lock.c: take [open_file check_file flock is_named] */
take:
    STEP(open_lock_file());
    if
    :: atomic { holder[opened[me]] == 0 -> holder[opened[me]] = me }
    :: atomic { holder[opened[me]] != 0 -> close_lock_file(); goto held }
    OR_DIES;
    if
#ifdef NO_NAME_CHECK
    :: atomic { ACT; goto won }
#else
    :: atomic { lock_file == opened[me] -> ACT; goto won }
    :: atomic { lock_file != opened[me] -> let_go(); close_lock_file(); goto take }
#endif
    OR_DIES;
held:
    if
    :: atomic { ANSWERS -> ends(SECOND) }
#ifdef PROBE_BY_ERRNO
    :: atomic { address != 0 && !ANSWERS -> ACT; goto won } /* refused */
    :: atomic { address == 0 -> skip }
#else
    :: atomic { !ANSWERS -> skip }
#endif
    OR_DIES;
    /* = src/claim.c: take_lock [try_lock cordon__pause] */
    if /* a pause that ends when the next try can end otherwise, or at the deadline */
    :: atomic { LOCK_IS_FREE || ANSWERS -> goto take }
#ifndef PATIENT
    :: atomic {
           lost_to_a_server = (holder[lock_file] != CLIENT);
           assert(lost_to_a_server);
           ends(SECOND)
       }
#endif
    OR_DIES;
won:
    /* = src/claim.c: publish [cordon__address_clear cordon__random store_token listen_on] */
    /* = src/posix/listen.c: clear_socket [fstatat unlinkat] */
    if
    :: atomic { address == 0 -> goto write }
    :: atomic { address != 0 -> skip }
    OR_DIES;
    STEP(REMOVE_ADDRESS; REACHABLE; published = 0);
write:
    /* = src/posix/secret.c: cordon__secret_store [clear_half write_half give_name] */
#if !defined(TOKEN_FIRST) && !defined(LISTEN_FIRST)
    STEP(token = me; OWN_TOKEN);
#endif
bind:
    /* = src/posix/listen.c: publish [bind_socket close_to_others listen remove_if_bound] */
    /* = src/posix/listen.c: close_to_others [fstatat fchmodat fstatat is_bound] */
    if
    :: atomic { address == 0 -> address = me; sock[me] = BOUND; NUMBER_IT; REACHABLE }
    :: atomic { address != 0 -> goto not_bound }
    OR_DIES;
    if
    :: atomic { address == me -> skip }
    :: atomic { address != me -> goto not_bound }
    OR_DIES;
    if
    :: atomic {
           sock[me] = LISTENING;
           published = (address == me -> me : 0);
           is_up = 1;
           REACHABLE;
           OWN_TOKEN
       }
    OR_DIES;
#ifdef LISTEN_FIRST
    atomic { token = me; OWN_TOKEN };
#endif
end_serving:
    /* = src/claim.c: look [cordon__listener_look hold_lock hold_token publish_again] */
    /* = src/claim.c: hold_token [cordon__secret_load store_token] */
    /* = src/claim.c: hold_lock [cordon__lock_is_named cordon__lock_take cordon__lock_release] */
    /* = src/claim.c: publish_again [cordon__address_clear listen_on] */
    if
#ifndef NO_LOOK
    :: atomic { address == 0 && lock_file == opened[me] -> goto AGAIN }
#endif
#ifdef LOCK_GOES
    :: atomic {
           (address == me || address == 0) && lock_file != opened[me] && LOCK_IS_FREE ->
               holder[opened[me]] = 0;
               close_lock_file();
               open_lock_file();
               holder[lock_file] = me;
               goto end_serving
       }
#endif
    :: atomic { stops > 0 -> stops--; published = (published == me -> 0 : published); goto leave }
    OR_DIES;
not_bound:
    if /* a look tries again at the next; a start has failed */
    :: atomic { is_up -> goto end_serving }
    :: atomic { !is_up -> is_broken = 1 }
    fi;
leave:
    /* = src/server.c: cordon__server_stop [cordon__claim_withdraw cordon__door_empty
     * cordon__listener_close] */
    /* = src/server.c: on_timer_closed [cordon__claim_release] */
    /* = src/posix/listen.c: remove_if_bound [fstatat is_bound unlinkat] */
#ifdef UNLINK_LATE
    release_lock();
#endif
#ifdef TOKEN_GOES_FIRST
    atomic { token == me -> token = 0; OWN_TOKEN };
#endif
#ifdef CLOSE_FIRST
    close_listener();
#endif
#ifdef AT_ONCE
    if
    :: atomic { IS_MINE -> REMOVE_ADDRESS; REACHABLE }
    :: atomic { !IS_MINE -> skip }
    OR_DIES;
#else
    if
    :: atomic { IS_MINE -> skip }
    :: atomic { !IS_MINE -> goto close }
    OR_DIES;
    STEP(REMOVE_ADDRESS; REACHABLE);
#endif
close:
    /* = src/posix/listen.c: cordon__listener_close [uv_close close] */
    close_listener();
    /* = src/claim.c: cordon__claim_release [remove_token cordon__lock_release] */
    /* = src/posix/secret.c: cordon__secret_remove [cordon__secret_load unlinkat] */
#ifdef AT_ONCE
    if
    :: atomic { token == me -> token = 0; OWN_TOKEN }
    :: atomic { token != me -> skip }
    OR_DIES;
#else
    if
    :: atomic { token == me -> skip }
    :: atomic { token != me -> goto unlock }
    OR_DIES;
    STEP(token = 0; OWN_TOKEN);
#endif
unlock:
    /* = src/posix/lock.c: cordon__lock_release [ftruncate flock close] */
    release_lock();
#ifdef UNLINK_LOCK
    lock_file = 0;
#endif
    atomic { ends((is_broken -> BROKEN : LEFT)) };
over:
    goto end_not_started /* the next one that this starter launches */
}
#undef me
#undef OR_DIES

/* ---- who is neither ----------------------------------------------------------------------- */

/* A program or a person that clears files away. */
active proctype cleaner()
{
end_idle:
    if
#ifdef LOCK_GOES
    :: atomic {
           cleans > 0 && published != 0 && holder[lock_file] == published ->
               cleans--;
               lock_file = 0;
               goto end_idle
       }
#else
    :: atomic {
           cleans > 0 && address != 0 ->
               cleans--;
               published = (published == address -> 0 : published);
               REMOVE_ADDRESS;
               goto end_idle
       }
#endif
    :: cleans == 0
    fi
}

#ifdef CLIENT_LOCKS
/* "Is it running? Let us see whether its lock is free." */
active proctype client()
{
    atomic { lock_file != 0 && holder[lock_file] == 0 -> holder[lock_file] = CLIENT };
    atomic { holder[lock_file] = 0 }
}
#endif
