#include "dialect.h"

#include "server.h"

#include "ready.h"

/* ---- Service --------------------------------------------------------------- */

void cordon__server_tell_turns(cordon_server *server)
{
    cordon__requests_turn(&server->requests);
    if (server->requests.turns != NULL)
        (void)cordon__mail_post(server->mail, &server->turn_job);
}

void cordon__server_has_turns(cordon_server *server)
{
    if (server->service == 0)
        (void)cordon__mail_post(server->mail, &server->turn_job);
}

static cordon_server *server_of(cordon__job *job, size_t offset)
{
    return (cordon_server *)(void *)((char *)job - offset);
}

static void run_turns(cordon__job *job)
{
    cordon_server *server = server_of(job, offsetof(cordon_server, turn_job));

    cordon__server_enter(server);
    cordon__server_leave(server);
}

/* ---- Its end --------------------------------------------------------------- */

static void release(cordon_server *server)
{
    cordon__memory memory = server->host.memory;
    cordon__mail  *mail = server->mail;

    cordon__release(&memory, server->program);
    cordon__release(&memory, server);
    cordon__mail_drop(mail);
}

/*
 * From the moment that it has ended, another thread's cordon_server_close may
 * free it: all that others could still post is taken back in that same moment.
 */
static void on_timer_closed(void *owner)
{
    cordon_server       *server = owner;
    cordon__memory       memory = server->host.memory;
    cordon__mail        *mail = server->mail;
    struct cordon__push *pushes;
    int                  is_released;

    server->state = CORDON__SERVER_ENDED;
    cordon__requests_close(&server->requests, &memory);
    cordon__spares_free(&server->host.spares, &memory);
    cordon__claim_release(&server->claim);
    if (server->options.on_closed != NULL)
        server->options.on_closed(server->options.user);
    cordon__mail_use(mail);
    cordon__loop_leave(server->loop, &server->member);
    cordon__mail_lock(mail);
    cordon__mail_withdraw(mail, &server->turn_job);
    cordon__mail_withdraw(mail, &server->close_job);
    cordon__mail_withdraw(mail, &server->push_job);
    pushes = server->pushes;
    server->pushes = NULL;
    server->has_ended = 1;
    is_released = server->is_released;
    cordon__mail_unlock(mail);
    cordon__pushes_free(pushes, &memory);
    if (is_released)
        release(server);
    cordon__mail_drop(mail);
}

void cordon__server_settle(cordon_server *server)
{
    cordon__timer *timer = server->timer;

    if (server->state != CORDON__SERVER_STOPPING || server->is_listening ||
        server->strangers.count + server->members.count > 0 || timer == NULL)
        return;
    server->timer = NULL;
    cordon__timer_close(timer, on_timer_closed);
}

static void on_listener_closed(void *owner)
{
    cordon_server *server = owner;

    server->is_listening = 0;
    cordon__server_settle(server);
}

static void finish_sessions(cordon__sessions *list)
{
    for (cordon__session *session = list->first; session != NULL; session = session->next)
        cordon__session_finish(session);
}

/*
 * The address goes first, so that no newcomer is lost to us; who is in the
 * backlog hears that we stop; the answers under way go out until the drain
 * time; token and lock go last.
 */
void cordon__server_stop(cordon_server *server)
{
    cordon__listener *listener = server->claim.listener;

    if (server->state != CORDON__SERVER_OPEN)
        return;
    cordon__server_enter(server);
    server->state = CORDON__SERVER_STOPPING;
    server->host.is_stopping = 1;
    server->drain_due = cordon__now() + (uint64_t)server->options.drain_ms;
    server->accept_due = server->look_due = server->idle_due = CORDON__NEVER;
    cordon__server_due(server, server->drain_due);
    cordon__claim_withdraw(&server->claim);
    if (listener != NULL)
        cordon__door_empty(server, listener);
    cordon__door_wake(server);
    server->claim.listener = NULL;
    cordon__listener_close(listener, server->is_deaf ? NULL : on_listener_closed);
    finish_sessions(&server->strangers);
    finish_sessions(&server->members);
    if (server->is_deaf)
        on_listener_closed(server);
    cordon__server_leave(server);
}

static void run_close(cordon__job *job)
{
    cordon__server_stop(server_of(job, offsetof(cordon_server, close_job)));
}

/* Under the lock. */
static void put_close(cordon_server *server)
{
    CORDON__FLAG_SET(server->is_asked_to_stop);
    (void)cordon__mail_put(server->mail, &server->close_job);
}

