#include "dialect.h"

#include "loop.h"

#include <stdio.h>

/* ---- Its end --------------------------------------------------------------- */

static void on_wake_closed(void *owner)
{
    cordon_loop *loop = owner;

    cordon__mail_drop(loop->mail);
    cordon__release(&cordon__libc, loop->desk.room);
    loop->has_ended = 1;
    if (loop->own == NULL && !loop->is_running)
        cordon__release(&cordon__libc, loop);
}

/* Nothing lives on it any more. */
static void finish(cordon_loop *loop)
{
    cordon__mail_close(loop->mail);
    cordon__wake_close(loop->wake, on_wake_closed);
}

static void begin_to_close(cordon_loop *loop)
{
    cordon__member *next;

    loop->is_closing = 1;
    if (loop->members == NULL) {
        finish(loop);
        return;
    }
    for (cordon__member *member = loop->members; member != NULL; member = next) {
        next = member->next;
        member->close(member);
    }
}

static void run_close(cordon__job *job)
{
    cordon_loop *loop = (cordon_loop *)(void *)((char *)job - offsetof(cordon_loop, close_job));

    begin_to_close(loop);
}

/* The loop's memory stays: libuv's lists lead through it, and the parent's are the same. */
static void abandon(cordon_loop *loop)
{
    for (cordon__member *member = loop->members; member != NULL; member = member->next)
        member->abandon(member);
}

void cordon_loop_close(cordon_loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->pid != cordon__pid()) {
        abandon(loop);
        return;
    }
    if (loop->own == NULL)
        cordon__wake_hold(loop->wake, 1); /* uv_run must not end before it has come */
    (void)cordon__mail_post(loop->mail, &loop->close_job);
    if (loop->own == NULL)
        return;
    uv_thread_join(&loop->thread);
    (void)uv_loop_close(loop->own);
    cordon__release(&cordon__libc, loop->own);
    cordon__release(&cordon__libc, loop);
}

/* ---- Its work -------------------------------------------------------------- */

static void on_wake(void *owner)
{
    cordon_loop *loop = owner;

    cordon__desk_enter(&loop->desk);
    cordon__mail_run(loop->mail);
    cordon__desk_leave(&loop->desk);
}

void cordon__loop_join(cordon_loop *loop, cordon__member *member)
{
    member->previous = NULL;
    member->next = loop->members;
    if (member->next != NULL)
        member->next->previous = member;
    loop->members = member;
}

void cordon__loop_leave(cordon_loop *loop, cordon__member *member)
{
    if (member->previous != NULL)
        member->previous->next = member->next;
    else
        loop->members = member->next;
    if (member->next != NULL)
        member->next->previous = member->previous;
    if (loop->is_closing && loop->members == NULL)
        finish(loop);
}

typedef struct errand {
    cordon__job job; /* first */
    void (*fn)(void *context);
    void    *context;
    uv_sem_t done;
} errand;

static void run_errand(cordon__job *job)
{
    errand *this_one = (errand *)job;

    this_one->fn(this_one->context);
    uv_sem_post(&this_one->done);
}

int cordon__loop_call(cordon_loop *loop, void (*fn)(void *context), void *context,
                      cordon_fault *fault)
{
    errand sent = {.job = {NULL, run_errand, 0}, .fn = fn, .context = context};
    int    code = 0;

    if (cordon__mail_is_home(loop->mail)) {
        fn(context);
        return 0;
    }
    if (loop->own == NULL) {
        (void)cordon__fault_set(fault, CORDON_EINVAL, "call on loop");
        cordon__fault_text(fault, "this is not the thread that opened the loop");
        return CORDON_EINVAL;
    }
    if (uv_sem_init(&sent.done, 0) != 0)
        return cordon__fault_set(fault, CORDON_ENOMEM, "call on loop");
    if (cordon__mail_post(loop->mail, &sent.job) == 0)
        uv_sem_wait(&sent.done);
    else
        code = cordon__fault_set(fault, CORDON_ECLOSED, "call on loop");
    uv_sem_destroy(&sent.done);
    return code;
}

/* ---- Its beginning --------------------------------------------------------- */

/* A libuv that is older than the headers we were built with lacks what they promise. */
static int check_libuv(cordon_fault *fault)
{
    if (uv_version() >= UV_VERSION_HEX)
        return 0;
    (void)cordon__fault_found(fault, CORDON_EUNSUPPORTED, "check libuv", NULL, UV_VERSION_HEX,
                              uv_version(), "the libuv that runs is older than the one built with");
    return CORDON_EUNSUPPORTED;
}

