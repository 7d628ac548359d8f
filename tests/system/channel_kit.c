#include "channel_kit.h"

static const char *program;

/* ---- children ---------------------------------------------------------------------- */

static const kit_part *part_named(const kit_part *parts, const char *name)
{
    while (parts->name != NULL && strcmp(parts->name, name) != 0)
        parts++;
    return parts->name != NULL ? parts : NULL;
}

int kit_play_part(int count, char **arguments, const kit_part *parts)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_channel *channel;
    const kit_part *part;
    int             status;

    if (count != 4 || strcmp(arguments[1], "--part") != 0)
        return -1;
    part = part_named(parts, arguments[2]);
    if (part == NULL)
        return -1;
    support_become_child();
    SUPPORT_CODE(cordon_channel_inherit(&channel, &fault), CORDON_OK, &fault);
    status = part->play(channel, arguments[3]);
    cordon_channel_close(channel);
    return status;
}

int kit_play(int count, char **arguments, const kit_part *parts)
{
    int status;

    program = arguments[0];
    status = kit_own_play(count, arguments);
    if (status < 0)
        status = kit_play_part(count, arguments, parts);
    if (status < 0 && count == 4 && strcmp(arguments[1], "--part") == 0)
        status = SUPPORT_BROKEN; /* no such part */
    return status;
}

int kit_echo(cordon_channel *channel, const char *argument)
{
    const cordon_message *message;
    int                   code;

    (void)argument;
    while ((code = cordon_channel_receive(&message, channel, KIT_WAIT_MS, NULL)) == CORDON_OK) {
        char *copy = malloc(message->body.size + 1);

        memcpy(copy, message->body.data, message->body.size);
        SUPPORT_CHECK(cordon_channel_send(channel, message->tag,
                                          (cordon_bytes){copy, message->body.size}, NULL, 0,
                                          KIT_WAIT_MS, NULL) == CORDON_OK);
        free(copy);
    }
    SUPPORT_CHECK(code == CORDON_ECLOSED);
    return KIT_ECHOED;
}

int kit_exit(cordon_channel *channel, const char *argument)
{
    (void)channel;
    return atoi(argument);
}

const char *const *kit_command(const char *part, const char *argument)
{
    static const char *command[5];

    command[0] = program;
    command[1] = "--part";
    command[2] = part;
    command[3] = argument;
    return command;
}

cordon_channel *kit_start(const char *part, const char *argument,
                          const cordon_child_options *options)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_channel *channel = NULL;

    SUPPORT_CODE(cordon_channel_start(&channel, kit_command(part, argument), options, &fault),
                 CORDON_OK, &fault);
    return channel;
}

/* ---- messages ------------------------------------------------------------------------ */

void kit_send_handles(cordon_channel *channel, uint32_t tag, const char *text,
                      const cordon_handle *handles, size_t count)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(
        cordon_channel_send(channel, tag, KIT_BODY(text), handles, count, KIT_WAIT_MS, &fault),
        CORDON_OK, &fault);
}

void kit_send(cordon_channel *channel, uint32_t tag, const char *text)
{
    kit_send_handles(channel, tag, text, NULL, 0);
}

const cordon_message *kit_receive(cordon_channel *channel)
{
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message = NULL;

    SUPPORT_CODE(cordon_channel_receive(&message, channel, KIT_WAIT_MS, &fault), CORDON_OK, &fault);
    SUPPORT_CHECK(message->kind == CORDON_MESSAGE);
    SUPPORT_CHECK(message->code == CORDON_OK && message->id == 0);
    return message;
}

const cordon_message *kit_expect(cordon_channel *channel, uint32_t tag, const char *text)
{
    const cordon_message *message = kit_receive(channel);

    if (message->tag != tag || message->body.size != strlen(text))
        print_error("wanted %u \"%s\", got %u \"%.*s\"\n", (unsigned)tag, text,
                    (unsigned)message->tag, (int)message->body.size,
                    (const char *)message->body.data);
    SUPPORT_CHECK(message->tag == tag);
    SUPPORT_CHECK(message->body.size == strlen(text));
    SUPPORT_CHECK(text[0] == '\0' || memcmp(message->body.data, text, strlen(text)) == 0);
    return message;
}

void kit_expect_code(cordon_channel *channel, int code)
{
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message = NULL;

    SUPPORT_CODE(cordon_channel_receive(&message, channel, KIT_WAIT_MS, &fault), code, &fault);
    SUPPORT_CHECK(message == NULL);
}

void kit_expect_exit(cordon_channel *channel, int status)
{
    cordon_fault fault = CORDON_FAULT_INIT;
    int          found = -2;

    SUPPORT_CODE(cordon_channel_wait(&found, channel, KIT_WAIT_MS, &fault), CORDON_OK, &fault);
    if (found != status)
        print_error("wanted exit status %d, got %d\n", status, found);
    SUPPORT_CHECK(found == status);
}

/* ---- a pair in this process ------------------------------------------------------------- */

void kit_pair(cordon_channel **parent, cordon_channel **child)
{
    cordon_fault  fault = CORDON_FAULT_INIT;
    cordon_handle theirs;
    char          word[33];

    SUPPORT_CODE(cordon_channel_pair(parent, &theirs, word, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(cordon_channel_adopt(child, theirs, word, 0, &fault), CORDON_OK, &fault);
}
