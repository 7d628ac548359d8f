/*
 * The session of a client that waits: the public functions over one talk.
 */
#include "dialect.h"

#include "call.h"
#include "kept.h"
#include "start.h"

#include <string.h>

#define KEPT_MAX ((size_t)4 * 1024 * 1024)

struct cordon_session {
    cordon__talk       talk;
    cordon__kept       kept;     /* heard while something else was waited for */
    uint64_t           pid;      /* of the process that opened it */
    int                has_lost; /* an answer came and could not be kept: its request has run */
    cordon_message     message;
    cordon_peer        peer;
    cordon_server_info info;
};

/* ---- Opening ------------------------------------------------------------------------- */

static int read_options(cordon__asker_setup *setup, const cordon_start_options **start,
                        const cordon_session_options *options, uint64_t *deadline)
{
    const unsigned         flags = CORDON_NO_BINARY | CORDON_EVENTS | CORDON_CONTROL;
    cordon_session_options mine;

    if (cordon__options_read(&mine, sizeof mine, options) != CORDON_OK ||
        (mine.flags & ~flags) != 0 || !cordon__program_is_valid(mine.program) ||
        cordon__reply_limit(&setup->max_reply, mine.max_reply) != CORDON_OK)
        return CORDON_EINVAL;
    setup->is_json = (mine.flags & CORDON_NO_BINARY) != 0;
    setup->is_control = (mine.flags & CORDON_CONTROL) != 0;
    setup->wants_events = (mine.flags & CORDON_EVENTS) != 0;
    setup->features = mine.features;
    setup->program = mine.program;
    if (setup->is_json && setup->is_control)
        return CORDON_EINVAL; /* JSON lines have no status and no stop */
    *start = mine.start;
    return cordon__deadline(deadline, mine.timeout_ms,
                            mine.start != NULL ? CORDON__START_MS : CORDON__CALL_MS);
}

/* JSON lines know no hello: such a session is let in with its first request. */
static int enter(cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    int code = cordon__talk_connect(talk, deadline, fault);

    if (code != CORDON_OK || talk->asker.setup.is_json)
        return code;
    return cordon__talk_enter(talk, deadline, fault);
}

static void tell_server(cordon_session *session)
{
    const cordon__identity *peer = &session->talk.peer;
    const cordon__told     *told = &session->talk.asker.told;

    session->peer.known = peer->known;
    session->peer.uid = peer->uid;
    session->peer.gid = peer->gid;
    session->peer.pid = peer->pid;
    session->peer.sid = peer->sid[0] != '\0' ? peer->sid : NULL;
    session->peer.program = told->program[0] != '\0' ? told->program : NULL;
    session->info.peer = &session->peer;
    session->info.instance = told->instance;
}

static int connect_and_enter(cordon__talk *talk, uint64_t deadline, cordon_fault *fault)
{
    uint64_t pause_ms = 0;
    int      code;

    do {
        code = enter(talk, deadline, fault);
    } while (code != CORDON_OK &&
             cordon__talk_may_repeat(talk, &code, 0, &pause_ms, deadline, fault));
    return code;
}

/* Not connected yet; NULL: no memory. */
static cordon_session *make_session(cordon_endpoint *endpoint, const cordon__asker_setup *setup)
{
    cordon_session *session =
        (cordon_session *)cordon__allocate(&endpoint->memory, sizeof *session);

    if (session == NULL)
        return NULL;
    cordon__talk_open(&session->talk, endpoint, setup);
    cordon__kept_open(&session->kept, &endpoint->memory,
                      setup->max_reply > KEPT_MAX ? setup->max_reply : KEPT_MAX);
    session->pid = cordon__pid();
    return session;
}

