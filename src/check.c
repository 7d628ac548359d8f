/*
 * Floor 4. Look at everything, as a person would who wonders why: each fact is
 * told, and the first trouble is the answer. So the order of the facts is the
 * order of causes: what is told first explains what follows.
 */
#include "dialect.h"

#include "endpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frame.h"
#include "json.h"

#define CONNECT_MS 1000
#define HELLO_MS   2000

static const char token_step[] = "read token";
static const char lock_step[] = "look at lock";

typedef struct lock_seen {
    int            code; /* 0, CORDON__ABSENT, or what is wrong with the file: fault */
    cordon_fault   fault;
    cordon__holder holder;
} lock_seen;

typedef struct check {
    cordon_endpoint *endpoint;
    cordon_step_fn   on_fact;
    void            *user;
    int              trouble;   /* the first one; CORDON_OK */
    int              is_usable; /* the directory is as it must be */
    int              is_served; /* somebody of ours took a connection */
    int              has_token; /* and his token can be used */
    uint64_t         pid;       /* of who serves, or has the lifetime lock; 0 */
    int              answer;    /* of the connect */
    cordon_fault     connect;
    lock_seen        lock, start;
} check;

/* ---- telling ------------------------------------------------------------------------ */

static void tell_fact(const cordon_fault *fact, void *owner)
{
    check *all = (check *)owner;

    if (fact->code != CORDON_OK && all->trouble == CORDON_OK)
        all->trouble = fact->code;
    if (all->on_fact != NULL)
        all->on_fact(fact, all->user);
}

static void say(check *all, int code, const char *during, enum cordon_place where, const char *text)
{
    cordon_fault fact;

    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, code, during, cordon__place_path(all->endpoint->place, where), 0, 0,
                        text);
    tell_fact(&fact, all);
}

/* "stopped", and what to do about it; else `other`. */
static const char *blame(const check *all, char text[CORDON__HOLDER_TEXT], const char *other)
{
    if (all->pid != 0 && cordon__process_look(all->pid) == CORDON__PROCESS_STOPPED)
        snprintf(text, CORDON__HOLDER_TEXT,
                 "pid %" PRIu64 ", which serves it, is stopped (by a signal or a debugger): let it "
                 "go on (kill -CONT %" PRIu64 "), or end it",
                 all->pid, all->pid);
    else if (all->pid != 0)
        snprintf(text, CORDON__HOLDER_TEXT, "pid %" PRIu64 " %s", all->pid, other);
    else
        snprintf(text, CORDON__HOLDER_TEXT, "somebody %s", other);
    return text;
}

/* ---- before anything is told: who is there ------------------------------------------- */

static void see_lock(check *all, lock_seen *seen, enum cordon_place which)
{
    cordon__fault_clear(&seen->fault);
    seen->code = cordon__lock_look(&seen->holder, all->endpoint->place, which, &seen->fault);
}

static void try_connect(check *all)
{
    cordon__identity peer;
    intptr_t         handle = CORDON__NO_HANDLE;

    cordon__fault_clear(&all->connect);
    memset(&peer, 0, sizeof peer);
    all->answer = cordon__endpoint_connect(&handle, &peer, all->endpoint,
                                           cordon__now() + CONNECT_MS, &all->connect);
    all->is_served = all->answer == CORDON_OK;
    if (all->is_served)
        cordon__handle_close(handle);
    if (peer.known & CORDON_PEER_PID)
        all->pid = peer.pid;
    else if (all->lock.holder.is_held != 0)
        all->pid = all->lock.holder.pid;
}

/* ---- where it lives -------------------------------------------------------------------- */

#define SHELF 6

/* What is seen under the endpoint's lock is told without it: the callback may ask the endpoint. */
typedef struct shelf {
    cordon_fault facts[SHELF];
    size_t       count;
} shelf;

static void put(const cordon_fault *fact, void *owner)
{
    shelf *on = (shelf *)owner;

    if (on->count < SHELF)
        on->facts[on->count++] = *fact;
}

