/*
 * What a server says when it does not go as in the golden bytes: texts too long, numbers that have
 * no name, memory that is not there.
 */
#include "unit.h"

#include "../../src/answer.h"
#include "../../src/fault.h"
#include "../../src/json.h"

static const cordon__reference to_frame = {0, 7, {NULL, 0}};
static const cordon__reference to_line = {1, 0, {"\"k\"", 3}};

static size_t blocks, grants; /* memory out; requests for it that may still succeed */

static void *from_grants(void *old, size_t size, void *user)
{
    (void)user;
    if (size == 0) {
        blocks--;
        free(old);
        return NULL;
    }
    if (grants == 0)
        return NULL;
    grants--;
    blocks += old == NULL;
    return realloc(old, size);
}

static const cordon__memory granted = {from_grants, NULL};

/* A text of `size` bytes in characters of three. */
static cordon_bytes euros(size_t size)
{
    static char text[8192];

    for (size_t at = 0; at + 3 <= sizeof text; at += 3)
        memcpy(text + at, "\xE2\x82\xAC", 3);
    return unit_view(text, size);
}

static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t size = 4090; size < 4110; size++) {
        const size_t   text = size <= CORDON__TEXT_MAX ? size : CORDON__TEXT_MAX / 3 * 3;
        cordon__buffer out = {0};

        assert_int_equal(cordon__say_failure(&out, &cordon__libc, &to_frame, 300, euros(size)), 0);
        assert_int_equal(cordon__buffer_size(&out), CORDON__FRAME_HEAD + 2 + text);
        cordon__buffer_free(&out, &cordon__libc);
        assert_int_equal(cordon__say_refused(&out, &cordon__libc, 0, 5, euros(size)), 0);
        assert_true(cordon__buffer_size(&out) <= CORDON__FRAME_HEAD + CORDON__TEXT_MAX);
        cordon__buffer_free(&out, &cordon__libc);
    }
}

/* Our own decoder takes what we say, however long the text was. */
static void the_longest_failure_can_be_read(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, 8000};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int is_refusal = 0; is_refusal < 2; is_refusal++) {
            cordon__decoder decoder = {0, 4096, 0, NULL};
            cordon__buffer  out = {0};
            cordon__frame   frame;
            size_t          used, need;

            if (is_refusal)
                cordon__say_refused(&out, &cordon__libc, 0, 4, euros(sizes[i]));
            else
                cordon__say_failure(&out, &cordon__libc, &to_frame, 4, euros(sizes[i]));
            assert_int_equal(
                cordon__frame_next(&decoder, &frame, cordon__buffer_view(&out), &used, &need),
                CORDON__FRAME_READY);
            assert_int_equal(used, cordon__buffer_size(&out));
            cordon__buffer_free(&out, &cordon__libc);
        }
}