static int open_session(cordon_session **out, cordon_endpoint *endpoint,
                        const cordon__asker_setup *setup, const cordon_start_options *start,
                        uint64_t deadline, cordon_fault *fault)
{
    cordon_session *session = make_session(endpoint, setup);
    int             is_ours = 0, code;

    if (session == NULL)
        return cordon__fault_set(fault, CORDON_ENOMEM, "hello");
    if (start != NULL)
        code = cordon__call_start(&session->talk, start, &is_ours, deadline, fault);
    else
        code = connect_and_enter(&session->talk, deadline, fault);
    session->talk.asker.setup.program = NULL; /* it was the caller's */
    if (code == CORDON_OK) {
        tell_server(session);
        session->info.is_started = is_ours;
        *out = session;
        return CORDON_OK;
    }
    fault->is_sent = 0;
    cordon__talk_close(&session->talk);
    cordon__release(&endpoint->memory, session);
    return code;
}

int cordon_session_open(cordon_session **session, cordon_endpoint *endpoint,
                        const cordon_session_options *options, cordon_fault *fault)
{
    cordon_fault                why;
    cordon__asker_setup         setup;
    const cordon_start_options *start = NULL;
    uint64_t                    deadline;
    int                         code;

    cordon__fault_clear(&why);
    if (session != NULL)
        *session = NULL;
    memset(&setup, 0, sizeof setup);
    if (session == NULL || endpoint == NULL ||
        read_options(&setup, &start, options, &deadline) != CORDON_OK)
        return cordon__misuse(fault, "hello", NULL);
    setup.memory = endpoint->memory;
    code = open_session(session, endpoint, &setup, start, deadline, &why);
    if (code != CORDON_OK)
        (void)cordon__fault_give(fault, &why);
    return code;
}

int cordon__session_over(cordon_session **out, const cordon__line *line,
                         const cordon__identity *peer, const cordon_session_options *options,
                         cordon_fault *fault)
{
    cordon__asker_setup         setup;
    const cordon_start_options *start = NULL;
    cordon_endpoint            *nowhere;
    uint64_t                    deadline;
    int                         code;

    memset(&setup, 0, sizeof setup);
    if (read_options(&setup, &start, options, &deadline) != CORDON_OK || start != NULL ||
        setup.is_json || setup.is_control)
        return cordon__fault_set(fault, CORDON_EINVAL, "session");
    setup.program = NULL; /* nobody is told */
    setup.memory = cordon__libc;
    code = cordon__endpoint_bare(&nowhere, &setup.memory, fault);
    if (code != CORDON_OK)
        return code;
    *out = make_session(nowhere, &setup);
    cordon_endpoint_close(nowhere);
    if (*out == NULL)
        return cordon__fault_set(fault, CORDON_ENOMEM, "session");
    (*out)->talk.line = *line;
    (*out)->talk.peer = *peer;
    cordon__asker_admit(&(*out)->talk.asker);
    tell_server(*out);
    return CORDON_OK;
}

void cordon_session_close(cordon_session *session)
{
    cordon__memory memory;

    if (session == NULL)
        return;
    memory = session->talk.asker.setup.memory;
    /* A goodbye, so that the server knows that we were not lost; a forked child has none to say. */
    if (session->pid == cordon__pid() && !session->talk.is_over)
        cordon__talk_tell(&session->talk, CORDON__FINISH, 0, (cordon_bytes){NULL, 0});
    cordon__kept_close(&session->kept);
    cordon__talk_close(&session->talk);
    cordon__release(&memory, session);
}

const cordon_server_info *cordon_session_server(const cordon_session *session)
{
    return session != NULL ? &session->info : NULL;
}

void cordon_session_interrupt(cordon_session *session)
{
    if (session != NULL)
        cordon__line_interrupt(&session->talk.line);
}

/* ---- Every call begins and ends alike --------------------------------------------------- */

