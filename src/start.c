#include "dialect.h"

#include "start.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "holder.h"

#define FLAT_MS     25 /* so long the pauses do not grow */
#define PAUSE_MS    25 /* then up to this */
#define DOUBT_MS    50 /* a refusal that may pass is believed after this long */
#define GO_ON       2  /* a step: the next one at once */
#define LAUNCHES    3  /* of one that has left before we came: no more */
#define KNOWN_FLAGS (CORDON_STAY_IN_JOB | CORDON_REPLACE_OTHER_VERSION)

/* ---- What is asked for --------------------------------------------------------------- */

int cordon__start_open(cordon__start *start, cordon_endpoint *endpoint,
                       const cordon_start_options *options, uint64_t deadline)
{
    const cordon_start_options *mine = &start->options;

    memset(start, 0, sizeof *start);
    cordon__fault_clear(&start->why);
    if (cordon__options_read(&start->options, sizeof start->options, options) != CORDON_OK ||
        (mine->flags & ~KNOWN_FLAGS) != 0 || mine->pause_ms < 0)
        return CORDON_EINVAL;
    if ((mine->argv != NULL) == (mine->launch != NULL))
        return CORDON_EINVAL; /* one of the two */
    if (mine->argv != NULL && (mine->argv[0] == NULL || mine->argv[0][0] == '\0'))
        return CORDON_EINVAL;
    if (mine->pause_ms == 0)
        start->options.pause_ms = PAUSE_MS;
    start->endpoint = endpoint;
    start->deadline = deadline;
    cordon__launched_open(&start->launched, mine, &endpoint->memory);
    return CORDON_OK;
}

void cordon__start_close(cordon__start *start)
{
    cordon__launched_close(&start->launched);
    cordon__lock_release(start->lock);
    start->lock = NULL;
}

/* ---- Time is over ---------------------------------------------------------------------- */

static const char *path_of(const cordon__start *start, enum cordon_place which)
{
    return cordon__place_path(start->endpoint->place, which);
}

static const char *holder_of(char text[CORDON__HOLDER_TEXT], const cordon__start *start,
                             enum cordon_place which)
{
    cordon__holder holder;
    cordon_fault   why;

    cordon__fault_clear(&why);
    memset(&holder, 0, sizeof holder);
    (void)cordon__lock_look(&holder, start->endpoint->place, which, &why);
    return cordon__holder_text(text, &holder);
}

static int late_for_launch(const cordon__start *start, cordon_fault *fault)
{
    const cordon__launched *it = &start->launched;
    char                    text[CORDON__HOLDER_TEXT];

    if (it->fate == CORDON__FATE_SECOND) {
        cordon__fault_found(fault, CORDON_EBUSY, "launch", path_of(start, CORDON_LOCK), 0, 0, NULL);
        cordon__fault_text(fault, "it says that another one runs, but nobody answers; the lock: %s",
                           holder_of(text, start, CORDON_LOCK));
        return CORDON_EBUSY;
    }
    cordon__fault_found(fault, CORDON_ETIMEDOUT, "launch", cordon__launched_name(it), 0, 0,
                        "what was started does not answer yet");
    if (it->child != NULL)
        cordon__fault_text(fault, "what was started, pid %llu, does not answer yet",
                           (unsigned long long)it->pid);
    return CORDON_ETIMEDOUT;
}

/* What was waited for, as its code says it; where waiting itself is not a code, ETIMEDOUT. */
static int late_for_hello(const cordon__start *start, cordon_fault *fault)
{
    *fault = start->why;
    if (fault->code == CORDON_EBUSY || fault->code == CORDON_ENOTREADY ||
        fault->code == CORDON_EUNAUTHORIZED || fault->code == CORDON_EVERSION)
        return fault->code;
    if (fault->text[0] == '\0')
        cordon__fault_text(fault, "it answers, but lets nobody in: %s",
                           cordon_error_text(fault->code));
    return fault->code = CORDON_ETIMEDOUT;
}

static int late_for_lock(const cordon__start *start, cordon_fault *fault)
{
    char        text[CORDON__HOLDER_TEXT];
    const char *whose = "it came too late to start anything";

    if (start->lock == NULL)
        whose = holder_of(text, start, CORDON_START_LOCK);
    return cordon__fault_found(fault, CORDON_ETIMEDOUT, "startup lock",
                               path_of(start, CORDON_START_LOCK), 0, 0, whose);
}

