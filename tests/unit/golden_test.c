/*
 * The golden bytes of the binary framing: what we write is them, and we read them.
 */
#include "golden.h"
#include "listing.h"

#include "../../src/fault.h"
#include "../../src/frame.h"

enum { FROM_SERVER, FROM_CLIENT };

static const uint8_t token[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                  16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

/* Read: one whole frame, not a byte left. */
static cordon__frame read_frame(cordon_bytes bytes, int is_from_client)
{
    cordon__decoder decoder = {is_from_client, 65536, 0, NULL};
    cordon__frame   frame;
    size_t          used, need;

    assert_int_equal(cordon__frame_next(&decoder, &frame, bytes, &used, &need),
                     CORDON__FRAME_READY);
    assert_int_equal(used, bytes.size);
    return frame;
}

static void expect_bytes(cordon_bytes one, const void *data, size_t size)
{
    assert_int_equal(one.size, size);
    if (size > 0)
        assert_memory_equal(one.data, data, size);
}

/* Write: the head and this payload are the golden bytes. */
static void expect_frame(cordon_bytes bytes, enum cordon__frame_type type, unsigned flags,
                         uint32_t id, const void *payload, size_t size)
{
    uint8_t written[GOLDEN_ROOM + CORDON__FRAME_HEAD];

    cordon__frame_head(written, type, flags, id, size);
    if (size > 0)
        memcpy(written + CORDON__FRAME_HEAD, payload, size);
    expect_bytes(bytes, written, CORDON__FRAME_HEAD + size);
}

/* ---- frames whose payload is free ------------------------------------------------- */

static const struct {
    const char             *name;
    int                     side;
    enum cordon__frame_type type;
    unsigned                flags;
    uint32_t                id;
    const char             *payload;
    size_t                  size;
} plain[] = {
    {"request", FROM_CLIENT, CORDON__REQUEST, 0, 1, "status", 6},
    {"request_empty", FROM_CLIENT, CORDON__REQUEST, 0, UINT32_MAX, "", 0},
    {"reply", FROM_SERVER, CORDON__REPLY_FRAME, 0, 1, "idle", 4},
    {"reply_part", FROM_SERVER, CORDON__REPLY_FRAME, CORDON__MORE_PARTS, 2, "line ", 5},
    {"failure", FROM_SERVER, CORDON__FAILURE_FRAME, 0, 2, "\x2C\x01no such setting", 17},
    {"failure_session", FROM_SERVER, CORDON__FAILURE_FRAME, 0, 0, "\x05\0unknown frame type", 20},
    {"event", FROM_SERVER, CORDON__EVENT_FRAME, 0, 0, "paused", 6},
    {"cancel", FROM_CLIENT, CORDON__CANCEL, 0, 3, "", 0},
    {"ping", FROM_CLIENT, CORDON__PING, 0, 0, "\xDE\xAD\xBE\xEF", 4},
    {"ping", FROM_SERVER, CORDON__PING, 0, 0, "\xDE\xAD\xBE\xEF", 4},
    {"pong", FROM_CLIENT, CORDON__PONG, 0, 0, "\xDE\xAD\xBE\xEF", 4},
    {"pong", FROM_SERVER, CORDON__PONG, 0, 0, "\xDE\xAD\xBE\xEF", 4},
    {"finish", FROM_CLIENT, CORDON__FINISH, 0, 0, "", 0},
    {"finish", FROM_SERVER, CORDON__FINISH, 0, 0, "", 0},
    {"stop", FROM_CLIENT, CORDON__STOP, 0, 4, "", 0},
    {"status", FROM_CLIENT, CORDON__STATUS, 0, 5, "", 0},
    {"upgrade", FROM_CLIENT, CORDON__UPGRADE, 0, 6, "raw", 3},
};

static void plain_frames_are_written_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(plain); i++) {
        uint8_t       room[GOLDEN_ROOM];
        cordon_bytes  bytes = golden(room, plain[i].name);
        cordon__frame frame;

        expect_frame(bytes, plain[i].type, plain[i].flags, plain[i].id, plain[i].payload,
                     plain[i].size);
        frame = read_frame(bytes, plain[i].side);
        assert_int_equal(frame.type, plain[i].type);
        assert_int_equal(frame.flags, plain[i].flags);
        assert_int_equal(frame.id, plain[i].id);
        expect_bytes(frame.body, plain[i].payload, plain[i].size);
    }
}

/* ---- the frozen ones ------------------------------------------------------------------ */

static const struct {
    const char   *name;
    cordon__hello hello;
} hellos[] = {
    {"hello", {1, 1, 1, 1048576, {token, 32}, {"trayctl 2.1", 11}}},
    {"hello_no_token", {1, 1, 0, 4096, {token, 0}, {"", 0}}},
    {"hello_control", {0, 0, 0, 1048576, {token, 32}, {"cordon 0.1.0", 12}}},
};

static void hellos_are_written_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hellos); i++) {
        const cordon__hello *hello = &hellos[i].hello;
        uint8_t              room[GOLDEN_ROOM], payload[CORDON__HELLO_MAX];
        cordon_bytes         bytes = golden(room, hellos[i].name);
        cordon__hello        found;

        expect_frame(bytes, CORDON__HELLO, 0, 0, payload, cordon__hello_encode(payload, hello));
        assert_int_equal(cordon__hello_decode(&found, read_frame(bytes, FROM_CLIENT).body), 0);
        assert_int_equal(found.version_min, hello->version_min);
        assert_int_equal(found.version_max, hello->version_max);
        assert_int_equal(found.features, hello->features);
        assert_int_equal(found.max_payload, hello->max_payload);
        expect_bytes(found.token, hello->token.data, hello->token.size);
        expect_bytes(found.program, hello->program.data, hello->program.size);
    }
}

