/* Clients of a random schedule: blocking calls, and sessions a step at a time. */
#include "../../src/dialect.h"

#include <stdio.h>
#include <string.h>

#include "actors.h"

#define IN_FLIGHT 8

typedef struct asked {
    uint32_t id; /* 0: this place is free */
    entry   *it;
    unsigned number;
} asked;

typedef struct guest {
    sim_process     *process;
    cordon_endpoint *endpoint;
    cordon_session  *session;
    asked            asked[IN_FLIGHT];
    entry           *calling; /* in a call now */
    unsigned         steps;   /* still to take */
    int              is_json, wants_events;
    int              has_said_too_much; /* on this session: it ends for all of its requests */
} guest;

static int some_timeout(void)
{
    static const int times[] = {5000, 5000, 1000, 100, 10};

    return is_fair() ? 60000 : times[sim_below(5)];
}

static size_t some_size(entry *it)
{
    const unsigned dice = sim_below(100);

    if (it && dice < 2) {
        it->is_large = 1;
        return 70000;
    }
    return dice < 70 ? sim_below(60) : dice < 95 ? sim_below(2000) : sim_below(30000);
}

/* Others speak while we wait: each question has memory of its own. */
static cordon_bytes question(unsigned number, entry *it)
{
    const size_t size = some_size(it);

    return body_make(actors_make(size + 64), 'q', number, some_size(NULL), size);
}

/* One deadline covers all that a call does, to the millisecond. */
static void check_time(uint64_t began, int timeout_ms, unsigned nested, const char *what)
{
    const uint64_t took = sim_now() - began;

    if (sim_nested() == nested && !weather.is_late && took > (uint64_t)timeout_ms)
        sim_complain("%s took %u ms of %d", what, (unsigned)took, timeout_ms);
}

static void check_reply(unsigned number, cordon_bytes body)
{
    size_t other;

    if (body_check('a', body, &other) != number)
        sim_complain("request %u was answered with something else: %.*s", number,
                     (int)(body.size & 63), (const char *)body.data);
}

/* ---- one call ----------------------------------------------------------------------- */

static void call(guest *me)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    cordon_buffer       reply = CORDON_BUFFER_INIT;
    const uint64_t      began = sim_now();
    const unsigned      nested = sim_nested();
    unsigned            number;
    entry              *it = ledger_add(&number);
    int                 code;

    if (!it)
        return;
    me->calling = it;
    it->is_repeatable = sim_chance(20);
    options.timeout_ms = some_timeout();
    options.flags =
        (it->is_repeatable ? CORDON_REPEATABLE : 0) | (sim_chance(25) ? CORDON_NO_BINARY : 0);
    code = cordon_call(&reply, me->endpoint, question(number, it), &options, &fault);
    me->calling = NULL;
    sim_say("call %u: %s", number, code == CORDON_OK ? "OK" : cordon_fault_line(&fault));
    ledger_settle(it, code, fault.app_code, fault.is_sent);
    if (code == CORDON_OK)
        check_reply(number, (cordon_bytes){reply.data, reply.size});
    check_time(began, options.timeout_ms, nested, "a call");
    cordon_buffer_free(&reply);
}

/* ---- a session ------------------------------------------------------------------------ */

static asked *asked_of(guest *me, uint32_t id)
{
    for (size_t i = 0; i < IN_FLIGHT; i++)
        if (me->asked[i].id == id)
            return &me->asked[i];
    return NULL;
}

static void settle(const guest *me, entry *it, int code, int app_code, int is_sent)
{
    it->is_large = it->is_large || me->has_said_too_much;
    sim_say("request %u: %s, app %d, is_sent %d", ledger_number(it), cordon_error_name(code),
            app_code, is_sent);
    ledger_settle(it, code, app_code, is_sent);
}

static void lose_all(guest *me, int code, int is_sent)
{
    for (size_t i = 0; i < IN_FLIGHT; i++)
        if (me->asked[i].id != 0) {
            settle(me, me->asked[i].it, code, 0, is_sent);
            me->asked[i].id = 0;
        }
    cordon_session_close(me->session);
    me->session = NULL;
}

