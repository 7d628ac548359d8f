/*
 * Bytes as frames. The last byte says whose they are (bit 0) and into what pieces they are cut.
 * Held: whole or in pieces the same frames come; a view never leaves the input; what is broken
 * stays broken; a frozen payload that was read is written as it was.
 */
#include "fuzz.h"

#include "../../src/frame.h"

#define LIMIT 4096

static void check_hello(cordon_bytes payload)
{
    cordon__hello hello, again;
    uint8_t       written[CORDON__HELLO_MAX];
    cordon_bytes  view = {written, 0};

    if (cordon__hello_decode(&hello, payload) != 0)
        return;
    FUZZ_CHECK(fuzz_is_inside(hello.token, payload) && fuzz_is_inside(hello.program, payload));
    FUZZ_CHECK(hello.token.size == 0 || hello.token.size == 32);
    view.size = cordon__hello_encode(written, &hello);
    FUZZ_CHECK(view.size <= payload.size && memcmp(written, payload.data, view.size) == 0);
    FUZZ_CHECK(cordon__hello_decode(&again, view) == 0);
}

static void check_welcome(cordon_bytes payload)
{
    cordon__welcome welcome;
    uint8_t         written[CORDON__HELLO_MAX];
    size_t          size;

    if (cordon__welcome_decode(&welcome, payload) != 0)
        return;
    FUZZ_CHECK(fuzz_is_inside(welcome.program, payload));
    size = cordon__welcome_encode(written, &welcome);
    FUZZ_CHECK(size <= payload.size && memcmp(written, payload.data, size) == 0);
}

static void check_refused(cordon_bytes payload)
{
    cordon__refused refused;
    uint8_t         written[CORDON__HELLO_MAX];
    size_t          size;

    if (cordon__refused_decode(&refused, payload) != 0)
        return;
    FUZZ_CHECK(fuzz_is_inside(refused.text, payload));
    size = cordon__refused_encode(written, &refused);
    FUZZ_CHECK(size <= payload.size && memcmp(written, payload.data, size) == 0);
}

static void check_payload(const cordon__frame *frame)
{
    if (frame->type == CORDON__HELLO)
        check_hello(frame->body);
    if (frame->type == CORDON__WELCOME)
        check_welcome(frame->body);
    if (frame->type == CORDON__REFUSED)
        check_refused(frame->body);
}

static uint64_t mix_frame(uint64_t sum, const cordon__frame *frame)
{
    sum = fuzz_mix(sum, &frame->type, sizeof frame->type);
    sum = fuzz_mix(sum, &frame->flags, sizeof frame->flags);
    sum = fuzz_mix(sum, &frame->handles, sizeof frame->handles);
    sum = fuzz_mix(sum, &frame->id, sizeof frame->id);
    return fuzz_mix(sum, frame->body.data, frame->body.size);
}

/* One side's bytes, `piece` more at a time: what came of them, in a number. */
static uint64_t read_all(int is_from_client, cordon_bytes bytes, size_t piece)
{
    cordon__decoder decoder = {is_from_client, LIMIT, 0, NULL};
    size_t          done = 0, there = 0;
    uint64_t        sum = 1;

    while (there < bytes.size) {
        there += piece < bytes.size - there ? piece : bytes.size - there;
        for (;;) {
            cordon_bytes  in = fuzz_exact((const uint8_t *)bytes.data + done, there - done);
            cordon__frame frame;
            size_t        used = 0, need = 0;
            int           code = cordon__frame_next(&decoder, &frame, in, &used, &need);

            if (code == CORDON__FRAME_READY) {
                FUZZ_CHECK(used >= CORDON__FRAME_HEAD && used <= in.size);
                FUZZ_CHECK(fuzz_is_inside(frame.body, in));
                sum = mix_frame(sum, &frame);
                check_payload(&frame);
            }
            if (code == CORDON__FRAME_MORE)
                FUZZ_CHECK(used == 0 && need > in.size && need <= LIMIT * 2);
            if (code < 0) {
                FUZZ_CHECK(decoder.failed == code && decoder.why != NULL);
                FUZZ_CHECK(cordon__frame_next(&decoder, &frame, in, &used, &need) == code);
            }
            fuzz_drop(in);
            if (code < 0)
                return fuzz_mix(sum, decoder.why, strlen(decoder.why));
            if (code == CORDON__FRAME_MORE)
                break;
            done += used;
        }
    }
    return fuzz_mix(sum, &done, sizeof done);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cordon_bytes bytes = {data, size > 0 ? size - 1 : 0};
    unsigned     how = size > 0 ? data[size - 1] : 0;
    uint64_t     whole = read_all((int)(how & 1), bytes, bytes.size);

    FUZZ_CHECK(read_all((int)(how & 1), bytes, 1 + how / 2) == whole);
    return 0;
}