void cordon__server_ask_to_stop(cordon_server *server)
{
    cordon__mail_lock(server->mail);
    put_close(server);
    cordon__mail_unlock(server->mail);
}

static void close_member(cordon__member *member)
{
    cordon_server *server =
        (cordon_server *)(void *)((char *)member - offsetof(cordon_server, member));

    cordon__server_ask_to_stop(server);
}

/* In a child that did not exec: what is the child's is descriptors, and they go. */
static void abandon(cordon_server *server)
{
    if (server->has_ended)
        return;
    server->has_ended = 1;
    for (cordon__session *at = server->strangers.first; at != NULL; at = at->next)
        cordon__session_abandon(at);
    for (cordon__session *at = server->members.first; at != NULL; at = at->next)
        cordon__session_abandon(at);
    if (server->claim.listener != NULL)
        cordon__listener_close(server->claim.listener, NULL);
    server->claim.listener = NULL;
    cordon__timer_close(server->timer, NULL);
    server->timer = NULL;
    cordon__claim_release(&server->claim);
}

static void abandon_member(cordon__member *member)
{
    abandon((cordon_server *)(void *)((char *)member - offsetof(cordon_server, member)));
}

void cordon_server_close(cordon_server *server)
{
    int has_ended;

    if (server == NULL)
        return;
    if (server->pid != cordon__pid()) {
        abandon(server);
        return;
    }
    cordon__mail_lock(server->mail);
    server->is_released = 1;
    has_ended = server->has_ended;
    if (!has_ended)
        put_close(server);
    cordon__mail_unlock(server->mail);
    if (has_ended)
        release(server);
}

/* ---- Its beginning --------------------------------------------------------- */

static void fill_host(cordon_server *server, cordon_endpoint *endpoint)
{
    cordon__host                *host = &server->host;
    const cordon_server_options *options = &server->options;

    host->events = &cordon__server_events;
    host->owner = server;
    host->desk = &server->loop->desk;
    host->peer_flags = endpoint != NULL ? endpoint->flags : 0;
    host->own = endpoint != NULL ? endpoint->own : cordon__peer_own();
    host->rules.flags = options->flags;
    host->rules.max_request = options->max_request;
    host->rules.token = server->claim.token;
    host->welcome.features = 0xFFFF0001u;
    host->welcome.max_payload = (uint32_t)options->max_request;
    host->welcome.pid = (uint32_t)cordon__pid();
    host->welcome.program = cordon_text(server->program);
    host->max_queued = options->max_queued;
    host->max_queued_all = options->max_queued_all;
    host->max_partial = options->max_partial;
    host->hello_ms = options->hello_ms;
    host->write_ms = options->write_ms;
    host->stall_ms = options->stall_ms;
    host->drain_ms = options->drain_ms;
}

typedef struct opening {
    cordon_server *server;
    cordon_fault  *fault;
    int            code;
} opening;

/* Without an endpoint it is like one that hears nothing at its address: who comes, comes by a
 * channel. */
static int attach(cordon_server *server, cordon_fault *fault)
{
    if (server->claim.listener != NULL)
        return cordon__listener_attach(server->claim.listener, server->loop->uv,
                                       cordon__door_waiting, server, fault);
    server->is_deaf = 1;
    return CORDON_OK;
}

static void open_on_loop(void *context)
{
    opening       *wanted = context;
    cordon_server *server = wanted->server;
    cordon_loop   *loop = server->loop;

    if (loop->is_closing) { /* it waits for its servers to end, not for new ones */
        wanted->code = cordon__fault_set(wanted->fault, CORDON_ECLOSED, "open server");
        return;
    }
    wanted->code =
        cordon__timer_open(&server->timer, loop->uv, cordon__server_tick, server, wanted->fault);
    if (wanted->code != 0)
        return;
    wanted->code = attach(server, wanted->fault);
    if (wanted->code != 0) {
        cordon__timer_close(server->timer, NULL);
        return;
    }
    server->is_listening = 1;
    cordon__loop_join(loop, &server->member);
    if (server->options.look_ms >= 0 && server->claim.endpoint != NULL) {
        server->look_due = cordon__now() + (uint64_t)server->options.look_ms;
        cordon__server_due(server, server->look_due);
    }
    server->is_awaited = server->claim.endpoint != NULL && cordon__ready_say(NULL) == 0;
    cordon__idle_begin(server);
}

