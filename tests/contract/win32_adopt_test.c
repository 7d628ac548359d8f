/* A private pair of pipe ends on Windows, and an end that something else has handed to us. */
#include "win32_ferry.h"

static void pair_is_private_and_not_inherited(void **state)
{
    kit                *it = *state;
    cordon__self        self;
    enum cordon__access found = CORDON__ACCESS_FOREIGN;
    intptr_t            ours, theirs, others[2];
    DWORD               most = 0;
    side                one, two;

    SUPPORT_CODE(cordon__self_ask(&self, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__pair(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    SUPPORT_CODE(cordon__pair(&others[0], &others[1], &it->fault), CORDON_OK, &it->fault);
    assert_false(is_inherited(ours));
    assert_false(is_inherited(theirs));
    assert_int_equal(cordon__access_of(&found, (HANDLE)ours, &self, ~(DWORD)0, 1), 0);
    assert_int_equal(found, CORDON__ACCESS_OURS);
    assert_true(GetNamedPipeInfo((HANDLE)ours, NULL, NULL, NULL, &most));
    assert_int_equal(most, 1);
    side_open(&one, ours, NULL, 1);
    side_open(&two, theirs, NULL, 0);
    tell_side(&one, "a", 1);
    tell_side(&two, "b", 1);
    assert_int_equal(hear_byte(&one), 'b');
    assert_int_equal(hear_byte(&two), 'a');
    cordon__line_close(&one.line);
    cordon__line_close(&two.line);
    cordon__handle_close(others[0]);
    cordon__handle_close(others[1]);
}

static void what_is_no_end_of_a_pair_is_not_adopted(void **state)
{
    kit         *it = *state;
    char         path[SUPPORT_PATH];
    const HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    const HANDLE file = make_file(support_join(path, it->root, "file"));
    HANDLE       ends[2];
    intptr_t     ours, theirs;

    assert_true(CreatePipe(&ends[0], &ends[1], NULL, 0)); /* they wait */
    {
        const intptr_t refused[] = {0,
                                    -1,
                                    -2,
                                    (intptr_t)event,
                                    (intptr_t)file,
                                    (intptr_t)ends[0],
                                    (intptr_t)ends[1],
                                    (intptr_t)0x7ffffffc};

        for (size_t n = 0; n < sizeof refused / sizeof refused[0]; n++)
            SUPPORT_CODE(cordon__pair_adopt(refused[n], &it->fault), CORDON_EUNSAFE, &it->fault);
    }
    SUPPORT_CODE(cordon__pair(&ours, &theirs, &it->fault), CORDON_OK, &it->fault);
    assert_true(SetHandleInformation((HANDLE)theirs, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    SUPPORT_CODE(cordon__pair_adopt(theirs, &it->fault), CORDON_OK, &it->fault);
    assert_false(is_inherited(theirs));
    cordon__handle_close(ours);
    cordon__handle_close(theirs);
    CloseHandle(ends[0]);
    CloseHandle(ends[1]);
    CloseHandle(file);
    CloseHandle(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(pair_is_private_and_not_inherited),
        kit_test(what_is_no_end_of_a_pair_is_not_adopted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