static void check_directory(check *all)
{
    cordon__place *place = all->endpoint->place;
    cordon_fault   fact;
    shelf          seen;
    int            code;

    seen.count = 0;
    cordon__fault_clear(&fact);
    cordon__see(place, CORDON__SEE_ENVIRONMENT, tell_fact, all);
    cordon__see(place, CORDON__SEE_DIRECTORY, tell_fact, all);
    uv_mutex_lock(&all->endpoint->lock);
    code = cordon__private_open(place, 0, &fact);
    cordon__see(place, CORDON__SEE_ADDRESS, put, &seen);
    uv_mutex_unlock(&all->endpoint->lock);
    all->is_usable = code == CORDON_OK;
    if (code != CORDON_OK && code != CORDON_ENOTRUNNING && all->trouble == CORDON_OK)
        tell_fact(&fact, all); /* what the look above did not find */
    for (size_t i = 0; i < seen.count; i++)
        tell_fact(&seen.facts[i], all);
}

/* ---- who answers -------------------------------------------------------------------------- */

static void check_connection(check *all)
{
    char text[CORDON__HOLDER_TEXT];

    if (all->is_served) {
        snprintf(text, sizeof text, "answered by a process of our user, pid %" PRIu64, all->pid);
        say(all, CORDON_OK, "check peer", CORDON_ADDRESS, all->pid != 0 ? text : "of our user");
    } else if (all->answer == CORDON_ETIMEDOUT) {
        say(all, CORDON_ETIMEDOUT, "connect", CORDON_ADDRESS,
            blame(all, text,
                  "serves it but takes no connection: it hangs, or more clients wait than it has "
                  "room for"));
    } else if (all->answer == CORDON_EIMPOSTOR) {
        cordon_fault fact = all->connect;

        cordon__fault_text(&fact,
                           "%.100s: a stranger listens there, nothing was sent; end that process, "
                           "or use --dir",
                           all->connect.text);
        tell_fact(&fact, all);
    } else if (all->answer == CORDON_ENOTRUNNING) {
        say(all, CORDON_OK, "connect", CORDON_ADDRESS, "nobody answers");
    } else if (all->trouble == CORDON_OK) {
        tell_fact(&all->connect, all);
    } else {
        say(all, CORDON_OK, "connect", CORDON_ADDRESS, "not asked: see above");
    }
}

/* ---- token -------------------------------------------------------------------------------- */

static const char *token_text(int code)
{
    if (code == CORDON_OK)
        return "64 hex digits, ours, closed to others";
    return code == CORDON__ABSENT
               ? "a server answers, but its token file is gone: nobody can be let in; it writes it "
                 "again at its next look (30 s), or restart it"
               : "the token file is not 64 hex digits: nobody can be let in; restart the server";
}

static int load_token(check *all, cordon_fault *fact)
{
    char          hex[CORDON__TOKEN_HEX];
    cordon__token token;
    int           code;

    uv_mutex_lock(&all->endpoint->lock);
    code = cordon__secret_load(all->endpoint->place, hex, sizeof hex, fact);
    uv_mutex_unlock(&all->endpoint->lock);
    if (code == CORDON_OK && !cordon__token_from_hex(&token, (cordon_bytes){hex, sizeof hex}))
        code = CORDON__MALFORMED_FILE;
    cordon__wipe(hex, sizeof hex);
    cordon__wipe(&token, sizeof token);
    return code;
}

/* Without a server it is no trouble: the next one writes a new one in its place. */
static void check_token(check *all)
{
    cordon_fault fact;
    int          code;

    cordon__fault_clear(&fact);
    if (!all->is_usable)
        return;
    code = load_token(all, &fact);
    all->has_token = code == CORDON_OK;
    if (code >= 0)
        say(all, code == CORDON_OK || !all->is_served ? CORDON_OK : CORDON_EUNAUTHORIZED,
            token_step, CORDON_TOKEN,
            code == CORDON_OK || all->is_served ? token_text(code)
            : code == CORDON__ABSENT            ? "not there: the next server writes one"
                                                : "malformed: the next server writes a new one");
    else if (all->is_served)
        tell_fact(&fact, all);
    else
        say(all, CORDON_OK, token_step, CORDON_TOKEN,
            "not as it must be (owner, mode or type): the next server writes a new one, unless a "
            "directory is in the way");
}

/* ---- locks -------------------------------------------------------------------------------- */