static void session_open(guest *me)
{
    cordon_session_options options = CORDON_SESSION_OPTIONS_INIT;
    cordon_fault           fault = CORDON_FAULT_INIT;
    const uint64_t         began = sim_now();
    const unsigned         nested = sim_nested();
    int                    code;

    me->is_json = sim_chance(25);
    me->wants_events = sim_chance(50);
    me->has_said_too_much = 0;
    options.timeout_ms = some_timeout();
    options.program = "guest";
    options.flags = (me->is_json ? CORDON_NO_BINARY : 0) | (me->wants_events ? CORDON_EVENTS : 0);
    code = cordon_session_open(&me->session, me->endpoint, &options, &fault);
    if (code != CORDON_OK && me->session)
        sim_complain("a session that was not opened is there");
    if (code != CORDON_OK && is_fair())
        sim_complain("no session in fair weather: %s", cordon_fault_line(&fault));
    check_time(began, options.timeout_ms, nested, "opening a session");
}

static void session_send(guest *me)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    asked              *place = asked_of(me, 0);
    unsigned            number;
    entry              *it = place ? ledger_add(&number) : NULL;
    uint32_t            id = 0;
    int                 code;

    if (!it)
        return;
    options.timeout_ms = some_timeout();
    options.flags = sim_chance(30) ? CORDON_GATHER : 0;
    me->calling = it;
    code = cordon_session_send(&id, me->session, question(number, it), &options, &fault);
    me->calling = NULL;
    /* One that was broken off in the middle ends the session likewise. */
    me->has_said_too_much = me->has_said_too_much || it->is_large || code == CORDON_ETIMEDOUT;
    if (code != CORDON_OK) {
        settle(me, it, code, 0, fault.is_sent);
        return;
    }
    place->id = id;
    place->it = it;
    place->number = number;
}

static void hear_message(guest *me, const cordon_message *message)
{
    asked *place;

    if (message->kind == CORDON_EVENT) {
        if (!me->wants_events || message->body.size != 7 ||
            memcmp(message->body.data, "\"event\"", 7) != 0)
            sim_complain("an event that nobody sent, or that was not wanted");
        return;
    }
    place = message->id != 0 ? asked_of(me, message->id) : NULL;
    if (!place) {
        sim_complain("an answer to nothing that is in flight");
        return;
    }
    if (message->kind == CORDON_REPLY || message->kind == CORDON_PART)
        check_reply(place->number, message->body);
    if (message->kind == CORDON_PART)
        return;
    settle(me, place->it, message->code, message->app_code, 1);
    place->id = 0;
}

static unsigned in_flight(const guest *me)
{
    unsigned count = 0;

    for (size_t i = 0; i < IN_FLIGHT; i++)
        count += me->asked[i].id != 0;
    return count;
}

static void session_receive(guest *me)
{
    const int             timeout_ms = some_timeout();
    const cordon_message *message;
    cordon_fault          fault = CORDON_FAULT_INIT;
    const uint64_t        began = sim_now();
    const unsigned        nested = sim_nested();
    const unsigned        waiting = in_flight(me);
    int                   code;

    if (waiting == 0 && (!me->wants_events || !weather.has_kills))
        return;
    code = cordon_session_receive(&message, me->session, timeout_ms, &fault);
    check_time(began, timeout_ms, nested, "receiving");
    if (code == CORDON_OK)
        hear_message(me, message);
    else if (code == CORDON_EINVAL && waiting == 0)
        return;
    else if (code != CORDON_ETIMEDOUT || is_fair()) {
        sim_say("receive: %s", cordon_fault_line(&fault));
        lose_all(me, code, fault.is_sent);
    }
}

static void session_call(guest *me)
{
    cordon_call_options options = CORDON_CALL_OPTIONS_INIT;
    cordon_fault        fault = CORDON_FAULT_INIT;
    cordon_bytes        reply;
    const uint64_t      began = sim_now();
    const unsigned      nested = sim_nested();
    unsigned            number;
    entry              *it = ledger_add(&number);
    int                 code;

    if (!it)
        return;
    me->calling = it;
    it->is_repeatable = sim_chance(20);
    options.timeout_ms = some_timeout();
    options.flags = it->is_repeatable ? CORDON_REPEATABLE : 0;
    code = cordon_session_call(&reply, me->session, question(number, it), &options, &fault);
    me->calling = NULL;
    me->has_said_too_much = me->has_said_too_much || it->is_large || code == CORDON_ETIMEDOUT;
    settle(me, it, code, fault.app_code, fault.is_sent);
    if (code == CORDON_OK)
        check_reply(number, reply);
    check_time(began, options.timeout_ms, nested, "a call on a session");
}

static void session_cancel(guest *me)
{
    asked *place = &me->asked[sim_below(IN_FLIGHT)];

    if (place->id == 0)
        return;
    (void)cordon_session_cancel(me->session, place->id);
    place->it->is_dropped = 1;
    place->id = 0;
}

