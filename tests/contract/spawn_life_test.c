/* How started programs end, and what is heard of it. */
#include "launch_kit.h"

/* ---- its end ---- */

static void status_is_told_exactly(void **state)
{
    static const char *const statuses[] = {"0", "1", "7", "127", "255"};
    kit                     *it = *state;
    launch_order             program;
    int                      status;

    for (size_t k = 0; k < LAUNCH_KINDS; k++)
        for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
            launch_run(&program, LAUNCH_WORDS("exit", statuses[i]), launch_kinds[k]);
            launch_hear(&program);
            assert_string_equal(program.said, "");
            SUPPORT_CODE(cordon__child_wait(program.child, &status, cordon__now() + SUPPORT_SOON,
                                            &it->fault),
                         CORDON_OK, &it->fault);
            assert_int_equal(status, atoi(statuses[i]));
            status = -2; /* again and again the same */
            assert_int_equal(cordon__child_look(program.child, &status), 0);
            assert_int_equal(status, atoi(statuses[i]));
            cordon__child_end(program.child, 0); /* nobody is hit */
            assert_int_equal(launch_end(&program), atoi(statuses[i]));
        }
}

static void who_runs_is_running_until_it_is_ended(void **state)
{
    kit         *it = *state;
    launch_order program;
    int          status = -2;

    for (size_t k = 0; k < LAUNCH_KINDS; k++) {
        launch_run(&program, LAUNCH_WORDS("stay"), launch_kinds[k]);
        launch_hear_line(&program);
        assert_int_equal(cordon__child_look(program.child, &status), CORDON__RUNNING);
        assert_int_equal(cordon__child_wait(program.child, &status, cordon__now() + 20, &it->fault),
                         CORDON_ETIMEDOUT);
        assert_int_equal(cordon__child_wait(program.child, &status, 0, &it->fault),
                         CORDON_ETIMEDOUT);
        assert_int_equal(status, -2);
        cordon__child_end(program.child, 0);
        assert_int_equal(launch_end(&program), SUPPORT_KILLED);
    }
}

/* ---- closing ---- */

static void order_given_right_before_closing_is_carried_out(void **state)
{
    launch_order program;

    (void)state;
    for (size_t k = 0; k < LAUNCH_KINDS; k++) {
        int pid;

        launch_run(&program, LAUNCH_WORDS("stay"), launch_kinds[k]);
        launch_hear_line(&program);
        pid = (int)cordon__child_pid(program.child);
        cordon__child_end(program.child, 0);
        cordon__child_close(program.child);
        cordon__handle_close(program.ready);
        assert_true(support_until(launch_has_gone, &pid, SUPPORT_SOON));
    }
}

static void who_ends_with_us_is_ended_when_closed(void **state)
{
    launch_order program;

    (void)state;
    for (size_t k = 0; k < LAUNCH_KINDS; k++) {
        int pid;

        if (launch_goes_on(k))
            continue;
        launch_run(&program, LAUNCH_WORDS("stay"), launch_kinds[k]);
        launch_hear_line(&program);
        pid = (int)cordon__child_pid(program.child);
        cordon__child_close(program.child);
        assert_true(launch_has_gone(&pid));
        cordon__handle_close(program.ready);
    }
    cordon__child_close(NULL);
}

static int is_there(void *path)
{
    return support_exists(path);
}

static void who_goes_on_goes_on_when_closed(void **state)
{
    kit         *it = *state;
    launch_order program;
    char         done[SUPPORT_PATH], order[SUPPORT_PATH];

    support_join(done, it->root, "done");
    support_join(order, it->root, "done.order");
    for (size_t k = 0; k < LAUNCH_KINDS; k++) {
        int pid;

        if (!launch_goes_on(k))
            continue;
        launch_run(&program, LAUNCH_WORDS("later", done), launch_kinds[k]);
        launch_hear_line(&program);
        pid = (int)cordon__child_pid(program.child);
        cordon__child_close(program.child);
        cordon__handle_close(program.ready);
        assert_false(support_exists(done));
        support_write(order, "", 0, 0600); /* from here on it is asked, and it is still there */
        assert_true(support_until(is_there, done, SUPPORT_SOON));
        assert_true(support_until(launch_has_gone, &pid, SUPPORT_SOON));
        support_remove(order);
        support_remove(done);
    }
}

static void nothing_stays_open(void **state)
{
    launch_order program;
    int          before = 0;

    (void)state;
    for (int round = 0; round < 4; round++) {
        if (round == 1)
            before = support_count_descriptors();
        for (size_t k = 0; k < LAUNCH_KINDS; k++) {
            launch_run(&program, LAUNCH_WORDS("stay"), launch_kinds[k]);
            launch_hear_line(&program);
            cordon__child_end(program.child, 0);
            assert_int_equal(launch_end(&program), SUPPORT_KILLED);
        }
    }
    assert_int_equal(support_count_descriptors(), before);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        kit_test(status_is_told_exactly),
        kit_test(who_runs_is_running_until_it_is_ended),
        kit_test(order_given_right_before_closing_is_carried_out),
        kit_test(who_ends_with_us_is_ended_when_closed),
        kit_test(who_goes_on_goes_on_when_closed),
        kit_test(nothing_stays_open),
    };
    const int played = launch_play(count, arguments);

    return played >= 0 ? played : SUPPORT_RUN("contract_spawn_life", tests);
}