CORDON__COLD static int may_not_ask(const cordon__talk *talk, cordon_fault *why)
{
    if (cordon__line_is_interrupted(&talk->line))
        cordon__fault_set(why, CORDON_ECANCELED, "send");
    else
        cordon__fault_found(why, CORDON_ECLOSED, "send", NULL, 0, 0,
                            talk->is_finished ? "the server is stopping" : "the session has ended");
    return cordon__talk_failed(talk, why->code, "send", why);
}

/* Views handed out end here. May something be asked? */
static int begin(cordon_session *session, cordon_fault *why)
{
    cordon__talk *talk = &session->talk;

    cordon__talk_settle(talk);
    cordon__kept_settle(&session->kept);
    talk->is_sent = 0;
    if (!cordon__line_is_interrupted(&talk->line) && !talk->is_over && !talk->is_mute &&
        !talk->is_finished)
        return CORDON_OK;
    return may_not_ask(talk, why);
}

static int finish(cordon_session *session, int code, cordon_fault *why, cordon_fault *fault)
{
    if (code == CORDON_OK)
        return CORDON_OK;
    if (cordon__line_is_interrupted(&session->talk.line))
        session->talk.is_over = 1;
    (void)cordon__fault_give(fault, why);
    return code;
}

static int keep(void *owner, const cordon__heard *heard, cordon_fault *fault)
{
    cordon_session *session = (cordon_session *)owner;
    int             code = cordon__kept_add(&session->kept, heard);

    if (code == CORDON_OK)
        return CORDON_OK;
    session->talk.is_over = 1;
    session->has_lost = 1;
    cordon__fault_found(fault, code, "receive", NULL, 0, 0, "too much came that nobody received");
    return cordon__talk_failed(&session->talk, code, "receive", fault);
}

/* A JSON session that has not spoken yet may have been closed for its silence: then it is
 * opened anew, once. There is one token to try, so it is read when the connection is there: then
 * it is that server's, or that server has gone. */
CORDON__COLD static int ask_first(cordon_session *session, uint32_t *id, cordon_bytes body,
                                  uint64_t deadline, cordon_fault *why)
{
    cordon__talk *talk = &session->talk;
    int           code = cordon__endpoint_secret(&talk->token, talk->endpoint, 1, NULL, why);

    if (code == CORDON_OK)
        code = cordon__talk_ask(talk, id, CORDON__REQUEST, body, 0, deadline, why);
    if (code != CORDON_ECLOSED || talk->has_begun || talk->spent != CORDON__NO_HANDLE)
        return code;
    code = cordon__talk_renew(talk, deadline, why);
    if (code == CORDON_OK)
        code = cordon__endpoint_secret(&talk->token, talk->endpoint, 1, NULL, why);
    if (code != CORDON_OK) {
        talk->is_over = 1;
        return code;
    }
    tell_server(session);
    return cordon__talk_ask(talk, id, CORDON__REQUEST, body, 0, deadline, why);
}

static int ask(cordon_session *session, uint32_t *id, enum cordon__frame_type type,
               cordon_bytes body, int is_gathered, uint64_t deadline, cordon_fault *why)
{
    cordon__talk *talk = &session->talk;
    int           code;

    if (talk->asker.setup.is_json && type == CORDON__REQUEST && !talk->has_begun)
        code = ask_first(session, id, body, deadline, why);
    else
        code = cordon__talk_ask(talk, id, type, body, is_gathered, deadline, why);
    if (code == CORDON_ECLOSED)
        return cordon__talk_learn(talk, code, keep, session, deadline, why);
    return code;
}

static int ask_and_wait(cordon_session *session, cordon_bytes *reply, enum cordon__frame_type type,
                        cordon_bytes body, uint64_t deadline, cordon_fault *why)
{
    uint32_t id = 0;
    int      code = begin(session, why);

    if (code == CORDON_OK)
        code = ask(session, &id, type, body, 0, deadline, why);
    if (code == CORDON_OK)
        code = cordon__talk_await(&session->talk, reply, id, keep, session, deadline, why);
    return code;
}

/* ---- Asking ------------------------------------------------------------------------------ */

