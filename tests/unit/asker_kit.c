#include "asker_kit.h"

const cordon__token secret = {{0xAB, 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                               16,   17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 0xCD}};

cordon_bytes text(const char *words)
{
    return cordon_text(words);
}

void assert_bytes(cordon_bytes bytes, const char *expected)
{
    assert_int_equal(bytes.size, strlen(expected));
    if (bytes.size > 0)
        assert_memory_equal(bytes.data, expected, bytes.size);
}

/* ---- Scenery: an asker, and what its server says ------------------------------------ */

cordon__asker_setup plain(void)
{
    cordon__asker_setup setup;

    memset(&setup, 0, sizeof setup);
    setup.memory = cordon__libc;
    setup.max_reply = MAX_REPLY;
    return setup;
}

void say(said *server, unsigned type, unsigned flags, uint32_t id, const void *body, size_t size)
{
    server->size += support_put_frame(server->bytes + server->size, type, flags, id, body, size);
}

void say_text(said *server, unsigned type, unsigned flags, uint32_t id, const char *body)
{
    say(server, type, flags, id, body, strlen(body));
}

void say_failure(said *server, uint32_t id, unsigned wire, const char *why)
{
    uint8_t payload[256];

    support_put16(payload, (uint16_t)wire);
    memcpy(payload + 2, why, strlen(why));
    say(server, CORDON__FAILURE_FRAME, 0, id, payload, 2 + strlen(why));
}

void say_welcome(said *server, uint16_t version, uint32_t limit)
{
    cordon__welcome welcome = {version, 0, limit, 0x1122334455667788u, 42, {"srv 1", 5}};
    uint8_t         payload[CORDON__HELLO_MAX];

    say(server, CORDON__WELCOME, 0, 0, payload, cordon__welcome_encode(payload, &welcome));
}

void say_refused(said *server, unsigned wire, uint16_t min, uint16_t max, const char *why)
{
    cordon__refused refused = {(uint16_t)wire, min, max, {why, strlen(why)}};
    uint8_t         payload[CORDON__TEXT_MAX];

    say(server, CORDON__REFUSED, 0, 0, payload, cordon__refused_encode(payload, &refused));
}

/* Hears the next thing; what was used goes. */
int hear(cordon__asker *asker, cordon__heard *heard, said *server)
{
    cordon_bytes in = {server->bytes, server->size};
    size_t       used, need;
    int          code = cordon__asker_hear(asker, heard, in, &used, &need);
    static char  copy[8192];

    if (heard->body.size > 0 && code == CORDON__HEARD) {
        memcpy(copy, heard->body.data, heard->body.size);
        heard->body.data = copy;
    }
    memmove(server->bytes, server->bytes + used, server->size - used);
    server->size -= used;
    return code;
}

void hear_kind(cordon__asker *asker, cordon__heard *heard, said *server,
               enum cordon__heard_kind kind)
{
    assert_int_equal(hear(asker, heard, server), CORDON__HEARD);
    assert_int_equal(heard->kind, kind);
}

/* An asker that has been let in. */
void let_in(cordon__asker *asker, const cordon__asker_setup *setup)
{
    uint8_t       hello[CORDON__HELLO_ROOM];
    cordon__heard heard;
    said          server = {{0}, 0};

    cordon__asker_open(asker, setup);
    (void)cordon__asker_hello(asker, hello, &secret);
    say_welcome(&server, setup->is_control ? 0 : 1, 65536);
    hear_kind(asker, &heard, &server, CORDON__HEARD_WELCOME);
}

uint32_t ask(cordon__asker *asker)
{
    cordon__question question;

    assert_int_equal(cordon__asker_ask(asker, &question, CORDON__REQUEST, text("x"), &secret), 0);
    return question.id;
}