static const struct {
    const char     *name;
    cordon__welcome welcome;
} welcomes[] = {
    {"welcome", {1, 1, 65536, UINT64_C(0x1122334455667788), 4711, {"tray 2.1", 8}}},
    {"welcome_control", {0, 0, 65536, UINT64_C(0x1122334455667788), 4711, {"tray 2.1", 8}}},
};

static void welcomes_are_written_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(welcomes); i++) {
        const cordon__welcome *welcome = &welcomes[i].welcome;
        uint8_t                room[GOLDEN_ROOM], payload[CORDON__HELLO_MAX];
        cordon_bytes           bytes = golden(room, welcomes[i].name);
        cordon__welcome        found;

        expect_frame(bytes, CORDON__WELCOME, 0, 0, payload,
                     cordon__welcome_encode(payload, welcome));
        assert_int_equal(cordon__welcome_decode(&found, read_frame(bytes, FROM_SERVER).body), 0);
        assert_int_equal(found.version, welcome->version);
        assert_int_equal(found.features, welcome->features);
        assert_int_equal(found.max_payload, welcome->max_payload);
        assert_true(found.instance == welcome->instance);
        assert_int_equal(found.pid, welcome->pid);
        expect_bytes(found.program, welcome->program.data, welcome->program.size);
    }
}

static const struct {
    const char     *name;
    cordon__refused refused;
} refusals[] = {
    {"refused", {CORDON__UNAUTHORIZED, 1, 1, {"the token was not accepted", 26}}},
    {"refused_version", {CORDON__VERSION, 1, 1, {"no common version", 17}}},
};

static void refusals_are_written_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const cordon__refused *refused = &refusals[i].refused;
        uint8_t                room[GOLDEN_ROOM], payload[CORDON__HELLO_MAX];
        cordon_bytes           bytes = golden(room, refusals[i].name);
        cordon__refused        found;

        expect_frame(bytes, CORDON__REFUSED, 0, 0, payload,
                     cordon__refused_encode(payload, refused));
        assert_int_equal(cordon__refused_decode(&found, read_frame(bytes, FROM_SERVER).body), 0);
        assert_int_equal(found.code, refused->code);
        assert_int_equal(found.version_min, refused->version_min);
        assert_int_equal(found.version_max, refused->version_max);
        expect_bytes(found.text, refused->text.data, refused->text.size);
    }
}

/* ---- an opening ------------------------------------------------------------------------ */

static void an_opening_is_magic_hello_and_request(void **state)
{
    uint8_t      room[GOLDEN_ROOM], other[GOLDEN_ROOM];
    cordon_bytes opening = golden(room, "opening"), part;
    size_t       at = 0;

    (void)state;
    expect_bytes(unit_view(room, CORDON__MAGIC_SIZE), cordon__magic, CORDON__MAGIC_SIZE);
    at += CORDON__MAGIC_SIZE;
    part = golden(other, "hello");
    assert_true(opening.size > at + part.size);
    expect_bytes(unit_view(room + at, part.size), part.data, part.size);
    at += part.size;
    part = golden(other, "request");
    expect_bytes(unit_view(room + at, opening.size - at), part.data, part.size);
}

/* ---- no file is forgotten ------------------------------------------------------------------ */

static int is_tested(const char *name)
{
    if (strcmp(name, "opening") == 0 || strncmp(name, "line_", 5) == 0) /* golden_line_test.c */
        return 1;
    if (strncmp(name, "channel_", 8) == 0) /* system/channel_foreign_test.c */
        return 1;
    for (size_t i = 0; i < COUNT(plain); i++)
        if (strcmp(plain[i].name, name) == 0)
            return 1;
    for (size_t i = 0; i < COUNT(hellos); i++)
        if (strcmp(hellos[i].name, name) == 0)
            return 1;
    for (size_t i = 0; i < COUNT(welcomes); i++)
        if (strcmp(welcomes[i].name, name) == 0)
            return 1;
    for (size_t i = 0; i < COUNT(refusals); i++)
        if (strcmp(refusals[i].name, name) == 0)
            return 1;
    return 0;
}

static void every_file_is_tested(void **state)
{
    char        folder[2048], name[256];
    const char *file;
    uv_fs_t     all;

    (void)state;
    snprintf(folder, sizeof folder, "%s/tests/golden", getenv("CORDON_SOURCE"));
    assert_int_equal(listing_open(&all, folder), 0);
    while ((file = listing_next(&all)) != NULL) {
        const char *suffix = strrchr(file, '.');

        if (!suffix || strcmp(suffix, ".hex") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(suffix - file), file);
        if (!is_tested(name))
            fail_msg("%s: no test reads it", file);
    }
    listing_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_frames_are_written_and_read),
        cmocka_unit_test(hellos_are_written_and_read),
        cmocka_unit_test(welcomes_are_written_and_read),
        cmocka_unit_test(refusals_are_written_and_read),
        cmocka_unit_test(an_opening_is_magic_hello_and_request),
        cmocka_unit_test(every_file_is_tested),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
