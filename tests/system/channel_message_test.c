/*
 * Messages between the two ends of a pair: tags, bodies, deadlines, ends. No handles here, and no
 * second process: both ends are held by the test.
 */
#include "channel_kit.h"

#include <uv.h>

typedef struct both {
    cordon_channel *parent, *child;
    int             descriptors;
} both;

static int setup(void **state)
{
    both *ends = calloc(1, sizeof *ends);

    ends->descriptors = support_count_descriptors();
    kit_pair(&ends->parent, &ends->child);
    *state = ends;
    return 0;
}

static int teardown(void **state)
{
    both     *ends = *state;
    const int before = ends->descriptors;

    cordon_channel_close(ends->parent);
    cordon_channel_close(ends->child);
    free(ends);
    return support_count_descriptors() - before <= SUPPORT_HELPERS ? 0 : -1;
}

/* ---- what arrives --------------------------------------------------------------------- */

static void tags_and_bodies_arrive_both_ways_in_order(void **state)
{
    both *ends = *state;

    kit_send(ends->parent, 1, "one");
    kit_send(ends->parent, UINT32_MAX, "");
    kit_send(ends->child, 0, "up");
    kit_expect(ends->child, 1, "one");
    kit_expect(ends->child, UINT32_MAX, "");
    kit_expect(ends->parent, 0, "up");
}

static uint8_t byte_at(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

static void check_body(cordon_bytes body, size_t size)
{
    const uint8_t *bytes = body.data;

    assert_int_equal(body.size, size);
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != byte_at(i))
            fail_msg("byte %zu of %zu", i, size);
}

typedef struct sending {
    cordon_channel *channel;
    const uint8_t  *data;
    size_t          size;
    int             code;
} sending;

static void send_all(void *context)
{
    sending     *wanted = context;
    cordon_bytes body = {wanted->data, wanted->size};

    wanted->code = cordon_channel_send(wanted->channel, 7, body, NULL, 0, KIT_WAIT_MS, NULL);
}

static void exchange(cordon_channel *from, cordon_channel *to, size_t size)
{
    uint8_t    *data = malloc(size > 0 ? size : 1);
    sending     wanted = {from, data, size, -1};
    uv_thread_t thread;

    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(i);
    assert_int_equal(uv_thread_create(&thread, send_all, &wanted), 0);
    check_body(kit_receive(to)->body, size);
    uv_thread_join(&thread);
    assert_int_equal(wanted.code, CORDON_OK);
    free(data);
}

static void bodies_of_all_sizes_arrive_byte_for_byte(void **state)
{
    static const size_t sizes[] = {0,     1,     3,     4,      4095,    4096,
                                   65535, 65536, 65537, 200000, 1048575, 1048576};
    both               *ends = *state;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        exchange(ends->parent, ends->child, sizes[i]);
        exchange(ends->child, ends->parent, sizes[i]);
    }
}

static void send_then_receive(void *context)
{
    sending              *wanted = context;
    const cordon_message *message;

    send_all(wanted);
    if (wanted->code == CORDON_OK)
        wanted->code = cordon_channel_receive(&message, wanted->channel, KIT_WAIT_MS, NULL);
    if (wanted->code == CORDON_OK && message->body.size != wanted->size)
        wanted->code = CORDON_EMSGSIZE;
}

/* Neither receives before all that it has to say is said. */
static void two_that_send_much_at_once_do_not_block_each_other(void **state)
{
    both       *ends = *state;
    uint8_t    *data = calloc(1, 1000000);
    sending     up = {ends->child, data, 1000000, -1}, down = {ends->parent, data, 1000000, -1};
    uv_thread_t thread;

    assert_int_equal(uv_thread_create(&thread, send_then_receive, &up), 0);
    send_then_receive(&down);
    uv_thread_join(&thread);
    assert_int_equal(up.code, CORDON_OK);
    assert_int_equal(down.code, CORDON_OK);
    free(data);
}

/* ---- limits ------------------------------------------------------------------------------ */

static int send_size(cordon_channel *channel, size_t size, int timeout_ms)
{
    uint8_t     *data = calloc(1, size);
    cordon_bytes body = {data, size};
    int          code = cordon_channel_send(channel, 1, body, NULL, 0, timeout_ms, NULL);

    free(data);
    return code;
}

