/* What a started program finds: its arguments, its environment, its place. */
#include "launch_kit.h"

#include <uv.h>

static void arguments_arrive_as_they_were(void **state)
{
    (void)state;
    for (size_t k = 0; k < LAUNCH_KINDS; k++)
        launch_says("\n \na b\n\"quoted\" \\\n\\\\\nends in \\\n* ? $HOME %PATH% & | >\nlast\n",
                    LAUNCH_WORDS("arguments", "", " ", "a b", "\"quoted\" \\", "\\\\", "ends in \\",
                                 "* ? $HOME %PATH% & | >", "last"),
                    launch_kinds[k]);
}

static void environment_is_ours_but_for_what_is_told_to_us(void **state)
{
    char   ours[16];
    size_t size = sizeof ours;

    (void)state;
    assert_int_equal(uv_os_setenv("KIT_OURS", "yes"), 0);
    assert_int_equal(uv_os_setenv("CORDON_CHANNEL", "7:abc"), 0); /* a parent's: of no use there */
    for (size_t k = 0; k < LAUNCH_KINDS; k++)
        launch_says("KIT_OURS=yes\nCORDON_CHANNEL gone\nCORDON_READY gone\n",
                    LAUNCH_WORDS("environment", "KIT_OURS", "CORDON_CHANNEL", "CORDON_READY"),
                    launch_kinds[k]);
    assert_int_equal(uv_os_getenv("CORDON_CHANNEL", ours, &size), 0);
    assert_string_equal(ours, "7:abc"); /* ours stays as it is */
    assert_int_equal(uv_os_unsetenv("KIT_OURS"), 0);
    assert_int_equal(uv_os_unsetenv("CORDON_CHANNEL"), 0);
}

static void environment_is_the_one_asked_for(void **state)
{
    static const char *const given[] = {"KIT_A=1", "CORDON_CHANNEL=9", "CORDON_READY=8",
                                        "CORDON_READYMADE=x", NULL};
    launch_order             it;
    cordon_fault             fault = CORDON_FAULT_INIT;

    (void)state;
    assert_int_equal(uv_os_setenv("KIT_OURS", "yes"), 0);
    launch_open(
        &it, LAUNCH_WORDS("environment", "KIT_A", "KIT_OURS", "CORDON_CHANNEL", "CORDON_READYMADE"),
        CORDON__DETACHED);
    it.order.environment = given;
    SUPPORT_CODE(launch_try(&it, &fault), CORDON_OK, &fault);
    launch_hear(&it);
    assert_string_equal(it.said,
                        "KIT_A=1\nKIT_OURS gone\nCORDON_CHANNEL gone\nCORDON_READYMADE=x\n");
    assert_int_equal(launch_end(&it), 0);
    assert_int_equal(uv_os_unsetenv("KIT_OURS"), 0);
}

static void it_runs_in_our_directory_or_in_the_one_asked_for(void **state)
{
    kit         *it = *state;
    char         here[SUPPORT_PATH];
    size_t       size = sizeof here;
    launch_order program;

    assert_int_equal(uv_cwd(here, &size), 0);
    for (size_t k = 0; k < LAUNCH_KINDS; k++) {
        launch_says(here, LAUNCH_WORDS("directory"), launch_kinds[k]);
        launch_open(&program, LAUNCH_WORDS("directory"), launch_kinds[k]);
        program.order.directory = it->tmp;
        SUPPORT_CODE(launch_try(&program, &it->fault), CORDON_OK, &it->fault);
        launch_hear(&program);
        assert_string_equal(program.said, it->tmp);
        assert_int_equal(launch_end(&program), 0);
    }
}

static void check_not_started(kit *it, const char *name, const char *directory, unsigned flags)
{
    launch_order program;

    launch_open(&program, LAUNCH_WORDS("exit", "0"), flags);
    if (name)
        program.argv[0] = name;
    program.order.directory = directory;
    SUPPORT_CODE(launch_try(&program, &it->fault), CORDON_ELAUNCH, &it->fault);
    if (!name || strpbrk(name, "/\\")) /* a bare one may be found somewhere, and be no good */
        assert_string_equal(it->fault.path, name ? name : directory);
    assert_true(it->fault.os_code != 0);
}

static void what_cannot_be_started_is_elaunch_with_its_path(void **state)
{
    kit *it = *state;
    char missing[SUPPORT_PATH];
    int  before = 0;

    support_join(missing, it->root, "missing");
    for (int round = 0; round < 3; round++) {
        if (round == 1)
            before = support_count_descriptors();
        for (size_t k = 0; k < LAUNCH_KINDS; k++) {
            check_not_started(it, missing, NULL, launch_kinds[k]);
            check_not_started(it, "no-such-program-anywhere", NULL, launch_kinds[k]);
            check_not_started(it, it->root, NULL, launch_kinds[k]);
            check_not_started(it, NULL, missing, launch_kinds[k]);
        }
    }
    assert_int_equal(support_count_descriptors(), before);
}

static void host_stays_as_it_was(void **state)
{
    support_host before, after;

    (void)state;
    support_host_look(&before);
    for (size_t k = 0; k < LAUNCH_KINDS; k++)
        launch_says("word\n", LAUNCH_WORDS("arguments", "word"), launch_kinds[k]);
    support_host_look(&after);
    support_host_same(&before, &after);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(arguments_arrive_as_they_were),
        kit_test(environment_is_ours_but_for_what_is_told_to_us),
        kit_test(environment_is_the_one_asked_for),
        kit_test(it_runs_in_our_directory_or_in_the_one_asked_for),
        kit_test(what_cannot_be_started_is_elaunch_with_its_path),
        kit_test(host_stays_as_it_was),
    };
    const int played = launch_play(count, arguments);

    return played >= 0 ? played : SUPPORT_RUN("contract_spawn", tests);
}
