#include "dialect.h"

#include "frame.h"

#include "buffer.h"
#include "utf8.h"

#include <assert.h>
#include <string.h>

const uint8_t cordon__magic[CORDON__MAGIC_SIZE] = {0xC0, 0x43, 0x52, 0x44};

/* ---- what each frame may be -------------------------------------------------- */

enum side { CLIENT = 1, SERVER = 2, BOTH = 3 };
enum id { ID_NONE = 1, ID_SOME = 2, ID_ANY = ID_NONE | ID_SOME };

#define BODY UINT32_MAX /* as long as the decoder's limit allows */

typedef struct rule {
    uint8_t  from;  /* enum side */
    uint8_t  id;    /* enum id */
    uint8_t  flags; /* that may be set */
    uint32_t min, max;
} rule;

#define HELLO_MIN   14 /* without token and program */
#define WELCOME_MIN 23 /* without program */
#define REFUSED_MIN 6
#define FAILURE_MIN 2

static const rule rules[] = {
    [CORDON__HELLO] = {CLIENT, ID_NONE, 0, HELLO_MIN, CORDON__HELLO_MAX},
    [CORDON__WELCOME] = {SERVER, ID_NONE, 0, WELCOME_MIN, CORDON__HELLO_MAX},
    [CORDON__REFUSED] = {SERVER, ID_NONE, 0, REFUSED_MIN, REFUSED_MIN + CORDON__TEXT_MAX},
    [CORDON__REQUEST] = {CLIENT, ID_SOME, 0, 0, BODY},
    [CORDON__REPLY_FRAME] = {SERVER, ID_SOME, CORDON__MORE_PARTS, 0, BODY},
    [CORDON__FAILURE_FRAME] = {SERVER, ID_ANY, 0, FAILURE_MIN, FAILURE_MIN + CORDON__TEXT_MAX},
    [CORDON__EVENT_FRAME] = {SERVER, ID_NONE, 0, 0, BODY},
    [CORDON__CANCEL] = {CLIENT, ID_SOME, 0, 0, 0},
    [CORDON__PING] = {BOTH, ID_NONE, 0, 0, CORDON__PING_MAX},
    [CORDON__PONG] = {BOTH, ID_NONE, 0, 0, CORDON__PING_MAX},
    [CORDON__FINISH] = {BOTH, ID_NONE, 0, 0, 0},
    [CORDON__STOP] = {CLIENT, ID_SOME, 0, 0, 0},
    [CORDON__STATUS] = {CLIENT, ID_SOME, 0, 0, 0},
    [CORDON__UPGRADE] = {CLIENT, ID_SOME, 0, 0, BODY},
};

/* ---- decoding ---------------------------------------------------------------- */

CORDON__COLD static int refuse(cordon__decoder *decoder, int code, const char *why)
{
    decoder->failed = code;
    decoder->why = why;
    return code;
}

static int check_size(cordon__decoder *decoder, const rule *allowed, uint32_t size)
{
    if (size < allowed->min)
        return refuse(decoder, CORDON_EPROTOCOL, "payload too short for its type");
    if (allowed->max == BODY)
        return size > decoder->limit ? refuse(decoder, CORDON_EMSGSIZE, "payload over the limit")
                                     : 0;
    if (size <= allowed->max)
        return 0;
    /* What may be long is too large; what has nothing to say is not what it claims to be. */
    if (allowed->max > CORDON__PING_MAX)
        return refuse(decoder, CORDON_EMSGSIZE, "payload over the limit of its type");
    return refuse(decoder, CORDON_EPROTOCOL, "payload too long for its type");
}

static int check_head(cordon__decoder *decoder, const cordon__frame *frame, uint32_t size)
{
    const unsigned side = decoder->is_from_client ? CLIENT : SERVER;
    const rule    *allowed;

    if (frame->type == 0 || frame->type >= sizeof rules / sizeof rules[0])
        return refuse(decoder, CORDON_EPROTOCOL, "unknown frame type");
    allowed = &rules[frame->type];
    if ((allowed->from & side) == 0)
        return refuse(decoder, CORDON_EPROTOCOL, "a frame of the other side");
    if ((frame->flags & ~allowed->flags) != 0)
        return refuse(decoder, CORDON_EPROTOCOL,
                      (frame->flags & ~CORDON__MORE_PARTS) != 0
                          ? "reserved flags are set"
                          : "MORE on a frame that is no reply");
    if (frame->handles != 0)
        return refuse(decoder, CORDON_EPROTOCOL, "handles outside a channel");
    if ((allowed->id & (frame->id == 0 ? ID_NONE : ID_SOME)) == 0)
        return refuse(decoder, CORDON_EPROTOCOL, frame->id == 0 ? "id is 0" : "id is not 0");
    return check_size(decoder, allowed, size);
}

static uint32_t read_head(cordon__frame *frame, const uint8_t *head)
{
    frame->type = head[CORDON__FRAME_TYPE_AT];
    frame->flags = head[5];
    frame->handles = cordon__load16(head + 6);
    frame->id = cordon__load32(head + 8);
    return cordon__load32(head);
}

int cordon__frame_next(cordon__decoder *decoder, cordon__frame *frame, cordon_bytes in,
                       size_t *used, size_t *need)
{
    const uint8_t *head = (const uint8_t *)in.data;
    uint32_t       size;

    *used = 0;
    *need = CORDON__FRAME_HEAD;
    if (decoder->failed)
        return decoder->failed;
    if (in.size < CORDON__FRAME_HEAD)
        return CORDON__FRAME_MORE;
    size = read_head(frame, head);
    if (check_head(decoder, frame, size) != 0)
        return decoder->failed;
    *need = CORDON__FRAME_HEAD + (size_t)size;
    if (in.size - CORDON__FRAME_HEAD < size)
        return CORDON__FRAME_MORE;
    frame->body.data = head + CORDON__FRAME_HEAD;
    frame->body.size = size;
    *used = *need;
    return CORDON__FRAME_READY;
}

