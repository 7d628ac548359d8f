/* What an asker writes, and its ids. */
#include "asker_kit.h"

/* ---- What is written -------------------------------------------------------------------- */

static void hello_offers_version_1_the_token_the_limit_and_who_we_are(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__hello       hello;
    uint8_t             out[CORDON__HELLO_ROOM];
    size_t              size;

    (void)state;
    setup.program = "me 2";
    setup.features = 0xFFFF8001u;
    setup.wants_events = 1;
    cordon__asker_open(&asker, &setup);
    size = cordon__asker_hello(&asker, out, &secret);
    assert_memory_equal(out, cordon__magic, CORDON__MAGIC_SIZE);
    assert_int_equal(out[8], CORDON__HELLO);
    assert_int_equal(cordon__hello_decode(&hello, (cordon_bytes){out + 16, size - 16}), CORDON_OK);
    assert_int_equal(hello.version_min, 1);
    assert_int_equal(hello.version_max, 1);
    assert_int_equal(hello.features, 0xFFFF0001u); /* bits 1 to 15 are not the application's */
    assert_int_equal(hello.max_payload, MAX_REPLY);
    assert_true(cordon__token_is_equal(&secret, hello.token));
    assert_bytes(hello.program, "me 2");
    cordon__asker_close(&asker);
}

static void control_hello_offers_version_0(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__hello       hello;
    uint8_t             out[CORDON__HELLO_ROOM];
    size_t              size;

    (void)state;
    setup.is_control = 1;
    cordon__asker_open(&asker, &setup);
    size = cordon__asker_hello(&asker, out, &secret);
    assert_int_equal(cordon__hello_decode(&hello, (cordon_bytes){out + 16, size - 16}), CORDON_OK);
    assert_int_equal(hello.version_min, 0);
    assert_int_equal(hello.version_max, 0);
    cordon__asker_close(&asker);
}

static void longest_program_fits_the_hello(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    char                program[256];
    uint8_t             out[CORDON__HELLO_ROOM];

    (void)state;
    memset(program, 'p', 255);
    program[255] = '\0';
    setup.program = program;
    cordon__asker_open(&asker, &setup);
    assert_int_equal(cordon__asker_hello(&asker, out, &secret), 4 + 12 + 2 + 2 + 4 + 4 + 33 + 256);
    cordon__asker_close(&asker);
}

static void one_shot_says_goodbye_behind_its_request(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    const char          body[] = "body";

    (void)state;
    setup.is_one_shot = 1;
    cordon__asker_open(&asker, &setup);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text(body), &secret), 0);
    assert_int_equal(question.head_size, CORDON__FRAME_HEAD);
    assert_int_equal(question.head[0], 4);
    assert_int_equal(question.head[4], CORDON__REQUEST);
    assert_ptr_equal(question.body.data, body); /* from where it is, not a copy */
    assert_int_equal(question.tail_size, CORDON__FRAME_HEAD);
    assert_int_equal(question.tail[4], CORDON__FINISH);
    cordon__asker_close(&asker);
}

static void request_over_the_servers_limit_is_not_written(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    static char         big[65537];

    (void)state;
    let_in(&asker, &setup);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST,
                                       (cordon_bytes){big, sizeof big}, &secret),
                     CORDON_EMSGSIZE);
    assert_int_equal(cordon__asker_waiting(&asker), 0);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST,
                                       (cordon_bytes){big, sizeof big - 1}, &secret),
                     0);
    cordon__asker_close(&asker);
}

static void control_session_asks_for_status_and_stop_only(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;

    (void)state;
    setup.is_control = 1;
    let_in(&asker, &setup);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret),
                     CORDON_EUNSUPPORTED);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__STATUS, text(NULL), &secret), 0);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__STOP, text(NULL), &secret), 0);
    cordon__asker_close(&asker);
}

/* ---- Ids ----------------------------------------------------------------------------------- */

static void replies_in_reverse_order_find_their_questions(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    uint32_t            id[64];

    (void)state;
    let_in(&asker, &setup);
    for (int i = 0; i < 64; i++)
        id[i] = ask(&asker);
    for (int i = 63; i >= 0; i--) {
        said server = {{0}, 0};
        char body[16];

        snprintf(body, sizeof body, "body %d", i);
        say_text(&server, CORDON__REPLY_FRAME, 0, id[i], body);
        hear_kind(&asker, &heard, &server, CORDON__HEARD_REPLY);
        assert_int_equal(heard.id, id[i]);
        assert_bytes(heard.body, body);
        assert_int_equal(cordon__asker_waiting(&asker), i);
    }
    cordon__asker_close(&asker);
}