static void a_body_over_the_limit_is_not_sent(void **state)
{
    both *ends = *state;

    assert_int_equal(send_size(ends->parent, 1048577, CORDON_AT_ONCE), CORDON_EMSGSIZE);
    kit_send(ends->parent, 2, "goes on");
    kit_expect(ends->child, 2, "goes on");
    assert_int_equal(cordon_channel_limit(ends->parent, 4096), CORDON_OK);
    assert_int_equal(send_size(ends->parent, 4097, CORDON_AT_ONCE), CORDON_EMSGSIZE);
    assert_int_equal(send_size(ends->parent, 4096, CORDON_AT_ONCE), CORDON_OK);
    assert_int_equal(kit_receive(ends->child)->body.size, 4096);
    assert_int_equal(cordon_channel_limit(ends->parent, 4095), CORDON_EINVAL);
    assert_int_equal(cordon_channel_limit(ends->parent, (size_t)64 * 1048576 + 1), CORDON_EINVAL);
    assert_int_equal(cordon_channel_limit(NULL, 4096), CORDON_EINVAL);
}

static void a_body_over_the_receivers_limit_ends_the_channel(void **state)
{
    both *ends = *state;

    assert_int_equal(cordon_channel_limit(ends->child, 4096), CORDON_OK);
    assert_int_equal(send_size(ends->parent, 4097, CORDON_AT_ONCE), CORDON_OK);
    kit_expect_code(ends->child, CORDON_EMSGSIZE);
    kit_expect_code(ends->child, CORDON_ECLOSED);
    kit_expect_code(ends->parent, CORDON_ECLOSED);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static int receive_code(cordon_channel *channel, int timeout_ms)
{
    const cordon_message *message;

    return cordon_channel_receive(&message, channel, timeout_ms, NULL);
}

static void waiting_ends_at_its_deadline_and_loses_nothing(void **state)
{
    both          *ends = *state;
    const uint64_t before = support_now();

    assert_int_equal(receive_code(ends->child, CORDON_AT_ONCE), CORDON_ETIMEDOUT);
    assert_int_equal(receive_code(ends->child, 30), CORDON_ETIMEDOUT);
    assert_true(support_now() - before >= 30);
    kit_send(ends->parent, 3, "late");
    kit_expect(ends->child, 3, "late");
}

/* More than the system takes, and nobody reads. */
static void a_send_that_leaves_half_ends_the_sending(void **state)
{
    both *ends = *state;

    if (!SUPPORT_TAKES_BACK)
        SUPPORT_SKIP("a pipe takes a write whole, or tells nothing of it");
    assert_int_equal(send_size(ends->parent, 1048576, 30), CORDON_ETIMEDOUT);
    assert_int_equal(send_size(ends->parent, 1, KIT_WAIT_MS), CORDON_ECLOSED);
    kit_send(ends->child, 4, "still heard");
    kit_expect(ends->parent, 4, "still heard");
}

/* ---- ends --------------------------------------------------------------------------------- */

static void the_end_of_the_other_side_is_closed_and_what_it_said_is_heard(void **state)
{
    both *ends = *state;

    kit_send(ends->child, 5, "last words");
    cordon_channel_close(ends->child);
    ends->child = NULL;
    kit_expect(ends->parent, 5, "last words");
    kit_expect_code(ends->parent, CORDON_ECLOSED);
    kit_expect_code(ends->parent, CORDON_ECLOSED);
    assert_int_equal(send_size(ends->parent, 1, KIT_WAIT_MS), CORDON_ECLOSED);
}

static void sending_to_nobody_is_closed(void **state)
{
    both *ends = *state;

    cordon_channel_close(ends->child);
    ends->child = NULL;
    assert_int_equal(send_size(ends->parent, 1, KIT_WAIT_MS), CORDON_ECLOSED);
    assert_int_equal(send_size(ends->parent, 1, KIT_WAIT_MS), CORDON_ECLOSED);
}

/* ---- the word ------------------------------------------------------------------------------- */

static void another_word_is_not_believed(void **state)
{
    cordon_channel *parent, *child;
    cordon_handle   theirs;
    char            word[33];

    (void)state;
    assert_int_equal(cordon_channel_pair(&parent, &theirs, word, NULL), CORDON_OK);
    word[31] = word[31] == '0' ? '1' : '0';
    assert_int_equal(cordon_channel_adopt(&child, theirs, word, 0, NULL), CORDON_OK);
    kit_send(child, 1, "believe me");
    kit_expect_code(parent, CORDON_EPROTOCOL);
    kit_expect_code(parent, CORDON_ECLOSED);
    cordon_channel_close(parent);
    cordon_channel_close(child);
}

static void two_parents_or_two_children_do_not_understand_each_other(void **state)
{
    cordon_channel *one, *other;
    cordon_handle   theirs;
    char            word[33];

    (void)state;
    assert_int_equal(cordon_channel_pair(&one, &theirs, word, NULL), CORDON_OK);
    assert_int_equal(cordon_channel_adopt(&other, theirs, word, 1, NULL), CORDON_OK);
    kit_send(one, 1, "no word came before");
    kit_expect_code(other, CORDON_EPROTOCOL);
    cordon_channel_close(one);
    cordon_channel_close(other);
}

static void words_differ(void **state)
{
    cordon_channel *one, *other;
    cordon_handle   theirs;
    char            first[33], second[33];

    (void)state;
    assert_int_equal(cordon_channel_pair(&one, &theirs, first, NULL), CORDON_OK);
    assert_int_equal(cordon_channel_adopt(&other, theirs, first, 0, NULL), CORDON_OK);
    cordon_channel_close(one);
    cordon_channel_close(other);
    assert_int_equal(cordon_channel_pair(&one, &theirs, second, NULL), CORDON_OK);
    assert_int_equal(cordon_channel_adopt(&other, theirs, second, 0, NULL), CORDON_OK);
    cordon_channel_close(one);
    cordon_channel_close(other);
    assert_int_equal(strlen(first), 32);
    assert_string_not_equal(first, second);
}

/* ---- roles ------------------------------------------------------------------------------------
 */

static void what_does_not_fit_the_role_or_the_call_is_einval(void **state)
{
    both                 *ends = *state;
    const cordon_message *message;
    cordon_channel       *none = NULL;
    cordon_handle         handle;
    cordon_bytes          nothing = {NULL, 1};
    char                  word[33] = "";
    int                   status;

    assert_int_equal(cordon_channel_wait(&status, ends->parent, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_wait(&status, ends->child, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_pid(ends->child), 0);
    assert_int_equal(cordon_channel_pid(NULL), 0);
    assert_int_equal(cordon_channel_send(NULL, 1, KIT_BODY(""), NULL, 0, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_send(ends->parent, 1, nothing, NULL, 0, 0, NULL),
                     CORDON_EINVAL);
    assert_int_equal(cordon_channel_send(ends->parent, 1, KIT_BODY(""), NULL, 1, 0, NULL),
                     CORDON_EINVAL);
    assert_int_equal(cordon_channel_send(ends->parent, 1, KIT_BODY(""), NULL, 0, -3, NULL),
                     CORDON_EINVAL);
    assert_int_equal(cordon_channel_receive(NULL, ends->parent, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_receive(&message, NULL, 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_pair(&none, &handle, NULL, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_adopt(&none, 0, "short", 0, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_adopt(&none, 0, "0123456789ABCDEF0123456789abcdef", 0, NULL),
                     CORDON_EINVAL);
    assert_int_equal(cordon_channel_start(&none, NULL, NULL, NULL), CORDON_EINVAL);
    assert_int_equal(cordon_channel_inherit(NULL, NULL), CORDON_EINVAL);
    assert_true(cordon_message_take(NULL, 0) == CORDON_NO_HANDLE);
    assert_string_equal(word, "");
    assert_null(none);
    cordon_channel_close(NULL);
}

static void who_was_not_started_with_a_channel_is_told_so(void **state)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_channel *none;

    (void)state;
    assert_int_equal(cordon_channel_inherit(&none, &fault), CORDON_ENOTRUNNING);
    assert_null(none);
    assert_string_equal(fault.during, "inherit");
}

int main(int count, char **arguments)
{
    static const kit_part   none[] = {{NULL, NULL}};
    const struct CMUnitTest tests[] = {
#define BOTH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        BOTH(tags_and_bodies_arrive_both_ways_in_order),
        BOTH(bodies_of_all_sizes_arrive_byte_for_byte),
        BOTH(two_that_send_much_at_once_do_not_block_each_other),
        BOTH(a_body_over_the_limit_is_not_sent),
        BOTH(a_body_over_the_receivers_limit_ends_the_channel),
        BOTH(waiting_ends_at_its_deadline_and_loses_nothing),
        BOTH(a_send_that_leaves_half_ends_the_sending),
        BOTH(the_end_of_the_other_side_is_closed_and_what_it_said_is_heard),
        BOTH(sending_to_nobody_is_closed),
        cmocka_unit_test(another_word_is_not_believed),
        cmocka_unit_test(two_parents_or_two_children_do_not_understand_each_other),
        cmocka_unit_test(words_differ),
        BOTH(what_does_not_fit_the_role_or_the_call_is_einval),
        cmocka_unit_test(who_was_not_started_with_a_channel_is_told_so),
    };

    (void)kit_play(count, arguments, none);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
