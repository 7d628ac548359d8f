/* A puppet with a channel, as `cordon run` starts it. */
#include "puppet.h"

#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

#include "cordon.h"

enum { TAG_TEXT = 0, TAG_FILE = 1, WRONG = 98 };

/* Whatever goes wrong here is an exit status that nothing else has. */
static void check(int code, cordon_fault *fault)
{
    if (code == CORDON_OK)
        return;
    fprintf(stderr, "%s\n", cordon_fault_line(fault));
    exit(WRONG);
}

static const cordon_message *receive(cordon_channel *channel)
{
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message = NULL;

    check(cordon_channel_receive(&message, channel, CORDON_FOREVER, &fault), &fault);
    return message;
}

static void say(cordon_channel *channel, cordon_bytes body)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    check(cordon_channel_send(channel, TAG_TEXT, body, NULL, 0, CORDON_FOREVER, &fault), &fault);
}

static cordon_channel *begin(void)
{
    cordon_channel *channel = NULL;
    cordon_fault    fault = CORDON_FAULT_INIT;

    check(cordon_channel_inherit(&channel, &fault), &fault);
    return channel;
}

int puppet_echo(char **words)
{
    cordon_channel *channel = begin();

    (void)words;
    say(channel, receive(channel)->body);
    cordon_channel_close(channel);
    return 0;
}

/* The name that came with it, and what it holds. */
static void tell_file(cordon_channel *channel, const cordon_message *message)
{
    const cordon_handle handle = cordon_message_take(message, 0);
    const uv_file       file = uv_open_osfhandle((uv_os_fd_t)handle);
    char                holds[256], text[2048];
    uv_buf_t            room = uv_buf_init(holds, sizeof holds);
    uv_fs_t             request;
    int                 size;

    if (message->tag != TAG_FILE || message->handle_count != 1)
        exit(WRONG);
    size = uv_fs_read(NULL, &request, file, &room, 1, 0, NULL);
    uv_fs_req_cleanup(&request);
    uv_fs_close(NULL, &request, file, NULL);
    uv_fs_req_cleanup(&request);
    if (size < 0)
        exit(WRONG);
    snprintf(text, sizeof text, "%.*s: %.*s", (int)message->body.size,
             (const char *)message->body.data, size, holds);
    say(channel, cordon_text(text));
}

int puppet_files(char **words)
{
    cordon_channel *channel = begin();

    (void)receive(channel);
    for (int left = atoi(words[0]); left > 0; left--)
        tell_file(channel, receive(channel));
    cordon_channel_close(channel);
    return 0;
}