static void id_counter_wraps_over_0_and_over_ids_in_use(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;

    (void)state;
    let_in(&asker, &setup);
    assert_int_equal(ask(&asker), 1);
    assert_int_equal(ask(&asker), 2);
    asker.last_id = UINT32_MAX - 1;
    assert_int_equal(ask(&asker), UINT32_MAX);
    assert_int_equal(ask(&asker), 3); /* not 0, and 1 and 2 have no answer yet */
    cordon__asker_close(&asker);
}

static void abandoned_id_is_reserved_until_its_end_and_nothing_of_it_is_heard(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__heard       heard;
    said                server = {{0}, 0};
    uint32_t            id;

    (void)state;
    let_in(&asker, &setup);
    id = ask(&asker);
    assert_int_equal(cordon__asker_abandon(&asker, id), 1); /* the server is to be told */
    assert_int_equal(cordon__asker_abandon(&asker, id), 0); /* once */
    assert_int_equal(cordon__asker_waiting(&asker), 0);
    say_text(&server, CORDON__REPLY_FRAME, CORDON__MORE_PARTS, id, "part");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_NOTHING);
    asker.last_id = id - 1;
    asker.has_wrapped = 1;                 /* as if all ids had been given once */
    assert_int_equal(ask(&asker), id + 1); /* still reserved */
    say_failure(&server, id, CORDON__CANCELED, "");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_NOTHING);
    asker.last_id = id - 1;
    assert_int_equal(ask(&asker), id); /* free again */
    assert_int_equal(cordon__asker_abandon(&asker, 4711), 0);
    cordon__asker_close(&asker);
}

static void forgotten_question_frees_its_id(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    uint32_t            id;

    (void)state;
    let_in(&asker, &setup);
    id = ask(&asker);
    cordon__asker_forget(&asker, id);
    cordon__asker_forget(&asker, id);
    assert_int_equal(cordon__asker_waiting(&asker), 0);
    asker.last_id = id - 1;
    assert_int_equal(ask(&asker), id);
    cordon__asker_close(&asker);
}

static void questions_without_an_end_have_a_ceiling(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    support_memory      memory;
    cordon__heard       heard;
    said                server = {{0}, 0};

    (void)state;
    memset(&memory, 0, sizeof memory);
    setup.memory = (cordon__memory){support_allocate, &memory};
    let_in(&asker, &setup);
    /* The ids are given by hand: finding a free one is what makes many slow. */
    for (uint32_t i = 1; i < CORDON__ASKED_MAX; i++) {
        if (asker.count == asker.capacity)
            (void)ask(&asker);
        else
            asker.asked[asker.count++] = (cordon__asked){i + 1000000u, CORDON__REQUEST, 1};
        if (asker.count == CORDON__ASKED_MAX - 1)
            break;
    }
    (void)ask(&asker);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret),
                     CORDON_EBUSY);
    say_text(&server, CORDON__REPLY_FRAME, 0, 1000001u, "");
    hear_kind(&asker, &heard, &server, CORDON__HEARD_NOTHING);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret), 0);
    cordon__asker_close(&asker);
    assert_int_equal(atomic_load(&memory.blocks), 0);
}

static void no_memory_for_a_question_leaves_all_as_it_was(void **state)
{
    cordon__asker_setup setup = plain();
    cordon__asker       asker;
    cordon__question    question;
    support_memory      memory;

    (void)state;
    memset(&memory, 0, sizeof memory);
    setup.memory = (cordon__memory){support_allocate, &memory};
    let_in(&asker, &setup);
    for (int i = 0; i < 8; i++)
        (void)ask(&asker);
    assert_int_equal(atomic_load(&memory.calls), 0); /* a few need none */
    atomic_store(&memory.fail_from, 1);
    assert_int_equal(cordon__asker_ask(&asker, &question, CORDON__REQUEST, text("x"), &secret),
                     CORDON_ENOMEM);
    assert_int_equal(cordon__asker_waiting(&asker), 8);
    (void)ask(&asker);
    assert_int_equal(cordon__asker_waiting(&asker), 9);
    cordon__asker_close(&asker);
    assert_int_equal(atomic_load(&memory.blocks), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_offers_version_1_the_token_the_limit_and_who_we_are),
        cmocka_unit_test(control_hello_offers_version_0),
        cmocka_unit_test(longest_program_fits_the_hello),
        cmocka_unit_test(one_shot_says_goodbye_behind_its_request),
        cmocka_unit_test(request_over_the_servers_limit_is_not_written),
        cmocka_unit_test(control_session_asks_for_status_and_stop_only),
        cmocka_unit_test(replies_in_reverse_order_find_their_questions),
        cmocka_unit_test(id_counter_wraps_over_0_and_over_ids_in_use),
        cmocka_unit_test(abandoned_id_is_reserved_until_its_end_and_nothing_of_it_is_heard),
        cmocka_unit_test(forgotten_question_frees_its_id),
        cmocka_unit_test(questions_without_an_end_have_a_ceiling),
        cmocka_unit_test(no_memory_for_a_question_leaves_all_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
