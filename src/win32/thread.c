#include "../dialect.h"

#include <windows.h>

#include <uv.h>

#include "../platform.h"

int cordon__thread_start(void *thread, void (*run)(void *context), void *context,
                         cordon_fault *fault)
{
    int code = uv_thread_create(thread, run, context);

    if (code == 0)
        return 0;
    return cordon__fault_os(fault, code == UV_ENOMEM ? CORDON_ENOMEM : CORDON_EBUSY, "start thread",
                            (uint32_t)-code, NULL);
}

/* libuv's own answer to this is a handle that stays open for every thread that ever asked. */
uint64_t cordon__thread_self(void)
{
    return GetCurrentThreadId();
}