static int prepare(cordon_server *server, cordon_loop *loop, const cordon__memory *memory,
                   cordon_fault *fault)
{
    const char *program = server->options.program != NULL ? server->options.program : "";

    server->loop = loop;
    server->pid = cordon__pid();
    server->mail = loop->mail;
    cordon__mail_use(server->mail);
    server->host.memory = *memory;
    server->timer_due = server->accept_due = server->look_due = CORDON__NEVER;
    server->drain_due = server->resting_due = server->host.trim_due = CORDON__NEVER;
    server->idle_due = CORDON__NEVER;
    server->member.close = close_member;
    server->member.abandon = abandon_member;
    server->close_job.run = run_close;
    server->turn_job.run = run_turns;
    server->push_job.run = cordon__server_run_pushes;
    server->started_at = cordon__now();
    server->program = cordon__copy_text(memory, program);
    if (server->program == NULL)
        return cordon__fault_set(fault, CORDON_ENOMEM, "open server");
    while (server->host.welcome.instance == 0) {
        int code = cordon__random(&server->host.welcome.instance, 8, fault);

        if (code != 0)
            return code;
    }
    return 0;
}

static int claim(cordon_server *server, cordon_endpoint *endpoint, cordon_fault *fault)
{
    uint64_t deadline;
    int      code;

    if (endpoint == NULL)
        return CORDON_OK;
    code = cordon__deadline(&deadline,
                            server->options.lock_ms > 0   ? server->options.lock_ms
                            : server->options.lock_ms < 0 ? CORDON_FOREVER
                                                          : CORDON_AT_ONCE,
                            0);
    if (code != 0)
        return cordon__fault_set(fault, code, "check options");
    if (server->options.listener != 0 && server->options.listener != CORDON_NO_HANDLE)
        return cordon__claim_adopt(&server->claim, endpoint, server->options.listener,
                                   server->options.backlog, deadline, fault);
    return cordon__claim_open(&server->claim, endpoint, server->options.backlog,
                              server->options.flags, deadline, fault);
}

static int open_server(cordon_server *server, cordon_loop *loop, cordon_endpoint *endpoint,
                       const cordon__memory *memory, cordon_fault *fault)
{
    opening wanted = {server, fault, 0};
    int     code = prepare(server, loop, memory, fault);

    if (code == 0)
        code = claim(server, endpoint, fault);
    if (code != 0)
        return code;
    fill_host(server, endpoint);
    code = cordon__loop_call(loop, open_on_loop, &wanted, fault);
    if (code == 0)
        code = wanted.code;
    if (code != 0) {
        cordon__claim_withdraw(&server->claim);
        cordon__claim_release(&server->claim);
    }
    return code;
}

int cordon_inherited_listener(cordon_handle *listener, const char *name, cordon_fault *fault)
{
    cordon_fault found = CORDON_FAULT_INIT;
    int          code;

    if (listener == NULL)
        return cordon__misuse(fault, "find listener", NULL);
    *listener = CORDON_NO_HANDLE;
    code = cordon__listener_given(listener, name, &found);
    return code == CORDON_OK ? code : cordon__fault_give(fault, &found);
}

int cordon_server_open(cordon_server **server, cordon_loop *loop, cordon_endpoint *endpoint,
                       cordon_request_fn on_request, const cordon_server_options *options,
                       cordon_fault *fault)
{
    cordon_fault          found = CORDON_FAULT_INIT;
    cordon_server_options checked;
    cordon__memory        memory = endpoint != NULL ? endpoint->memory : cordon__libc;
    cordon_server        *made;
    int                   code;

    if (server == NULL || loop == NULL || on_request == NULL) {
        (void)cordon__fault_set(&found, CORDON_EINVAL, "check arguments");
        return cordon__fault_give(fault, &found);
    }
    *server = NULL;
    code = cordon__server_options(&checked, options, &found);
    if (code != 0)
        return cordon__fault_give(fault, &found);
    made = cordon__allocate(&memory, sizeof *made);
    if (made == NULL) {
        (void)cordon__fault_set(&found, CORDON_ENOMEM, "open server");
        return cordon__fault_give(fault, &found);
    }
    made->options = checked;
    made->on_request = on_request;
    code = open_server(made, loop, endpoint, &memory, &found);
    if (code != 0) {
        if (endpoint != NULL)
            (void)cordon__ready_say(&found);
        release(made);
        return cordon__fault_give(fault, &found);
    }
    *server = made;
    return CORDON_OK;
}