static void say_holder(check *all, const lock_seen *seen, enum cordon_place which)
{
    char         text[CORDON__HOLDER_TEXT];
    cordon_fault fact;

    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, CORDON_OK, lock_step,
                        cordon__place_path(all->endpoint->place, which), 0, 0, NULL);
    cordon__fault_text(
        &fact, "%s: %s%s", which == CORDON_LOCK ? "lifetime lock" : "startup lock",
        seen->code == CORDON__ABSENT ? "free, no file yet"
                                     : cordon__holder_text(text, &seen->holder),
        seen->holder.program[0] != '\0' ? " (program and time told by the file, not proven)" : "");
    tell_fact(&fact, all);
}

/* Somebody has the lock and nobody serves: it starts, it ends, or it stands in the way. */
static void say_obstacle(check *all, const lock_seen *seen, enum cordon_place which)
{
    const cordon__holder *holder = &seen->holder;
    const int             is_stopped = holder->life == CORDON__PROCESS_STOPPED;
    cordon_fault          fact;

    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, CORDON_EBUSY, lock_step,
                        cordon__place_path(all->endpoint->place, which), 0, 0, NULL);
    if (is_stopped)
        cordon__fault_text(&fact,
                           "pid %" PRIu64 " holds the %s lock and is stopped, so no server can "
                           "start: let it go on (kill -CONT %" PRIu64 "), or end it",
                           holder->pid, which == CORDON_LOCK ? "lifetime" : "startup", holder->pid);
    else if (which == CORDON_LOCK)
        cordon__fault_text(&fact,
                           "pid %" PRIu64 " holds the lifetime lock, but nobody answers: it is "
                           "starting or stopping, or its address was removed (it looks every 30 s) "
                           "or it hangs: then end it",
                           holder->pid);
    else
        cordon__fault_text(&fact,
                           "pid %" PRIu64 " holds the startup lock: a server is being started; "
                           "wait, or end that process if it hangs",
                           holder->pid);
    tell_fact(&fact, all);
}

static void check_lock(check *all, const lock_seen *seen, enum cordon_place which)
{
    if (seen->code < 0)
        tell_fact(&seen->fault, all);
    if (seen->code == CORDON_OK && seen->holder.is_held == 1 && !all->is_served &&
        all->answer == CORDON_ENOTRUNNING)
        say_obstacle(all, seen, which);
    if (seen->code >= 0 || seen->holder.pid != 0)
        say_holder(all, seen, which);
}

/* ---- the server itself ------------------------------------------------------------------ */

typedef struct about {
    int64_t version, uptime_ms, sessions, max_sessions, requests;
    char    program[160], instance[20];
} about;

static void read_about(about *out, cordon_bytes json)
{
    enum { VERSION, UPTIME, SESSIONS, MAX_SESSIONS, REQUESTS, PROGRAM, INSTANCE, MEMBERS };
    cordon__json_member members[MEMBERS] = {{"version", {NULL, 0}},  {"uptime_ms", {NULL, 0}},
                                            {"sessions", {NULL, 0}}, {"max_sessions", {NULL, 0}},
                                            {"requests", {NULL, 0}}, {"program", {NULL, 0}},
                                            {"instance", {NULL, 0}}};
    int64_t *numbers[] = {&out->version, &out->uptime_ms, &out->sessions, &out->max_sessions,
                          &out->requests};
    cordon__json_error error;

    memset(out, 0, sizeof *out);
    if (cordon__json_object(members, MEMBERS, json, CORDON__JSON_DEPTH, &error) != CORDON_OK)
        return;
    for (size_t i = 0; i < PROGRAM; i++)
        if (members[i].value.data == NULL || !cordon__json_is_integer(members[i].value, numbers[i]))
            *numbers[i] = 0;
    for (size_t i = PROGRAM; i < MEMBERS; i++) {
        char           *text = i == PROGRAM ? out->program : out->instance;
        const size_t    room = i == PROGRAM ? sizeof out->program : sizeof out->instance;
        const ptrdiff_t size = members[i].value.data == NULL
                                   ? -1
                                   : cordon__json_string(text, room - 1, members[i].value);

        text[size > 0 ? size : 0] = '\0';
    }
}