static void session_ask_about(guest *me)
{
    const int    timeout_ms = some_timeout();
    cordon_bytes json;
    int          code;

    if (me->is_json)
        return;
    if (sim_chance(20) && weather.has_restarts) {
        (void)cordon_session_stop(me->session, timeout_ms, NULL);
        return;
    }
    code = cordon_session_status(&json, me->session, timeout_ms, NULL);
    if (code == CORDON_OK ? json.size < 2 || *(const char *)json.data != '{' : is_fair())
        sim_complain("no status: %s", cordon_error_name(code));
}

static void session_close(guest *me)
{
    for (size_t i = 0; i < IN_FLIGHT; i++)
        if (me->asked[i].id != 0) {
            me->asked[i].it->is_dropped = 1;
            me->asked[i].id = 0;
        }
    cordon_session_close(me->session);
    me->session = NULL;
}

static void session_step(guest *me)
{
    const unsigned dice = sim_below(100);

    if (dice < 40)
        session_send(me);
    else if (dice < 70)
        session_receive(me);
    else if (dice < 82)
        session_call(me);
    else if (dice < 88)
        session_cancel(me);
    else if (dice < 93)
        session_ask_about(me);
    else
        session_close(me);
}

/* ---- its life --------------------------------------------------------------------------- */

static void step(void *context);

static void step_killed(guest *me)
{
    if (me->calling)
        me->calling->is_dropped = 1;
    for (size_t i = 0; i < IN_FLIGHT; i++)
        if (me->asked[i].id != 0)
            me->asked[i].it->is_dropped = 1;
}

static void take_step(void *context)
{
    guest *me = context;

    if (me->steps-- == 0) {
        session_close(me);
        cordon_endpoint_close(me->endpoint);
        me->endpoint = NULL;
        return;
    }
    if (me->session)
        session_step(me);
    else if (sim_chance(50))
        call(me);
    else
        session_open(me);
}

/* From outside of the process: whoever dies in there must not be forgotten by the ledger. */
static void step(void *context)
{
    guest *me = context;

    if (!sim_as(me->process, take_step, me)) {
        step_killed(me);
        return;
    }
    if (me->endpoint)
        sim_task(NULL, sim_now() + (sim_chance(60) ? 0 : sim_below(100)), 1, step, me);
    else
        sim_exit(me->process);
}

static void begin(void *context)
{
    guest                  *me = context;
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;

    where.allocate = sim_allocate;
    where.directory = actors_directory;
    (void)cordon_endpoint_open(&me->endpoint, "play", &where, NULL);
}

static void start(void *context)
{
    guest *me = context;

    if (sim_as(me->process, begin, me) && me->endpoint)
        step(me);
    else
        sim_exit(me->process);
}

static guest *make(void)
{
    guest *me = actors_make(sizeof *me);

    me->process = sim_process_open("client", SIM_UID);
    return me;
}

void guest_start(uint64_t due)
{
    guest *me = make();

    sim_is_mortal(me->process, weather.has_faults || weather.has_hunger);
    me->steps = 2 + sim_below(8);
    if (weather.has_kills && sim_chance(20))
        sim_kill_at(me->process, 1 + sim_below(100));
    if (weather.has_faults && sim_chance(20))
        sim_fail_at(me->process, NULL, 1 + sim_below(60));
    if (weather.has_hunger && sim_chance(20))
        sim_starve_at(me->process, 1 + sim_below(40), sim_chance(10));
    sim_task(NULL, due, 1, start, me);
}

static void last_call(void *context)
{
    guest        *me = context;
    cordon_fault  fault = CORDON_FAULT_INIT;
    cordon_buffer reply = CORDON_BUFFER_INIT;
    unsigned      number;
    entry        *it;
    int           code;

    begin(me);
    it = ledger_add(&number);
    if (it) {
        code = cordon_call(&reply, me->endpoint, question(number, NULL), NULL, &fault);
        ledger_settle(it, code, fault.app_code, fault.is_sent);
        if (code != CORDON_OK && code != CORDON_EAPP && code != CORDON_EBUSY)
            sim_complain("what was left cannot be repaired: %s", cordon_fault_line(&fault));
    }
    cordon_buffer_free(&reply);
    cordon_endpoint_close(me->endpoint);
}

void guest_last(void)
{
    guest *me = make();

    (void)sim_as(me->process, last_call, me);
    sim_exit(me->process);
}