static int open_on(cordon_loop **loop, struct uv_loop_s *uv, cordon_fault *fault)
{
    cordon_loop *made = cordon__allocate(&cordon__libc, sizeof *made);
    int          code;

    if (made == NULL)
        return cordon__fault_set(fault, CORDON_ENOMEM, "open loop");
    made->uv = uv;
    made->pid = cordon__pid();
    made->close_job.run = run_close;
    made->desk.room = cordon__allocate(&cordon__libc, CORDON__DESK_ROOM);
    if (made->desk.room == NULL) {
        code = cordon__fault_set(fault, CORDON_ENOMEM, "open loop");
        goto fail;
    }
    code = cordon__mail_open(&made->mail, fault);
    if (code != 0)
        goto fail;
    code = cordon__wake_open(&made->wake, uv, on_wake, made, fault);
    if (code != 0) {
        cordon__mail_drop(made->mail);
        goto fail;
    }
    made->mail->wake = made->wake;
    *loop = made;
    return 0;
fail:
    cordon__release(&cordon__libc, made->desk.room);
    cordon__release(&cordon__libc, made);
    return code;
}

int cordon_loop_open_uv(cordon_loop **loop, struct uv_loop_s *uv, cordon_fault *fault)
{
    cordon_fault found = CORDON_FAULT_INIT;
    int          code;

    if (loop == NULL || uv == NULL)
        return cordon__fault_give(fault,
                                  (cordon__fault_set(&found, CORDON_EINVAL, "open loop"), &found));
    code = check_libuv(&found);
    if (code == 0)
        code = open_on(loop, uv, &found);
    return code == 0 ? 0 : cordon__fault_give(fault, &found);
}

static void run_thread(void *context)
{
    cordon_loop *loop = context;

    loop->mail->home = cordon__thread_self();
    loop->desk.may_stay = CORDON__STAY_ASK;
    uv_sem_post(&loop->started);
    (void)uv_run(loop->own, UV_RUN_DEFAULT);
}

static int start_thread(cordon_loop *loop, cordon_fault *fault)
{
    int code;

    if (uv_sem_init(&loop->started, 0) != 0)
        return cordon__fault_set(fault, CORDON_ENOMEM, "start thread");
    cordon__wake_hold(loop->wake, 1);
    code = cordon__thread_start(&loop->thread, run_thread, loop, fault);
    if (code == 0)
        uv_sem_wait(&loop->started);
    uv_sem_destroy(&loop->started);
    return code;
}

/* Not started: there is nobody to run the loop but us. */
static void undo_thread(cordon_loop *loop, uv_loop_t *own)
{
    loop->own = NULL;
    finish(loop);
    (void)uv_run(own, UV_RUN_DEFAULT);
}

static int open_thread(cordon_loop **loop, cordon_fault *fault)
{
    uv_loop_t   *own = cordon__allocate(&cordon__libc, sizeof *own);
    cordon_loop *made = NULL;
    int          code;

    if (own == NULL || uv_loop_init(own) != 0) {
        cordon__release(&cordon__libc, own);
        return cordon__fault_set(fault, CORDON_ENOMEM, "open loop");
    }
    code = open_on(&made, own, fault);
    if (made != NULL) {
        made->own = own;
        code = start_thread(made, fault);
        if (code != 0)
            undo_thread(made, own);
    }
    if (code != 0) {
        (void)uv_loop_close(own);
        cordon__release(&cordon__libc, own);
        return code;
    }
    *loop = made;
    return 0;
}

int cordon_loop_open_thread(cordon_loop **loop, cordon_fault *fault)
{
    cordon_fault found = CORDON_FAULT_INIT;
    int          code;

    if (loop == NULL)
        return cordon__fault_give(fault,
                                  (cordon__fault_set(&found, CORDON_EINVAL, "open loop"), &found));
    code = check_libuv(&found);
    if (code == 0)
        code = open_thread(loop, &found);
    return code == 0 ? 0 : cordon__fault_give(fault, &found);
}

/* ---- Running it ------------------------------------------------------------ */

/* Kinds that live by the loop's turns. */
static void find_by_turns(uv_handle_t *handle, void *found)
{
    const uv_handle_type kind = uv_handle_get_type(handle);

    if ((kind == UV_PREPARE || kind == UV_CHECK) && uv_is_active(handle))
        *(int *)found = 1;
}

int cordon_loop_run(cordon_loop *loop)
{
    struct uv_loop_s *uv;
    int               has_by_turns = 0;

    if (loop == NULL || loop->own != NULL || !cordon__mail_is_home(loop->mail) || loop->is_running)
        return CORDON_EINVAL;
    uv = loop->uv;
    uv_walk(uv, find_by_turns, &has_by_turns);
    loop->is_running = 1;
    loop->desk.may_stay = has_by_turns ? CORDON__STAY_NEVER : CORDON__STAY_ASK;
    (void)uv_run(uv, UV_RUN_DEFAULT);
    loop->is_running = 0;
    loop->desk.may_stay = CORDON__STAY_NEVER;
    if (loop->has_ended)
        cordon__release(&cordon__libc, loop);
    return CORDON_OK;
}
