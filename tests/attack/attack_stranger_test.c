/*
 * Another user at the socket, with the token in hand and every file mode opened to him: not a byte
 * is answered, nothing runs, and the server's own user notices nothing. Needs root, who can be two
 * users.
 */
#include "../system/talk_kit.h"

#include <sys/stat.h>

/* Somebody has undone the modes: the kernel's word is what is left. */
static void open_the_doors(talk *talk)
{
    assert_int_equal(chmod(talk->directory, 0711), 0);
    assert_int_equal(chmod(cordon_endpoint_path(talk->endpoint, CORDON_ADDRESS), 0666), 0);
}

typedef struct intruder {
    talk  *talk;
    script bytes;
} intruder;

/* 0: closed without a byte. */
static int intrude(void *context)
{
    intruder *intruder = context;
    int       fd = support_raw_open(intruder->talk->endpoint);

    (void)support_raw_try_send(fd, intruder->bytes.data, intruder->bytes.size);
    return support_raw_ends(fd, SUPPORT_SOON) ? 0 : 1;
}

static void expect_nothing_for(talk *talk, script *bytes, uid_t uid)
{
    intruder intruder = {talk, *bytes};

    assert_int_equal(support_wait(support_fork_as(uid, intrude, &intruder), SUPPORT_SOON), 0);
    assert_int_equal(talk_now(talk, asked), 0);
    assert_int_equal(talk_now(talk, here), 0);
    script_free(bytes);
}

static void write_binary(script *bytes, talk *talk)
{
    script_opening(bytes, talk);
    script_text(bytes, REQUEST, 1, "serve me");
    script_text(bytes, STATUS, 2, "");
}

static void write_control(script *bytes, talk *talk)
{
    uint8_t token[32];
    hello   hello = hello_good(talk, token);

    hello.version_min = hello.version_max = 0;
    script_magic(bytes);
    script_hello(bytes, &hello);
    script_text(bytes, STOP, 1, "");
}

static void write_json(script *bytes, talk *talk)
{
    char *line = json_line(talk, "\"request\":\"serve me\"");

    script_bytes(bytes, line, strlen(line));
    free(line);
}

static void another_user_gets_no_byte_and_reaches_no_handler(void **state)
{
    talk  *talk = *state;
    script bytes = {0};
    wire   good;

    support_need_root();
    talk->options.on_stop = talk_on_stop;
    talk_serve(talk);
    wire_open(&good, talk);
    open_the_doors(talk);
    talk->seen.here = 0; /* the good one is in; nobody else comes meanwhile */
    write_binary(&bytes, talk);
    expect_nothing_for(talk, &bytes, SUPPORT_OTHER_UID);
    write_control(&bytes, talk);
    expect_nothing_for(talk, &bytes, SUPPORT_OTHER_UID);
    write_json(&bytes, talk);
    expect_nothing_for(talk, &bytes, SUPPORT_OTHER_UID);
    write_binary(&bytes, talk);
    expect_nothing_for(talk, &bytes, 65534);    /* the kernel's name for "nobody it knows" */
    assert_true(talk_now(talk, troubles) >= 4); /* the server is told of each */
    assert_int_equal(talk_all(talk).trouble.code, CORDON_EIMPOSTOR);
    assert_int_equal(talk_now(talk, stops), 0);
    wire_say(&good, REQUEST, 1, "still here?");
    wire_expect(&good, REPLY, 1, "still here?");
    wire_close(&good);
}

/* He never says a word: he must not hold one of the places of those who are not yet admitted. */
static int sit_silently(void *context)
{
    int fds[40];

    for (int i = 0; i < 40; i++)
        fds[i] = support_raw_open(((intruder *)context)->talk->endpoint);
    for (int i = 0; i < 40; i++) {
        if (!support_raw_ends(fds[i], SUPPORT_SOON))
            return 1;
    }
    return 0;
}

static void another_user_takes_no_place(void **state)
{
    talk    *talk = *state;
    intruder intruder = {talk, {0}};
    wire     waiting, good;

    support_need_root();
    talk->options.max_strangers = 2;
    talk->options.hello_ms = TALK_PATIENCE_MS;
    talk_serve(talk);
    open_the_doors(talk);
    wire_connect(&waiting, talk); /* one of ours, not yet admitted */
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, sit_silently, &intruder), SUPPORT_SOON), 0);
    assert_int_equal(chmod(talk->directory, 0700), 0);
    wire_open(&good, talk);
    assert_true(support_raw_is_silent(waiting.raw, 0)); /* still in its place */
    wire_close(&waiting);
    wire_close(&good);
}

/* With the modes as we make them he cannot even connect or read the token. */
static int look_around(void *context)
{
    talk *talk = context;
    int   count = 0;

    for (int place = CORDON_ADDRESS; place <= CORDON_LOCK; place++)
        count += access(cordon_endpoint_path(talk->endpoint, (enum cordon_place)place), F_OK) == 0;
    return count;
}

static void another_user_sees_no_file_of_ours(void **state)
{
    talk *talk = *state;

    support_need_root();
    talk_serve(talk);
    assert_int_equal(
        support_wait(support_fork_as(SUPPORT_OTHER_UID, look_around, talk), SUPPORT_SOON), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_BOTH(another_user_gets_no_byte_and_reaches_no_handler),
        TALK_BOTH(another_user_takes_no_place),
        TALK_ONE(another_user_sees_no_file_of_ours),
    };

    return cmocka_run_group_tests_name("attack_stranger", tests, NULL, NULL);
}
