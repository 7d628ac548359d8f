/* Nothing of ours is open in a started program but what it was given. */
#include "start_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void check_four(const start_order *start, int is_null)
{
    assert_int_equal(start_count(start, "fd "), 4);
    assert_int_equal(start_count(start, "cloexec"), 0);
    for (int fd = 0; is_null && fd < 3; fd++)
        start_has_said(start, "fd %d: /dev/null ", fd);
    start_has_said(start, "fd 3: pipe ");
}

typedef struct leak {
    int fds[256];
    int count;
} leak;

static void leak_here(leak *all, int fd)
{
    assert_in_range(fd, 3, 1 << 20);
    all->fds[all->count++] = fd;
}

/* 200 that a careless host leaves open, low ones, and above any limit of select. */
static void leak_many(leak *all)
{
    struct rlimit limit;

    all->count = 0;
    for (int i = 0; i < 190; i++)
        leak_here(all, open("/dev/null", O_RDONLY));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 10; i++)
        leak_here(all, fcntl(0, F_DUPFD, limit.rlim_cur > 1100 ? 1050 + 3 * i : 210 + 2 * i));
}

static void leak_end(leak *all)
{
    while (all->count > 0)
        assert_int_equal(close(all->fds[--all->count]), 0);
}

static void program_has_four_descriptors_whatever_we_leak(void **state)
{
    kit        *it = *state;
    start_order start;
    leak        all;

    leak_many(&all);
    for (size_t i = 0; i < START_KINDS; i++) {
        start_tell(&start, it, start_kinds[i]);
        check_four(&start, (start_kinds[i] & (CORDON__QUIET | CORDON__DETACHED)) != 0);
    }
    leak_end(&all);
}

static int tell_in_a_wide_room(void *context)
{
    kit          *it = context;
    struct rlimit limit;
    start_order   start;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 1000000 ? limit.rlim_max : 1000000;
    SUPPORT_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    SUPPORT_CHECK(fcntl(0, F_DUPFD, (int)limit.rlim_cur - 1) > 0);
    limit.rlim_cur = 500; /* and some are above it */
    SUPPORT_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    start_tell(&start, it, CORDON__DETACHED);
    check_four(&start, 1);
    return 0;
}

static void huge_limit_of_descriptors_is_no_trouble(void **state)
{
    if (support_is_in_valgrind())
        SUPPORT_SKIP("valgrind has limits of its own");
    assert_int_equal(support_wait(support_fork(tell_in_a_wide_room, *state), SUPPORT_SOON), 0);
}

/* The handle at `at`, and then everything closed below. */
typedef struct seat {
    kit     *it;
    int      at;
    unsigned closed; /* bits: which of 0, 1, 2 */
    unsigned flags;
} seat;

