/* What ends with us and what goes on, on Windows: jobs. */
#include "win32_start.h"

/* ---- what the started ones do ---------------------------------------------------------------- */

/* Until the event of this name is set. */
static int stay(int count, wchar_t **arguments)
{
    HANDLE over;

    SUPPORT_CHECK(count == 1);
    over = OpenEventW(SYNCHRONIZE, FALSE, arguments[0]);
    SUPPORT_CHECK(over != NULL);
    (void)start_handle();
    WaitForSingleObject(over, SUPPORT_SOON);
    return 0;
}

/* Starts one that stays, which has our end of the pipe then, and says the code. */
static void start_other(cordon__child **child, unsigned flags, const char *event)
{
    const char         *words[] = {"stay", event, NULL};
    const cordon__trace trace = {NULL, NULL};
    cordon_fault        fault = CORDON_FAULT_INIT;
    start_order         start;
    char                text[2] = {0, 0};

    start_open(&start, words, flags);
    start.order.handle = start_handle();
    text[0] = (char)('0' - cordon__spawn(child, &start.order, &cordon__libc, &trace, &fault));
    cordon__ready_write(start.order.handle, text, 1);
}

/* From here on all that it starts is in a job that ends with it. */
static void enter_job(DWORD limits)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit;
    const HANDLE                         job = CreateJobObjectW(NULL, NULL);

    memset(&limit, 0, sizeof limit);
    limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | limits;
    SUPPORT_CHECK(
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit));
    SUPPORT_CHECK(AssignProcessToJobObject(job, GetCurrentProcess()));
}

/* Flags, the event, its own end (it dies, waits, or closes the other and ends), and its job's
 * limits. */
static int start_and_go(int count, wchar_t **arguments)
{
    cordon__child *child = NULL;
    char           event[100];

    SUPPORT_CHECK(count >= 3);
    for (int n = 3; n < count; n++)
        enter_job(wcstoul(arguments[n], NULL, 10));
    snprintf(event, sizeof event, "%ls", arguments[1]);
    start_other(&child, (unsigned)wcstoul(arguments[0], NULL, 10), event);
    if (wcscmp(arguments[2], L"dies") == 0)
        support_end_self();
    if (wcscmp(arguments[2], L"waits") == 0)
        Sleep(SUPPORT_SOON);
    if (wcscmp(arguments[2], L"closes") == 0)
        cordon__child_close(child);
    return 0;
}

static const start_part parts[] = {{"stay", stay}, {"between", start_and_go}, {NULL, NULL}};

/* ---- in the test -------------------------------------------------------------------------------
 */

typedef struct stage {
    kit        *it;
    HANDLE      over; /* set: the one that stays ends */
    char        event[100];
    start_order between;
} stage;

/* jobs: numbers in words, the outer one's first; NULL: none. */
static void stage_open(stage *on, kit *it, unsigned flags, const char *its_end,
                       const char *const jobs[2])
{
    char        number[16];
    const char *words[] = {
        "between", number, on->event, its_end, jobs ? jobs[0] : NULL, jobs ? jobs[1] : NULL, NULL};

    on->it = it;
    snprintf(number, sizeof number, "%u", flags);
    snprintf(on->event, sizeof on->event, "cordon-%s", support_name_of(it->root));
    on->over = CreateEventW(NULL, TRUE, FALSE, support_wide(on->event));
    assert_non_null(on->over);
    start_open(&on->between, words, CORDON__QUIET | CORDON__OUTLIVES_US);
    start_run(&on->between, it);
}

/* What it says of the start of the other: the code. */
static int stage_code(stage *on)
{
    const uint64_t end = support_now() + SUPPORT_SOON;
    char           byte = '?';
    size_t         got = 0;

    while (cordon__ready_read(on->between.ready, &byte, 1, &got) == CORDON__AGAIN &&
           support_now() < end)
        support_pause(2);
    assert_int_equal(got, 1);
    return '0' - byte;
}

static void await_between(stage *on)
{
    int status;

    SUPPORT_CODE(cordon__child_wait(on->between.child, &status, cordon__now() + SUPPORT_SOON,
                                    &on->it->fault),
                 CORDON_OK, &on->it->fault);
}

/* The one that was in between is gone. 1: the other is still there. */
static int stage_goes_on(stage *on)
{
    await_between(on);
    return !start_is_silent(&on->between, 100);
}

/* The one that was in between is gone, and so is the other, at the latest soon. */
static int stage_ends(stage *on)
{
    await_between(on);
    return start_is_silent(&on->between, SUPPORT_SOON);
}

/* Whoever is still there ends now. */
static void stage_close(stage *on)
{
    SetEvent(on->over);
    assert_true(start_is_silent(&on->between, SUPPORT_SOON));
    CloseHandle(on->over);
    (void)start_end(&on->between, on->it);
}

static void child_ends_with_its_parent(void **state)
{
    static const char *const ends[] = {"dies", "ends", "closes"};

    for (int n = 0; n < 3; n++) {
        stage on;

        stage_open(&on, *state, CORDON__QUIET, ends[n], NULL);
        assert_int_equal(stage_code(&on), CORDON_OK);
        assert_true(start_is_silent(&on.between, SUPPORT_SOON)); /* nobody has set the event */
        stage_close(&on);
    }
}

