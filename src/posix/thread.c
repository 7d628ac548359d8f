#include "../dialect.h"

#include <pthread.h>
#include <signal.h>
#include <uv.h>

#include "../platform.h"

/* What a fault of the thread's own code raises must reach it. */
static const int own_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};

/*
 * A new thread inherits the mask of the one that makes it: all is blocked for
 * that moment, so that no handler of the host ever runs on a thread of ours.
 */
int cordon__thread_start(void *thread, void (*run)(void *context), void *context,
                         cordon_fault *fault)
{
    sigset_t blocked;
    sigset_t before;
    int      code;

    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own_signals / sizeof own_signals[0]; i++)
        (void)sigdelset(&blocked, own_signals[i]);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    code = uv_thread_create(thread, run, context);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code == 0)
        return 0;
    return cordon__fault_os(fault, code == UV_ENOMEM ? CORDON_ENOMEM : CORDON_EBUSY, "start thread",
                            (uint32_t)-code, NULL);
}

uint64_t cordon__thread_self(void)
{
    return (uint64_t)(uintptr_t)pthread_self();
}