static int tell_from_seat(void *context)
{
    const seat *on = context;
    start_order start;
    int         fds[2];

    SUPPORT_CHECK(pipe(fds) == 0);
    for (int i = 0; i < 2; i++) { /* out of the way of all seats */
        const int moved = fcntl(fds[i], F_DUPFD, 20);

        close(fds[i]);
        fds[i] = moved;
    }
    for (int fd = 0; fd < 3; fd++)
        if (on->closed & 1u << fd)
            close(fd);
    SUPPORT_CHECK(dup2(fds[1], on->at) == on->at);
    close(fds[1]);
    start_open(&start, START_WORDS("tell"), on->flags);
    start.order.handle = on->at;
    SUPPORT_CODE(start_try(&start, &on->it->fault), CORDON_OK, &on->it->fault);
    for (int fd = 0; fd < 3; fd++) /* nothing of ours has settled there, either */
        SUPPORT_CHECK(fd == on->at || !(on->closed & 1u << fd) || fcntl(fd, F_GETFD) < 0);
    SUPPORT_CHECK(fcntl(on->at, F_GETFD) == 0); /* it stays ours, and as it was */
    close(on->at);
    start.ready = fds[0];
    SUPPORT_CHECK(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    start_hear(&start);
    SUPPORT_CHECK(start_end(&start, on->it) == 0);
    for (int fd = 0; fd < 3; fd++)
        if (fd == on->at || on->closed & 1u << fd || on->flags)
            start_has_said(&start, "fd %d: /dev/null ", fd);
    start_has_said(&start, "fd 3: pipe ");
    SUPPORT_CHECK(start_count(&start, "fd ") == 4);
    return 0;
}

static void handle_may_be_anywhere_and_streams_may_be_closed(void **state)
{
    static const unsigned closed[] = {0, 1, 6, 7};

    for (int at = 0; at < 8; at++)
        for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
            for (size_t j = 0; j < START_KINDS; j++) {
                seat on = {*state, at, closed[i], start_kinds[j]};

                if (start_kinds[j] == CORDON__OUTLIVES_US)
                    on.flags = 0;
                assert_int_equal(support_wait(support_fork(tell_from_seat, &on), SUPPORT_SOON), 0);
            }
}

static int tell_with_close_on_exec(void *context)
{
    start_order start;

    for (int fd = 0; fd < 3; fd++)
        SUPPORT_CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
    start_tell(&start, context, 0);
    check_four(&start, 1);
    return 0;
}

static void stream_that_is_close_on_exec_is_not_given(void **state)
{
    assert_int_equal(support_wait(support_fork(tell_with_close_on_exec, *state), SUPPORT_SOON), 0);
}

static void what_it_starts_itself_has_three(void **state)
{
    kit        *it = *state;
    start_order start;
    leak        all;

    leak_many(&all);
    for (size_t i = 0; i < START_KINDS; i++) {
        start_open(&start, START_WORDS("hand-on", "list"), start_kinds[i]);
        start_run(&start, it);
        start_hear(&start);
        assert_int_equal(start_end(&start, it), 0);
        assert_string_equal(start.said, "has 0\nhas 1\nhas 2\nvariable: gone\n");
    }
    leak_end(&all);
}

static void without_a_handle_it_has_three(void **state)
{
    kit        *it = *state;
    char        log[SUPPORT_PATH], text[256] = "";
    start_order start;

    start_open(&start, START_WORDS("list"), CORDON__DETACHED);
    start.order.handle = open("/dev/null", O_RDONLY | O_CLOEXEC); /* as if one were given */
    close((int)start.order.handle);
    start.order.handle = CORDON__NO_HANDLE;
    start.order.variable = NULL;
    start.order.log = support_join(log, it->root, "log");
    {
        const cordon__trace none = {NULL, NULL};

        SUPPORT_CODE(cordon__spawn(&start.child, &start.order, &cordon__libc, &none, &it->fault),
                     CORDON_OK, &it->fault);
    }
    assert_int_equal(start_end(&start, it), 0);
    assert_true(support_read(log, text, sizeof text - 1) > 0);
    assert_string_equal(text, "has 0\nhas 1\nhas 2\nvariable: gone\n");
}

/* ---- where the kernel has less ---- */

/* From here on these calls fail as they do where they are not known. */
static void forget_calls(int knows_proc)
{
#define CALL(number)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1)
#define ANSWER(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ARGUMENT_0    (offsetof(struct seccomp_data, args[0]) + LOW_HALF)
#define LOW_HALF      (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        CALL(SYS_close_range),
        ANSWER(ENOSYS),
        CALL(SYS_pidfd_send_signal),
        ANSWER(ENOSYS),
        CALL(knows_proc ? SYS_close_range : SYS_getdents64),
        ANSWER(ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT_0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1000, 0, 1), /* CLONE_PIDFD */
        ANSWER(EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof steps[0], steps};

    SUPPORT_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    SUPPORT_CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static int tell_on_an_old_kernel(void *context)
{
    const seat *on = context;
    start_order start;
    leak        all;

    leak_many(&all);
    forget_calls(on->at);
    for (size_t i = 0; i < START_KINDS; i++) {
        start_open(&start, START_WORDS("hand-on", "list"), start_kinds[i]);
        start_run(&start, on->it);
        start_hear(&start);
        SUPPORT_CHECK(start_end(&start, on->it) == 0);
        SUPPORT_CHECK(strcmp(start.said, "has 0\nhas 1\nhas 2\nvariable: gone\n") == 0);
        start_open(&start, START_WORDS("wait"), start_kinds[i]);
        start_run(&start, on->it);
        start_hear_line(&start);
        cordon__child_end(start.child, 1);
        SUPPORT_CHECK(start_end(&start, on->it) == 128 + SIGTERM);
    }
    return 0;
}

static void old_kernels_do_as_well(void **state)
{
    if (support_is_in_valgrind())
        SUPPORT_SKIP("valgrind is a kernel of its own");
    for (int knows_proc = 1; knows_proc >= 0; knows_proc--) {
        seat on = {*state, knows_proc, 0, 0};

        assert_int_equal(support_wait(support_fork(tell_on_an_old_kernel, &on), SUPPORT_SOON), 0);
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(program_has_four_descriptors_whatever_we_leak),
        kit_test(huge_limit_of_descriptors_is_no_trouble),
        kit_test(handle_may_be_anywhere_and_streams_may_be_closed),
        kit_test(stream_that_is_close_on_exec_is_not_given),
        kit_test(what_it_starts_itself_has_three),
        kit_test(without_a_handle_it_has_three),
        kit_test(old_kernels_do_as_well),
    };
    const int played = start_play(count, arguments, NULL);

    return played >= 0 ? played : cmocka_run_group_tests(tests, NULL, NULL);
}
