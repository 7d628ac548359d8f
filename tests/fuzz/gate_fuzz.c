/*
 * A client's bytes at the gate. The last byte chooses what is switched off and into what pieces
 * they are cut. Held: whole or in pieces the same acts come, in the same order; nothing is asked
 * before the gate has admitted; after it is over nothing comes; views stay inside the input.
 * The token is the one of tests/golden.
 */
#include "fuzz.h"

#include "../../src/fault.h"
#include "../../src/gate.h"

#define LIMIT 4096

/* One client: the gate, and what of its bytes is not used yet. */
typedef struct client {
    cordon__gate  gate;
    cordon__rules rules;
    uint64_t      sum;
    size_t        done;
    int           was_admitted;
    int           is_over; /* broken or vanished */
} client;

static void open_client(client *client, unsigned flags)
{
    memset(client, 0, sizeof *client);
    client->rules.flags = flags;
    client->rules.max_request = LIMIT;
    for (size_t i = 0; i < sizeof client->rules.token.bytes; i++)
        client->rules.token.bytes[i] = (uint8_t)i;
    cordon__gate_open(&client->gate);
    client->sum = 1;
}

static int is_of_admitted(enum cordon__act_kind kind)
{
    return kind != CORDON__ACT_MORE && kind != CORDON__ACT_ADMIT && kind != CORDON__ACT_BREAK &&
           kind != CORDON__ACT_VANISH;
}

static void mix_act(client *client, const cordon__act *act)
{
    client->sum = fuzz_mix(client->sum, &act->kind, sizeof act->kind);
    client->sum = fuzz_mix(client->sum, &act->code, sizeof act->code);
    client->sum = fuzz_mix(client->sum, &act->id, sizeof act->id);
    client->sum = fuzz_mix(client->sum, &act->is_one_shot, sizeof act->is_one_shot);
    client->sum = fuzz_mix(client->sum, act->key.data, act->key.size);
    client->sum = fuzz_mix(client->sum, act->body.data, act->body.size);
    client->sum = fuzz_mix(client->sum, act->program.data, act->program.size);
    client->sum = fuzz_mix(client->sum, act->text, strlen(act->text));
}

static void check_act(const client *client, const cordon__act *act, cordon_bytes in, size_t used)
{
    FUZZ_CHECK(used <= in.size);
    FUZZ_CHECK(fuzz_is_inside(act->key, in) && fuzz_is_inside(act->body, in) &&
               fuzz_is_inside(act->program, in));
    FUZZ_CHECK(act->body.size <= LIMIT && act->key.size <= CORDON__KEY_MAX);
    FUZZ_CHECK(memchr(act->text, '\0', sizeof act->text) != NULL);
    FUZZ_CHECK(client->was_admitted || !is_of_admitted(act->kind));
    FUZZ_CHECK(!client->is_over || act->kind == CORDON__ACT_MORE);
    if (act->kind == CORDON__ACT_FAIL || act->kind == CORDON__ACT_BREAK)
        FUZZ_CHECK(act->text[0] != '\0' && cordon__wire_name(act->code) != NULL);
    if (act->kind == CORDON__ACT_MORE && client->gate.state != CORDON__GATE_OVER)
        FUZZ_CHECK(act->need > in.size - used);
}

/* As a server does with what has come so far. */
static void hear(client *client, const uint8_t *data, size_t there)
{
    for (;;) {
        cordon_bytes in = fuzz_exact(data + client->done, there - client->done);
        cordon__act  act;
        size_t       used;

        cordon__gate_next(&client->gate, &client->rules, in, &used, &act);
        check_act(client, &act, in, used);
        if (act.kind != CORDON__ACT_MORE)
            mix_act(client, &act);
        fuzz_drop(in);
        client->done += used;
        if (act.kind == CORDON__ACT_MORE)
            return;
        if (act.kind == CORDON__ACT_ADMIT) {
            client->was_admitted = 1;
            cordon__gate_admit(&client->gate, &client->rules);
        }
        client->is_over |= act.kind == CORDON__ACT_BREAK || act.kind == CORDON__ACT_VANISH;
    }
}

static uint64_t hear_all(unsigned flags, const uint8_t *data, size_t size, size_t piece)
{
    client       client;
    cordon_bytes rest;
    cordon__act  act;

    open_client(&client, flags);
    for (size_t there = 0; there < size;) {
        there += piece < size - there ? piece : size - there;
        hear(&client, data, there);
    }
    rest = fuzz_exact(data + client.done, size - client.done);
    cordon__gate_end(&client.gate, rest, &act);
    fuzz_drop(rest);
    mix_act(&client, &act);
    return client.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned how = size > 0 ? data[size - 1] : 0;
    unsigned flags = (how & 7) == 1 ? CORDON_NO_JSON : (how & 7) == 2 ? CORDON_NO_BINARY : 0;
    uint64_t whole;

    if (size > 0)
        size--;
    whole = hear_all(flags, data, size, size);
    FUZZ_CHECK(hear_all(flags, data, size, 1 + how / 8) == whole);
    return 0;
}
