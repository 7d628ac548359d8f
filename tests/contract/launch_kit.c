#include "launch_kit.h"

#include <uv.h>

const unsigned launch_kinds[LAUNCH_KINDS] = {0, CORDON__QUIET, CORDON__OUTLIVES_US,
                                             CORDON__DETACHED};

int launch_goes_on(size_t kind)
{
    return (launch_kinds[kind] & (CORDON__OUTLIVES_US | CORDON__DETACHED)) != 0;
}

int launch_has_gone(void *pid)
{
    return uv_kill(*(int *)pid, 0) != 0;
}

/* ---- in the started program --------------------------------------------------------- */

static intptr_t take_handle(void)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    char         word[33];
    intptr_t     handle = CORDON__NO_HANDLE;

    SUPPORT_CODE(cordon__inherit(&handle, word, "CORDON_READY", &fault), CORDON_OK, &fault);
    return handle;
}

static void say(const char *text)
{
    cordon__ready_write(take_handle(), text, strlen(text));
}

static int arguments_part(int count, char **arguments)
{
    char   text[LAUNCH_ROOM] = "";
    size_t used = 0;

    for (int n = 0; n < count; n++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", arguments[n]);
    say(text);
    return 0;
}

static int environment_part(int count, char **arguments)
{
    char     text[LAUNCH_ROOM] = "";
    size_t   used = 0;
    intptr_t handle = take_handle();

    for (int n = 0; n < count; n++) {
        char   value[256];
        size_t size = sizeof value;

        if (uv_os_getenv(arguments[n], value, &size) == 0)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s=%s\n", arguments[n], value);
        else
            used += (size_t)snprintf(text + used, sizeof text - used, "%s gone\n", arguments[n]);
    }
    cordon__ready_write(handle, text, used);
    return 0;
}

static int directory_part(int count, char **arguments)
{
    char   text[LAUNCH_ROOM];
    size_t size = sizeof text;

    (void)count, (void)arguments;
    SUPPORT_CHECK(uv_cwd(text, &size) == 0);
    say(text);
    return 0;
}

static int exit_part(int count, char **arguments)
{
    return count == 1 ? atoi(arguments[0]) : SUPPORT_BROKEN;
}

static int stay_part(int count, char **arguments)
{
    (void)count, (void)arguments;
    say("here\n");
    support_pause(SUPPORT_SOON);
    return SUPPORT_BROKEN;
}

/* The order is a file that comes: it has nothing of us but its handle, which has spoken. */
static int later_part(int count, char **arguments)
{
    const uint64_t late = support_now() + SUPPORT_SOON;
    char           order[SUPPORT_PATH];

    SUPPORT_CHECK(count == 1);
    say("here\n");
    snprintf(order, sizeof order, "%s.order", arguments[0]);
    while (!support_exists(order) && support_now() < late)
        support_pause(5);
    support_write(arguments[0], "", 0, 0600);
    return 0;
}

static int print_part(int count, char **arguments)
{
    SUPPORT_CHECK(count == 1);
    fprintf(stdout, "%s\n", arguments[0]);
    fflush(stdout);
    fprintf(stderr, "bad %s\n", arguments[0]);
    fflush(stderr);
    return 0;
}

static int again_part(int count, char **arguments)
{
    const intptr_t handle = take_handle();
    cordon_fault   fault = CORDON_FAULT_INIT;
    intptr_t       again = CORDON__NO_HANDLE;
    char           word[33];
    const int      code = cordon__inherit(&again, word, "CORDON_READY", &fault);
    const char    *text = code == CORDON__ABSENT && again == CORDON__NO_HANDLE ? "absent" : "there";

    (void)count, (void)arguments;
    cordon__ready_write(handle, text, strlen(text));
    return 0;
}

static const struct part {
    const char *name;
    int (*play)(int count, char **arguments);
} parts[] = {
    {"arguments", arguments_part}, {"environment", environment_part},
    {"directory", directory_part}, {"exit", exit_part},
    {"stay", stay_part},           {"later", later_part},
    {"print", print_part},         {"again", again_part},
};

int launch_play(int count, char **arguments)
{
    const int played = launch_own_play(count, arguments);

    if (played >= 0)
        return played;
    if (count < 3 || strcmp(arguments[1], "--launch") != 0)
        return -1;
    support_become_child();
    for (size_t n = 0; n < sizeof parts / sizeof parts[0]; n++)
        if (strcmp(parts[n].name, arguments[2]) == 0)
            return parts[n].play(count - 3, arguments + 3);
    return SUPPORT_BROKEN;
}

/* ---- in the test ----------------------------------------------------------------------- */

void launch_open(launch_order *it, const char *const *words, unsigned flags)
{
    size_t size = sizeof it->program, count = 0;

    memset(it, 0, sizeof *it);
    SUPPORT_CHECK(uv_exepath(it->program, &size) == 0);
    it->argv[count++] = it->program;
    it->argv[count++] = "--launch";
    for (; *words != NULL; words++) {
        SUPPORT_CHECK(count < LAUNCH_MAX - 1);
        it->argv[count++] = *words;
    }
    it->order.argv = it->argv;
    it->order.variable = "CORDON_READY";
    it->order.handle = CORDON__NO_HANDLE;
    it->order.flags = flags;
    it->ready = CORDON__NO_HANDLE;
}

int launch_try(launch_order *it, cordon_fault *fault)
{
    const cordon__trace silent = {NULL, NULL};
    intptr_t            theirs;
    int                 code;

    SUPPORT_CODE(cordon__ready_pipe(&it->ready, &theirs, fault), CORDON_OK, fault);
    it->order.handle = theirs;
    code = cordon__spawn(&it->child, &it->order, &cordon__libc, &silent, fault);
    cordon__handle_close(theirs);
    if (code != CORDON_OK)
        cordon__handle_close(it->ready);
    return code;
}

void launch_run(launch_order *it, const char *const *words, unsigned flags)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    launch_open(it, words, flags);
    SUPPORT_CODE(launch_try(it, &fault), CORDON_OK, &fault);
    SUPPORT_CHECK(cordon__child_pid(it->child) > 0);
}

/* 1: more may come; 0: that was the end. */
static int hear_some(launch_order *it)
{
    const size_t   used = strlen(it->said);
    const uint64_t late = support_now() + SUPPORT_SOON;
    size_t         got;

    while (cordon__ready_read(it->ready, it->said + used, LAUNCH_ROOM - 1 - used, &got) ==
           CORDON__AGAIN) {
        SUPPORT_CHECK(support_now() < late);
        support_pause(1);
    }
    return got > 0;
}

void launch_hear(launch_order *it)
{
    while (hear_some(it))
        continue;
}

void launch_hear_line(launch_order *it)
{
    while (strchr(it->said, '\n') == NULL)
        SUPPORT_CHECK(hear_some(it));
}

int launch_end(launch_order *it)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    int          status = -2;

    SUPPORT_CODE(cordon__child_wait(it->child, &status, cordon__now() + SUPPORT_SOON, &fault),
                 CORDON_OK, &fault);
    cordon__child_close(it->child);
    cordon__handle_close(it->ready);
    return status;
}

void launch_says(const char *wanted, const char *const *words, unsigned flags)
{
    launch_order it;

    launch_run(&it, words, flags);
    launch_hear(&it);
    assert_string_equal(it.said, wanted);
    assert_int_equal(launch_end(&it), 0);
}