static int read_call(uint64_t *deadline, unsigned *flags, unsigned allowed,
                     const cordon_call_options *options)
{
    cordon_call_options mine;

    if (cordon__options_read(&mine, sizeof mine, options) != CORDON_OK ||
        (mine.flags & ~allowed) != 0)
        return CORDON_EINVAL;
    *flags = mine.flags;
    return cordon__call_deadline(deadline, mine.timeout_ms);
}

int cordon_session_call(cordon_bytes *reply, cordon_session *session, cordon_bytes body,
                        const cordon_call_options *options, cordon_fault *fault)
{
    cordon_fault why;
    uint64_t     deadline;
    unsigned     flags;
    int          code;

    cordon__fault_clear(&why);
    if (reply == NULL || session == NULL || !cordon__body_is_valid(body) ||
        read_call(&deadline, &flags, CORDON_REPEATABLE, options) != CORDON_OK)
        return cordon__misuse(fault, "call", NULL);
    *reply = (cordon_bytes){NULL, 0};
    code = ask_and_wait(session, reply, CORDON__REQUEST, body, deadline, &why);
    return finish(session, code, &why, fault);
}

int cordon_session_send(uint32_t *id, cordon_session *session, cordon_bytes body,
                        const cordon_call_options *options, cordon_fault *fault)
{
    cordon_fault why;
    uint64_t     deadline;
    unsigned     flags = 0;
    uint32_t     mine = 0;
    int          code;

    cordon__fault_clear(&why);
    if (session == NULL || !cordon__body_is_valid(body) ||
        read_call(&deadline, &flags, CORDON_REPEATABLE | CORDON_GATHER, options) != CORDON_OK)
        return cordon__misuse(fault, "send", NULL);
    code = begin(session, &why);
    if (code == CORDON_OK)
        code = ask(session, &mine, CORDON__REQUEST, body, (flags & CORDON_GATHER) != 0, deadline,
                   &why);
    if (code == CORDON_OK && id != NULL)
        *id = mine;
    return finish(session, code, &why, fault);
}

int cordon_session_cancel(cordon_session *session, uint32_t id)
{
    if (session == NULL || id == 0)
        return CORDON_EINVAL;
    cordon__kept_drop(&session->kept, id);
    cordon__talk_abandon(&session->talk, id);
    return CORDON_OK;
}

/* ---- Receiving --------------------------------------------------------------------------- */

static int is_for_caller(const cordon__heard *heard)
{
    return heard->kind == CORDON__HEARD_PART || heard->kind == CORDON__HEARD_REPLY ||
           heard->kind == CORDON__HEARD_FAILURE || heard->kind == CORDON__HEARD_EVENT;
}

static int ended(cordon_session *session, cordon_fault *why)
{
    cordon__talk *talk = &session->talk;
    int code = cordon__line_is_interrupted(&talk->line) ? CORDON_ECANCELED : CORDON_ECLOSED;

    cordon__fault_found(why, code, "receive", NULL, 0, 0,
                        talk->is_finished ? "the server is stopping" : "the session has ended");
    talk->is_over = 1;
    return cordon__talk_failed(talk, code, "receive", why);
}

/* Can anything come at all? */
static int may_receive(cordon_session *session, cordon_fault *why)
{
    const cordon__talk *talk = &session->talk;
    size_t              waiting = cordon__asker_waiting(&talk->asker);

    if (talk->is_over || cordon__line_is_interrupted(&talk->line) ||
        (talk->is_finished && waiting == 0))
        return ended(session, why);
    if (waiting > 0 || talk->asker.setup.wants_events)
        return CORDON_OK;
    return cordon__fault_found(why, CORDON_EINVAL, "receive", NULL, 0, 0,
                               "nothing is in flight, and no events were asked for");
}