static void who_was_let_go_goes_on(void **state)
{
    static const struct {
        unsigned    flags;
        const char *its_end;
    } rows[] = {{CORDON__QUIET | CORDON__OUTLIVES_US, "dies"},
                {CORDON__OUTLIVES_US, "closes"},
                {CORDON__DETACHED, "dies"},
                {CORDON__DETACHED, "closes"}};

    for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
        stage on;

        stage_open(&on, *state, rows[n].flags, rows[n].its_end, NULL);
        assert_int_equal(stage_code(&on), CORDON_OK);
        assert_true(stage_goes_on(&on));
        stage_close(&on);
    }
}

/* ---- in a job ---------------------------------------------------------------------------------
 */

#define KEEPS  "0"
#define ASKED  "2048" /* JOB_OBJECT_LIMIT_BREAKAWAY_OK: who asks may leave */
#define SILENT "4096" /* JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK: none is in it */

static void detached_program_leaves_a_job_that_lets_it(void **state)
{
    static const char *const jobs[][2] = {{ASKED, NULL}, {SILENT, NULL}, {ASKED, ASKED}};

    for (int n = 0; n < 3; n++) {
        stage on;

        stage_open(&on, *state, CORDON__DETACHED, "dies", jobs[n]);
        assert_int_equal(stage_code(&on), CORDON_OK);
        assert_true(stage_goes_on(&on));
        stage_close(&on);
    }
}

static void job_that_keeps_all_is_elaunch(void **state)
{
    static const char *const jobs[][2] = {{KEEPS, NULL}, {KEEPS, ASKED}, {ASKED, KEEPS}};

    for (int n = 0; n < 3; n++) {
        stage on;

        stage_open(&on, *state, CORDON__DETACHED, "dies", jobs[n]);
        assert_int_equal(stage_code(&on), CORDON_ELAUNCH);
        assert_true(stage_ends(&on)); /* nothing was left behind */
        stage_close(&on);
    }
}

static void program_that_may_stay_in_the_job_ends_with_it(void **state)
{
    static const char *const keeps[] = {KEEPS, NULL}, *const lets[] = {ASKED, NULL};
    stage on;

    stage_open(&on, *state, CORDON__DETACHED | CORDON__KEEPS_JOB, "dies", keeps);
    assert_int_equal(stage_code(&on), CORDON_OK);
    assert_true(stage_ends(&on));
    stage_close(&on);
    stage_open(&on, *state, CORDON__DETACHED | CORDON__KEEPS_JOB, "dies", lets);
    assert_int_equal(stage_code(&on), CORDON_OK);
    assert_true(stage_goes_on(&on));
    stage_close(&on);
}

static void child_ends_with_its_parent_in_any_job(void **state)
{
    static const char *const jobs[][2] = {{KEEPS, NULL}, {ASKED, NULL}, {SILENT, NULL}};

    for (int n = 0; n < 3; n++) {
        stage on;

        stage_open(&on, *state, CORDON__QUIET, "dies", jobs[n]);
        assert_int_equal(stage_code(&on), CORDON_OK);
        assert_true(start_is_silent(&on.between, SUPPORT_SOON));
        stage_close(&on);
    }
}

/* What a child of ours has started ends with it when we end it; what it has detached does not. */
static void end_of_a_child_is_the_end_of_what_it_started(void **state)
{
    kit *it = *state;

    for (int is_detached = 0; is_detached < 2; is_detached++) {
        char        event[100], number[16];
        const char *words[] = {"between", number, event, "waits", NULL};
        start_order start;
        HANDLE      over;
        char        byte = '?';
        size_t      got = 0;

        snprintf(event, sizeof event, "cordon-%s", support_name_of(it->root));
        over = CreateEventW(NULL, TRUE, FALSE, support_wide(event));
        snprintf(number, sizeof number, "%u", is_detached ? CORDON__DETACHED : CORDON__OUTLIVES_US);
        start_open(&start, words, CORDON__QUIET);
        start_run(&start, it);
        while (cordon__ready_read(start.ready, &byte, 1, &got) == CORDON__AGAIN)
            support_pause(2);
        assert_int_equal(byte, '0');
        cordon__child_end(start.child, 0);
        if (is_detached)
            assert_false(start_is_silent(&start, 100));
        else
            assert_true(start_is_silent(&start, SUPPORT_SOON));
        SetEvent(over);
        assert_true(start_is_silent(&start, SUPPORT_SOON));
        CloseHandle(over);
        assert_int_equal(start_end(&start, it), SUPPORT_KILLED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(child_ends_with_its_parent),
        kit_test(who_was_let_go_goes_on),
        kit_test(detached_program_leaves_a_job_that_lets_it),
        kit_test(job_that_keeps_all_is_elaunch),
        kit_test(program_that_may_stay_in_the_job_ends_with_it),
        kit_test(child_ends_with_its_parent_in_any_job),
        kit_test(end_of_a_child_is_the_end_of_what_it_started),
    };
    const int played = start_play(parts);

    return played >= 0 ? played : cmocka_run_group_tests(tests, NULL, NULL);
}