static void say_about(check *all, const about *server)
{
    cordon_fault fact;

    cordon__fault_clear(&fact);
    cordon__fault_found(&fact, CORDON_OK, "status",
                        cordon__place_path(all->endpoint->place, CORDON_ADDRESS), 0, 0, NULL);
    if (server->version != CORDON__WIRE_VERSION) {
        fact.code = CORDON_EVERSION;
        cordon__fault_text(&fact,
                           "a server of another version runs (pid %" PRIu64 "): it speaks version "
                           "%" PRId64 ", we %d; use the cordon it was built with, or stop it and "
                           "start yours",
                           all->pid, server->version, CORDON__WIRE_VERSION);
    } else if (server->max_sessions > 0 && server->sessions >= server->max_sessions) {
        fact.code = CORDON_EBUSY;
        cordon__fault_text(&fact,
                           "the server (pid %" PRIu64 ") has no room: %" PRId64 " of %" PRId64
                           " sessions; try again when one has left, or let it take more",
                           all->pid, server->sessions, server->max_sessions);
    } else {
        char what[CORDON__HOLDER_TEXT];

        snprintf(what, sizeof what,
                 "running: pid %" PRIu64 ", \"%s\", version %" PRId64 ", for %" PRId64
                 " ms, %" PRId64 " sessions, %" PRId64 " requests, instance %s",
                 all->pid, server->program, server->version, server->uptime_ms, server->sessions,
                 server->requests, server->instance);
        cordon__fault_reason(&fact, cordon_text(what));
    }
    tell_fact(&fact, all);
}

static void say_failure(check *all, const cordon_fault *why)
{
    cordon_fault fact = *why;
    char         text[CORDON__HOLDER_TEXT];

    if (why->code == CORDON_ETIMEDOUT)
        cordon__fault_text(
            &fact, "%s",
            blame(all, text, "took the connection but says nothing: it hangs, or is very busy"));
    else if (why->code == CORDON_EUNAUTHORIZED)
        cordon__fault_text(&fact,
                           "pid %" PRIu64 " serves it but does not accept the token that is here: "
                           "it is another server's; restart the server",
                           all->pid);
    else if (why->code == CORDON_EPROTOCOL)
        cordon__fault_text(&fact,
                           "pid %" PRIu64 " serves it but does not speak our protocol (%.100s): "
                           "end it, it is another program",
                           all->pid, why->text);
    tell_fact(&fact, all);
}

static int left_until(uint64_t deadline)
{
    const uint64_t now = cordon__now();

    return now < deadline ? (int)(deadline - now) : CORDON_AT_ONCE;
}

static void check_server(check *all)
{
    const uint64_t         deadline = cordon__now() + HELLO_MS;
    cordon_session_options how = CORDON_SESSION_OPTIONS_INIT;
    cordon_session        *session = NULL;
    cordon_fault           why;
    cordon_bytes           json;
    about                  server;
    int                    code;

    cordon__fault_clear(&why);
    how.flags = CORDON_CONTROL;
    how.timeout_ms = HELLO_MS;
    code = cordon_session_open(&session, all->endpoint, &how, &why);
    if (code == CORDON_OK)
        code = cordon_session_status(&json, session, left_until(deadline), &why);
    if (code == CORDON_OK) {
        read_about(&server, json);
        say_about(all, &server);
    } else {
        say_failure(all, &why);
    }
    cordon_session_close(session);
}

/* ---- all of it ------------------------------------------------------------------------------ */

int cordon_endpoint_check(cordon_endpoint *endpoint, cordon_step_fn on_fact, void *user)
{
    check all;

    if (endpoint == NULL)
        return CORDON_EINVAL;
    memset(&all, 0, sizeof all);
    all.endpoint = endpoint;
    all.on_fact = on_fact;
    all.user = user;
    see_lock(&all, &all.lock, CORDON_LOCK);
    see_lock(&all, &all.start, CORDON_START_LOCK);
    try_connect(&all);
    check_directory(&all);
    check_connection(&all);
    if (all.answer == CORDON_ENOTRUNNING)
        cordon__see(endpoint->place, CORDON__SEE_ROOM, tell_fact, &all);
    check_token(&all);
    check_lock(&all, &all.lock, CORDON_LOCK);
    check_lock(&all, &all.start, CORDON_START_LOCK);
    if (all.is_served && all.has_token)
        check_server(&all);
    else if (all.answer == CORDON_ENOTRUNNING)
        say(&all, CORDON_ENOTRUNNING, "connect", CORDON_ADDRESS,
            all.trouble == CORDON_OK ? "not running; nothing stands in the way of a start"
                                     : "not running");
    return all.trouble;
}