static int late(const cordon__start *start, cordon_fault *fault)
{
    switch (start->reason) {
    case CORDON__START_FOR_LOCK:
        late_for_lock(start, fault);
        break;
    case CORDON__START_FOR_LAUNCH:
        late_for_launch(start, fault);
        break;
    case CORDON__START_FOR_HELLO:
        late_for_hello(start, fault);
        break;
    default:
        cordon__fault_found(fault, CORDON_ETIMEDOUT, "connect", path_of(start, CORDON_ADDRESS), 0,
                            0, "somebody is there, but takes no connection");
    }
    cordon__trace_fault(&start->endpoint->trace, fault);
    return fault->code;
}

/* ---- Pauses ------------------------------------------------------------------------------ */

static int is_late(const cordon__start *start, uint64_t now)
{
    return start->deadline != CORDON__NEVER && now >= start->deadline;
}

static uint64_t next_pause(cordon__start *start, uint64_t now)
{
    const uint64_t longest = (uint64_t)start->options.pause_ms;

    if (start->pace_began == 0) {
        start->pace_began = now;
        start->pause_ms = 1;
    } else if (now - start->pace_began >= FLAT_MS)
        start->pause_ms *= 2;
    if (start->pause_ms > longest)
        start->pause_ms = longest;
    return start->pause_ms;
}

static int later(cordon__start *start, enum cordon__start_reason reason, uint64_t *due,
                 cordon_fault *fault)
{
    const uint64_t now = cordon__now();

    start->reason = reason;
    if (is_late(start, now))
        return late(start, fault);
    *due = now + next_pause(start, now);
    if (*due > start->deadline)
        *due = start->deadline;
    return CORDON__START_LATER;
}

/* Something new has begun: it may be quick. */
static void quicken(cordon__start *start)
{
    start->pace_began = 0;
}

/* ---- Is somebody there? ------------------------------------------------------------------- */

enum { FOUND = 0, BUSY = 1, NOBODY = 2 };

/* A refusal that may pass is one of a busy server, for a while. */
static int doubt(cordon__start *start)
{
    const uint64_t now = cordon__now();

    if (start->doubt_ends == 0)
        start->doubt_ends = now + DOUBT_MS;
    return now < start->doubt_ends ? BUSY : NOBODY;
}

static int probe(cordon__start *start, intptr_t *handle, cordon__identity *peer,
                 cordon_fault *fault)
{
    const int code = cordon__endpoint_try(handle, peer, start->endpoint, fault);

    if (code == CORDON__UNCERTAIN)
        return doubt(start);
    start->doubt_ends = 0;
    if (code == CORDON_OK)
        start->answered = (peer->known & CORDON_PEER_PID) != 0 ? peer->pid : 0;
    if (code == CORDON_ENOTRUNNING) {
        start->was_absent = 1;
        return NOBODY;
    }
    return code > 0 ? BUSY : code;
}

/* ---- Steps -------------------------------------------------------------------------------- */

typedef int step_fn(cordon__start *start, intptr_t *handle, cordon__identity *peer, uint64_t *due,
                    cordon_fault *fault);

/* Whoever has the lock starts one: it is looked for all the same. */
static int try_lock(cordon__start *start, uint64_t *due, cordon_fault *fault)
{
    const int code = cordon__endpoint_start_lock(&start->lock, start->endpoint, fault);

    if (code == CORDON__HELD) {
        start->state = CORDON__START_SEEK;
        return later(start, CORDON__START_FOR_LOCK, due, fault);
    }
    if (code != CORDON_OK)
        return code;
    start->state = CORDON__START_HOLD;
    return GO_ON;
}

static int seek(cordon__start *start, intptr_t *handle, cordon__identity *peer, uint64_t *due,
                cordon_fault *fault)
{
    const int code = probe(start, handle, peer, fault);

    if (code == BUSY)
        return later(start, CORDON__START_FOR_ROOM, due, fault);
    return code == NOBODY ? try_lock(start, due, fault) : code;
}

static int queue(cordon__start *start, intptr_t *handle, cordon__identity *peer, uint64_t *due,
                 cordon_fault *fault)
{
    (void)handle, (void)peer;
    return try_lock(start, due, fault);
}

static int left_ms(const cordon__start *start, uint64_t now)
{
    uint64_t left;

    if (start->deadline == CORDON__NEVER)
        return CORDON_FOREVER;
    if (is_late(start, now))
        return CORDON_AT_ONCE;
    left = start->deadline - now;
    return left < INT_MAX ? (int)left : INT_MAX;
}

/* It failed; somebody may serve all the same. */
static int last_look(cordon__start *start, intptr_t *handle, cordon__identity *peer,
                     cordon_fault *why, cordon_fault *fault)
{
    const int code = probe(start, handle, peer, fault);

    if (code != NOBODY && code != BUSY)
        return code;
    *fault = *why;
    cordon__trace_fault(&start->endpoint->trace, fault);
    return fault->code;
}