static void a_code_is_a_name_or_the_applications_number(void **state)
{
    static const struct {
        unsigned    code;
        const char *line;
    } cases[] = {
        {1, "{\"ok\":false,\"id\":\"k\",\"error\":\"t\",\"code\":\"UNAUTHORIZED\"}\n"},
        {9, "{\"ok\":false,\"id\":\"k\",\"error\":\"t\",\"code\":\"STOPPING\"}\n"},
        {11, "{\"ok\":false,\"id\":\"k\",\"error\":\"t\",\"code\":\"INTERNAL\"}\n"},
        {12, "{\"ok\":false,\"id\":\"k\",\"error\":\"t\",\"code\":\"INTERNAL\"}\n"},
        {255, "{\"ok\":false,\"id\":\"k\",\"error\":\"t\",\"code\":\"INTERNAL\"}\n"},
        {256, "{\"ok\":false,\"id\":\"k\",\"error\":\"t\",\"code\":256}\n"},
        {65535, "{\"ok\":false,\"id\":\"k\",\"error\":\"t\",\"code\":65535}\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cordon__buffer out = {0};

        assert_int_equal(
            cordon__say_failure(&out, &cordon__libc, &to_line, cases[i].code, VIEW("t")), 0);
        assert_int_equal(cordon__buffer_size(&out), strlen(cases[i].line));
        assert_memory_equal(cordon__buffer_view(&out).data, cases[i].line, strlen(cases[i].line));
        cordon__buffer_free(&out, &cordon__libc);
    }
}

static void any_text_makes_a_good_line(void **state)
{
    const cordon_bytes texts[] = {VIEW(""),
                                  VIEW("\"}\n{\"ok\":true"),
                                  VIEW("a\0b"),
                                  VIEW("\xFF\xFE"),
                                  VIEW("\xED\xA0\x80"),
                                  VIEW("\r\n"),
                                  VIEW("\x1B[2J"),
                                  euros(8000)};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        cordon__buffer out = {0};
        cordon_bytes   line;

        assert_int_equal(cordon__say_failure(&out, &cordon__libc, &to_line, 300, texts[i]), 0);
        line = cordon__buffer_view(&out);
        assert_int_equal(cordon__json_check(line, 1, NULL), 0);
        assert_ptr_equal(memchr(line.data, '\n', line.size),
                         (const char *)line.data + line.size - 1);
        cordon__buffer_free(&out, &cordon__libc);
    }
}

/* The longest id that a client may choose still fits the wrap. */
static void the_longest_key_fits(void **state)
{
    char              key[CORDON__KEY_MAX];
    cordon__reference to = {1, 0, {key, sizeof key}};

    (void)state;
    memset(key, 'k', sizeof key);
    key[0] = key[sizeof key - 1] = '"';
    for (int is_part = 0; is_part < 2; is_part++) {
        cordon__wrap wrap;

        cordon__wrap_reply(&wrap, &to, is_part, 5);
        assert_true(wrap.head_size < sizeof wrap.head);
        assert_memory_equal(wrap.head + wrap.head_size - 8, ",\"data\":", 8);
    }
}

/* With memory for the nth step only, whatever n is: all of it is said, or nothing. */
static void without_memory_nothing_is_said(void **state)
{
    const cordon__welcome welcome = {1, 0, 65536, 1, 2, {"x", 1}};
    int                   done = 0;

    (void)state;
    for (size_t allowed = 0; allowed < 8; allowed++)
        for (int what = 0; what < 5; what++) {
            cordon__buffer out = {0};
            int            code;
            size_t         before;

            grants = 1 + allowed;
            assert_int_equal(cordon__buffer_append(&out, &granted, "kept", 4, 100), 0);
            before = cordon__buffer_size(&out);
            code = what == 0   ? cordon__say_failure(&out, &granted, &to_line, 300, euros(4000))
                   : what == 1 ? cordon__say_failure(&out, &granted, &to_frame, 300, euros(4000))
                   : what == 2 ? cordon__say_refused(&out, &granted, 1, 5, euros(4000))
                   : what == 3 ? cordon__say_refused(&out, &granted, 0, 5, euros(4000))
                               : cordon__say_welcome(&out, &granted, &welcome);
            if (code != 0) {
                assert_int_equal(code, CORDON_ENOMEM);
                assert_int_equal(cordon__buffer_size(&out), before);
            } else {
                assert_true(cordon__buffer_size(&out) > before);
                done++;
            }
            assert_memory_equal(cordon__buffer_view(&out).data, "kept", 4);
            cordon__buffer_free(&out, &granted);
            assert_int_equal(blocks, 0);
        }
    assert_in_range(done, 5, 39); /* both were seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(the_longest_failure_can_be_read),
        cmocka_unit_test(a_code_is_a_name_or_the_applications_number),
        cmocka_unit_test(any_text_makes_a_good_line),
        cmocka_unit_test(the_longest_key_fits),
        cmocka_unit_test(without_memory_nothing_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
