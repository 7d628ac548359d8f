/*
 * The blocking driver of connect or start: steps, pauses between them, and the
 * hello that says whether an answer was one.
 */
#include "dialect.h"

#include "call.h"
#include "start.h"

#include <string.h>

static void wait_until(uint64_t due)
{
    const uint64_t now = cordon__now();

    if (due > now)
        cordon__pause(due - now);
}

/* JSON lines know no hello: whoever answers the connect is the server. */
static int say_hello(cordon__talk *talk, intptr_t handle, const cordon__identity *peer,
                     uint64_t deadline, cordon_fault *fault)
{
    int code = cordon__talk_adopt(talk, handle, peer, deadline, fault);

    if (code == CORDON_OK && !talk->asker.setup.is_json)
        code = cordon__talk_enter(talk, deadline, fault);
    if (code == CORDON_ETIMEDOUT)
        cordon__fault_found(fault, code, "hello", cordon__endpoint_address(talk->endpoint), 0, 0,
                            "it took the connection, but does not answer");
    return code;
}

/* ---- Another version ------------------------------------------------------------------ */

static void add_pid(const cordon__talk *talk, cordon_fault *fault)
{
    char before[sizeof fault->text];

    memcpy(before, fault->text, sizeof before);
    if ((talk->peer.known & CORDON_PEER_PID) != 0)
        cordon__fault_text(fault, "%s, pid %llu", before, (unsigned long long)talk->peer.pid);
}

static int ask_control(cordon__talk *control, uint64_t deadline, cordon_fault *fault)
{
    const cordon_bytes nothing = {NULL, 0};
    cordon_bytes       reply;
    uint32_t           id = 0;
    uint64_t           pause_ms = 0;
    int                code;

    do {
        code = cordon__talk_connect(control, deadline, fault);
        if (code == CORDON_OK)
            code = cordon__talk_enter(control, deadline, fault);
    } while (code != CORDON_OK &&
             cordon__talk_may_repeat(control, &code, 0, &pause_ms, deadline, fault));
    if (code == CORDON_OK)
        code = cordon__talk_ask(control, &id, CORDON__STOP, nothing, 0, deadline, fault);
    if (code == CORDON_OK)
        code = cordon__talk_await(control, &reply, id, NULL, NULL, deadline, fault);
    return code;
}

/* Any version understands that. */
static int ask_to_stop(const cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    cordon__asker_setup setup = talk->asker.setup;
    cordon__talk        control;
    int                 code;

    setup.is_control = 1;
    setup.wants_events = 0;
    cordon__talk_open(&control, talk->endpoint, &setup);
    code = ask_control(&control, deadline, fault);
    if (code == CORDON_OK)
        cordon__talk_leave(&control); /* a server that drains waits for its sessions */
    cordon__talk_close(&control);
    return code;
}

static int replace(cordon__start *start, cordon__talk *talk, uint64_t *due, cordon_fault *fault)
{
    const cordon_fault before = *fault;
    int                code = cordon__start_replace(start, due, fault);

    if (code != CORDON_OK)
        return code;
    cordon__line_close(&talk->line); /* what it has refused, too */
    code = ask_to_stop(talk, start->deadline, fault);
    if (code == CORDON_OK || cordon__start_may_pass(start, code)) {
        *fault = before;
        return cordon__start_again(start, due, fault);
    }
    if (code != CORDON_EUNSUPPORTED)
        return code;
    cordon__fault_text(fault, "%.120s; asked to stop: %.100s", before.text,
                       fault->text[0] != '\0' ? fault->text : cordon_error_text(code));
    return fault->code = CORDON_EVERSION;
}

/* ---- Steps and pauses --------------------------------------------------------------------- */

static int greet(cordon__start *start, cordon__talk *talk, intptr_t handle,
                 const cordon__identity *peer, uint64_t *due, cordon_fault *fault)
{
    uint64_t pause_ms = 0;
    int      code = say_hello(talk, handle, peer, start->deadline, fault);

    if (code == CORDON_OK)
        return CORDON_OK;
    if (code == CORDON_ETIMEDOUT && start->reason == CORDON__START_FOR_HELLO) {
        *fault = start->why; /* it has told before why it lets nobody in */
        return cordon__start_again(start, due, fault);
    }
    *due = cordon__now();
    if (talk->refusal == CORDON__UNAUTHORIZED &&
        cordon__talk_may_repeat(talk, &code, 0, &pause_ms, start->deadline, fault))
        return CORDON__START_LATER;
    if (code == CORDON_EVERSION) {
        add_pid(talk, fault);
        return replace(start, talk, due, fault);
    }
    if (cordon__start_may_pass(start, code))
        return cordon__start_again(start, due, fault);
    return code;
}

static int drive(cordon__start *start, cordon__talk *talk, cordon_fault *fault)
{
    intptr_t         handle = CORDON__NO_HANDLE;
    cordon__identity peer;
    uint64_t         due = 0;
    int              code;

    for (;;) {
        code = cordon__start_step(start, &handle, &peer, &due, fault);
        if (code == CORDON_OK)
            code = greet(start, talk, handle, &peer, &due, fault);
        if (code != CORDON__START_LATER)
            return code;
        wait_until(due);
    }
}

int cordon__call_start(cordon__talk *talk, const cordon_start_options *options, int *is_ours,
                       uint64_t deadline, cordon_fault *fault)
{
    cordon__start start;
    int           code = cordon__start_open(&start, talk->endpoint, options, deadline);

    if (code != CORDON_OK)
        return cordon__fault_found(fault, code, "launch", NULL, 0, 0,
                                   "start: either argv or launch, known flags, no negative pause");
    code = drive(&start, talk, fault);
    *is_ours = code == CORDON_OK && cordon__start_is_ours(&start);
    cordon__start_close(&start);
    return code;
}