static int launch(cordon__start *start, intptr_t *handle, cordon__identity *peer,
                  cordon_fault *fault)
{
    cordon_fault   why;
    const uint64_t now = cordon__now();

    /* Who may not wait at all starts it, and leaves; who waited in vain leaves it to the next. */
    if (start->deadline != 0 && is_late(start, now)) {
        start->reason = CORDON__START_FOR_LOCK;
        return late(start, fault);
    }
    cordon__fault_clear(&why);
    if (cordon__launched_start(&start->launched, start->endpoint, left_ms(start, now), &why) !=
        CORDON_OK)
        return last_look(start, handle, peer, &why, fault);
    cordon__trace_done(&start->endpoint->trace, "launch", cordon__launched_name(&start->launched),
                       NULL);
    start->state = CORDON__START_AWAIT;
    start->launches++;
    quicken(start);
    return GO_ON;
}

static int hold(cordon__start *start, intptr_t *handle, cordon__identity *peer, uint64_t *due,
                cordon_fault *fault)
{
    const int code = probe(start, handle, peer, fault);

    if (code == BUSY)
        return later(start, CORDON__START_FOR_ROOM, due, fault);
    return code == NOBODY ? launch(start, handle, peer, fault) : code;
}

/* It served, nobody came for so long as it waits, and it left: before we had a look. */
static int hold_again(cordon__start *start)
{
    cordon__launched_close(&start->launched);
    cordon__launched_open(&start->launched, &start->options, &start->endpoint->memory);
    start->state = CORDON__START_HOLD;
    return GO_ON;
}

/* Its end is looked for before the address: what is found there after it is another's. */
static int await(cordon__start *start, intptr_t *handle, cordon__identity *peer, uint64_t *due,
                 cordon_fault *fault)
{
    cordon_fault why;
    int          code;

    cordon__launched_look(&start->launched);
    code = probe(start, handle, peer, fault);
    if (code != BUSY && code != NOBODY)
        return code;
    if (code == NOBODY && cordon__launched_has_left(&start->launched) && start->launches < LAUNCHES)
        return hold_again(start);
    if (code == BUSY || start->launched.fate != CORDON__FATE_FAILED)
        return later(start, CORDON__START_FOR_LAUNCH, due, fault);
    cordon__fault_clear(&why);
    (void)cordon__launched_fault(&start->launched, &why);
    *fault = why;
    cordon__trace_fault(&start->endpoint->trace, fault);
    return fault->code;
}

static step_fn *const steps[CORDON__START_STATES] = {
    [CORDON__START_SEEK] = seek,
    [CORDON__START_QUEUE] = queue,
    [CORDON__START_HOLD] = hold,
    [CORDON__START_AWAIT] = await,
};

int cordon__start_step(cordon__start *start, intptr_t *handle, cordon__identity *peer,
                       uint64_t *due, cordon_fault *fault)
{
    int code;

    do {
        code = steps[start->state](start, handle, peer, due, fault);
    } while (code == GO_ON);
    return code;
}

/* ---- What became of the hello --------------------------------------------------------------- */

/* A server has its token before it can be reached: one that is absent is the last server's, or
 * lost. Where servers came and went it is waited for. */
int cordon__start_may_pass(const cordon__start *start, int code)
{
    if (code == CORDON_EUNAUTHORIZED)
        return start->was_absent;
    return code == CORDON_ECLOSED || code == CORDON_ENOTRUNNING || code == CORDON_ENOTREADY ||
           code == CORDON_EBUSY;
}

int cordon__start_again(cordon__start *start, uint64_t *due, cordon_fault *fault)
{
    start->why = *fault;
    return later(start, CORDON__START_FOR_HELLO, due, fault);
}

int cordon__start_replace(cordon__start *start, uint64_t *due, cordon_fault *fault)
{
    if ((start->options.flags & CORDON_REPLACE_OTHER_VERSION) == 0 ||
        start->state == CORDON__START_AWAIT) /* what we start is what we have */
        return CORDON_EVERSION;
    if (start->lock != NULL)
        return CORDON_OK;
    start->why = *fault;
    start->state = CORDON__START_QUEUE;
    *due = cordon__now();
    return CORDON__START_LATER;
}

int cordon__start_is_ours(cordon__start *start)
{
    cordon__launched *it = &start->launched;

    if (start->state != CORDON__START_AWAIT)
        return 0;
    cordon__launched_look(it);
    if (it->fate == CORDON__FATE_SERVES || (it->pid != 0 && it->pid == start->answered))
        return 1;
    return it->fate == CORDON__FATE_OPEN; /* a program of its own may serve for it */
}