static int receive(cordon_session *session, uint64_t deadline, cordon_fault *why)
{
    cordon__talk *talk = &session->talk;
    cordon__heard heard;
    int           code;

    cordon__talk_settle(talk);
    cordon__kept_settle(&session->kept);
    /* If it ends now, they may have run. */
    talk->is_sent = cordon__asker_waiting(&talk->asker) > 0 || session->has_lost;
    if (cordon__kept_next(&session->kept, &session->message))
        return CORDON_OK;
    for (int round = 0;; round++) {
        if ((code = may_receive(session, why)) != CORDON_OK)
            return code;
        if (round > 0 && (code = cordon__talk_is_late(talk, deadline, why)) != CORDON_OK)
            return code;
        if ((code = cordon__talk_hear(talk, &heard, deadline, why)) != CORDON_OK)
            return code;
        if (is_for_caller(&heard))
            break;
        if (heard.kind == CORDON__HEARD_END || heard.kind == CORDON__HEARD_REFUSED)
            return cordon__talk_fault(talk, &heard, "session", why);
    }
    cordon__kept_message(&session->message, &heard, heard.body);
    return CORDON_OK;
}

int cordon_session_receive(const cordon_message **message, cordon_session *session, int timeout_ms,
                           cordon_fault *fault)
{
    cordon_fault why;
    uint64_t     deadline;
    int          code;

    cordon__fault_clear(&why);
    if (message == NULL || session == NULL ||
        cordon__call_deadline(&deadline, timeout_ms) != CORDON_OK)
        return cordon__misuse(fault, "receive", NULL);
    *message = NULL;
    code = receive(session, deadline, &why);
    if (code == CORDON_OK)
        *message = &session->message;
    return finish(session, code, &why, fault);
}

/* ---- Status and stop ----------------------------------------------------------------------- */

int cordon_session_status(cordon_bytes *json, cordon_session *session, int timeout_ms,
                          cordon_fault *fault)
{
    cordon_fault why;
    uint64_t     deadline;
    int          code;

    cordon__fault_clear(&why);
    if (json == NULL || session == NULL ||
        cordon__deadline(&deadline, timeout_ms, CORDON__CALL_MS) != CORDON_OK)
        return cordon__misuse(fault, "status", NULL);
    *json = (cordon_bytes){NULL, 0};
    code = ask_and_wait(session, json, CORDON__STATUS, (cordon_bytes){NULL, 0}, deadline, &why);
    return finish(session, code, &why, fault);
}

static int wait_until_gone(cordon_session *session, uint64_t deadline, cordon_fault *why)
{
    cordon__talk *talk = &session->talk;
    uint64_t      pause_ms = 0;

    while (!cordon__endpoint_has_left(talk->endpoint, &talk->token)) {
        if (cordon__line_is_interrupted(&talk->line))
            return ended(session, why);
        if (cordon__pause_grow(&pause_ms, deadline))
            continue;
        cordon__fault_found(why, CORDON_ETIMEDOUT, "stop", NULL, 0, 0,
                            "it agreed to stop, but its address or token is still there");
        return cordon__talk_failed(talk, CORDON_ETIMEDOUT, "stop", why);
    }
    return CORDON_OK;
}

int cordon_session_stop(cordon_session *session, int timeout_ms, cordon_fault *fault)
{
    cordon_fault why;
    cordon_bytes reply;
    uint64_t     deadline;
    int          code;

    cordon__fault_clear(&why);
    if (session == NULL || cordon__deadline(&deadline, timeout_ms, CORDON__CALL_MS) != CORDON_OK)
        return cordon__misuse(fault, "stop", NULL);
    code = ask_and_wait(session, &reply, CORDON__STOP, (cordon_bytes){NULL, 0}, deadline, &why);
    if (code == CORDON_OK) {
        cordon__talk_leave(&session->talk); /* a server that drains waits for its sessions */
        code = wait_until_gone(session, deadline, &why);
    }
    return finish(session, code, &why, fault);
}