void cordon__frame_head(uint8_t head[CORDON__FRAME_HEAD], enum cordon__frame_type type,
                        unsigned flags, uint32_t id, size_t size)
{
    assert(size <= UINT32_MAX && flags <= UINT8_MAX);
    cordon__store32(head, (uint32_t)size);
    head[CORDON__FRAME_TYPE_AT] = (uint8_t)type;
    head[5] = (uint8_t)flags;
    cordon__store16(head + 6, 0);
    cordon__store32(head + 8, id);
}

/* ---- the frozen payloads ----------------------------------------------------- */

#define FIXED_MAX (WELCOME_MIN - 1) /* bytes of the fields of fixed size, at most */

/* Takes fields from the front; once it is short, all that follows is empty. */
typedef struct reader {
    const uint8_t *at;
    size_t         left;
    int            is_short;
} reader;

static reader read_from(cordon_bytes payload)
{
    reader in = {(const uint8_t *)payload.data, payload.size, 0};

    return in;
}

static const uint8_t *take(reader *in, size_t size)
{
    static const uint8_t none[FIXED_MAX];
    const uint8_t       *field = in->at;

    if (in->is_short || in->left < size) {
        in->is_short = 1;
        return none;
    }
    in->at += size;
    in->left -= size;
    return field;
}

static uint8_t take8(reader *in)
{
    return *take(in, 1);
}

/* A size byte and that many bytes. */
static cordon_bytes take_counted(reader *in)
{
    cordon_bytes field = {NULL, take8(in)};

    field.data = take(in, field.size);
    if (in->is_short)
        field.size = 0;
    return field;
}

int cordon__hello_decode(cordon__hello *hello, cordon_bytes payload)
{
    reader         in = read_from(payload);
    const uint8_t *fixed = take(&in, HELLO_MIN - 2);

    hello->version_min = cordon__load16(fixed);
    hello->version_max = cordon__load16(fixed + 2);
    hello->features = cordon__load32(fixed + 4);
    hello->max_payload = cordon__load32(fixed + 8);
    hello->token = take_counted(&in);
    hello->program = take_counted(&in);
    if (in.is_short || hello->version_min > hello->version_max)
        return CORDON_EPROTOCOL;
    if (hello->token.size != 0 && hello->token.size != 32)
        return CORDON_EPROTOCOL;
    return 0;
}

int cordon__welcome_decode(cordon__welcome *welcome, cordon_bytes payload)
{
    reader         in = read_from(payload);
    const uint8_t *fixed = take(&in, WELCOME_MIN - 1);

    welcome->version = cordon__load16(fixed);
    welcome->features = cordon__load32(fixed + 2);
    welcome->max_payload = cordon__load32(fixed + 6);
    welcome->instance = cordon__load64(fixed + 10);
    welcome->pid = cordon__load32(fixed + 18);
    welcome->program = take_counted(&in);
    return in.is_short ? CORDON_EPROTOCOL : 0;
}

int cordon__refused_decode(cordon__refused *refused, cordon_bytes payload)
{
    reader         in = read_from(payload);
    const uint8_t *fixed = take(&in, REFUSED_MIN);

    refused->code = cordon__load16(fixed);
    refused->version_min = cordon__load16(fixed + 2);
    refused->version_max = cordon__load16(fixed + 4);
    refused->text.data = in.at;
    refused->text.size = in.is_short ? 0 : in.left;
    return in.is_short ? CORDON_EPROTOCOL : 0;
}

static uint8_t *put_bytes(uint8_t *at, cordon_bytes bytes, size_t limit)
{
    size_t size = cordon__utf8_cut(bytes.data, bytes.size, limit);

    if (size > 0)
        memcpy(at, bytes.data, size);
    return at + size;
}

static uint8_t *put_program(uint8_t *at, cordon_bytes program)
{
    uint8_t *end = put_bytes(at + 1, program, UINT8_MAX);

    *at = (uint8_t)(end - at - 1);
    return end;
}

size_t cordon__hello_encode(uint8_t *out, const cordon__hello *hello)
{
    uint8_t *at = out + 13;

    assert(hello->token.size == 0 || hello->token.size == 32);
    cordon__store16(out, hello->version_min);
    cordon__store16(out + 2, hello->version_max);
    cordon__store32(out + 4, hello->features);
    cordon__store32(out + 8, hello->max_payload);
    out[12] = (uint8_t)hello->token.size;
    at = put_bytes(at, hello->token, hello->token.size);
    return (size_t)(put_program(at, hello->program) - out);
}

size_t cordon__welcome_encode(uint8_t *out, const cordon__welcome *welcome)
{
    cordon__store16(out, welcome->version);
    cordon__store32(out + 2, welcome->features);
    cordon__store32(out + 6, welcome->max_payload);
    cordon__store64(out + 10, welcome->instance);
    cordon__store32(out + 18, welcome->pid);
    return (size_t)(put_program(out + 22, welcome->program) - out);
}

size_t cordon__refused_encode(uint8_t *out, const cordon__refused *refused)
{
    cordon__store16(out, refused->code);
    cordon__store16(out + 2, refused->version_min);
    cordon__store16(out + 4, refused->version_max);
    return (size_t)(put_bytes(out + 6, refused->text, CORDON__TEXT_MAX - 6) - out);
}
