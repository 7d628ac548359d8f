#include "channel_helper.h"

static void on_turn(cordon_request *request, enum cordon_turn turn, void *context)
{
    helper *helper = context;

    (void)request;
    if (turn == CORDON_CANCELED)
        helper->canceled++;
    else if (turn == CORDON_LEFT)
        helper->left++;
    else if (turn == CORDON_LATE)
        helper->late++;
}

static int begins_with(cordon_bytes body, const char *word)
{
    return body.size >= strlen(word) && memcmp(body.data, word, strlen(word)) == 0;
}

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    helper *helper = user;

    helper->asked++;
    if (begins_with(body, "hold")) {
        cordon_request_watch(request, on_turn, helper);
        uv_mutex_lock(&helper->lock);
        helper->held[helper->held_count++] = request;
        uv_mutex_unlock(&helper->lock);
    } else if (begins_with(body, "fail")) {
        cordon_fail(&request, 300, "failed as asked");
    } else if (begins_with(body, "unauthorized")) {
        cordon_fail(&request, CORDON_EUNAUTHORIZED, "not you");
    } else if (begins_with(body, "event")) {
        cordon_server_push(helper->server, CORDON_EVERYONE, cordon_text("news"));
        cordon_reply(&request, body);
    } else if (begins_with(body, "parts")) {
        cordon_reply_part(request, cordon_text("one "));
        cordon_reply_part(request, cordon_text("two "));
        cordon_reply(&request, cordon_text("three"));
    } else if (begins_with(body, "serve")) {
        serve(helper->other, helper);
        helper->asked_within = helper->asked;
        cordon_reply(&request, cordon_request_keep(request));
    } else if (cordon_reply(&request, body) != CORDON_OK) {
        cordon_fail(&request, CORDON_EMSGSIZE, "the echo does not fit");
    }
}

static void on_session(cordon_session_id id, const cordon_peer *peer, int is_here,
                       const cordon_fault *why, void *user)
{
    helper *helper = user;

    (void)id;
    if (is_here) {
        helper->peer_pid = peer->pid;
        helper->peer_known = peer->known;
        helper->here++;
    } else {
        helper->why = why->code;
        helper->gone++;
    }
}

static int on_stop(const cordon_peer *peer, void *user)
{
    (void)peer;
    ((helper *)user)->stops++;
    return CORDON_OK;
}

static void on_closed(void *user)
{
    ((helper *)user)->closed++;
}

void helper_open(helper *helper, const cordon_server_options *given)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    cordon_fault          fault = CORDON_FAULT_INIT;

    memset(helper, 0, sizeof *helper);
    SUPPORT_CHECK(uv_mutex_init(&helper->lock) == 0);
    if (given != NULL)
        options = *given;
    options.user = helper;
    options.on_session = on_session;
    options.on_stop = on_stop;
    options.on_closed = on_closed;
    SUPPORT_CODE(cordon_loop_open_thread(&helper->loop, &fault), CORDON_OK, &fault);
    SUPPORT_CODE(
        cordon_server_open(&helper->server, helper->loop, NULL, on_request, &options, &fault),
        CORDON_OK, &fault);
}

void helper_close(helper *helper)
{
    cordon_server_close(helper->server);
    cordon_loop_close(helper->loop);
    SUPPORT_CHECK(helper->closed == 1);
    uv_mutex_destroy(&helper->lock);
}

static cordon_request *take_held(helper *helper, size_t index)
{
    cordon_request *request;

    uv_mutex_lock(&helper->lock);
    SUPPORT_CHECK(index < helper->held_count);
    request = helper->held[index];
    helper->held_count--;
    for (size_t i = index; i < helper->held_count; i++)
        helper->held[i] = helper->held[i + 1];
    uv_mutex_unlock(&helper->lock);
    return request;
}

int answers_one(helper *helper)
{
    cordon_request *request = take_held(helper, helper->held_count - 1);

    return cordon_reply(&request, cordon_text("held"));
}

void serve(cordon_channel *channel, helper *helper)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    SUPPORT_CODE(cordon_channel_serve(channel, helper->server, &fault), CORDON_OK, &fault);
}
