/*
 * A tray-like daemon without a window: tray [DIR]
 *
 * What is said is JSON, so programs (binary framing) and scripts (JSON lines) are
 * answered by the same code. Requests are objects with "do":
 *
 *     {"do": "status"}                                what it is doing
 *     {"do": "pause", "seconds": 60}                  1 to 86400, clamped
 *     {"do": "resume"}
 *     {"do": "settings"}                              all that may be seen
 *     {"do": "settings", "get": "volume"}
 *     {"do": "settings", "set": {"volume": 30}}       all of these or none; the answer is
 *                                                     what stands now: numbers are clamped
 *
 * Failures are numbers of ours, from 256 on, with a text for people.
 */
#include <cordon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "settings.h"

#define LONGEST_PAUSE_S 86400

enum failure {
    FAILURE_REQUEST = 256, /* not an object with "do", or a member is missing or wrong */
    FAILURE_UNKNOWN,       /* no such verb or setting */
    FAILURE_FORBIDDEN      /* a setting that may not be touched over the line */
};

struct tray {
    uv_loop_t      uv;
    uv_signal_t    signals[3];
    uv_timer_t     pause; /* running: paused */
    cordon_loop   *loop;
    cordon_server *server;
    json_t        *settings;
};

/* ---- answers ------------------------------------------------------------------- */

/* Takes the reference. */
static void answer(cordon_request **request, json_t *reply)
{
    char *text = json_dumps(reply, JSON_COMPACT | JSON_ENCODE_ANY);

    json_decref(reply);
    if (text == NULL || cordon_reply(request, cordon_text(text)) != CORDON_OK)
        cordon_fail(request, CORDON_ENOMEM, "no room for the answer");
    free(text);
}

/* Takes the reference. */
static void answer_result(cordon_request **request, enum settings_result result, json_t *reply)
{
    if (result == SETTINGS_DONE) {
        answer(request, reply);
        return;
    }
    json_decref(reply);
    if (result == SETTINGS_UNKNOWN)
        cordon_fail(request, FAILURE_UNKNOWN, "there is no such setting");
    else if (result == SETTINGS_FORBIDDEN)
        cordon_fail(request, FAILURE_FORBIDDEN, "this setting is not for the line");
    else
        cordon_fail(request, FAILURE_REQUEST, "that does not fit this setting");
}

/* ---- what can be asked for ------------------------------------------------------- */

static void do_status(struct tray *tray, cordon_request **request, const json_t *asked)
{
    int        is_paused = uv_is_active((uv_handle_t *)&tray->pause);
    json_int_t left_s =
        is_paused ? (json_int_t)(uv_timer_get_due_in(&tray->pause) + 999) / 1000 : 0;

    (void)asked;
    answer(request, json_pack("{sb, sI}", "paused", is_paused, "seconds_left", left_s));
}

static void on_pause_over(uv_timer_t *timer)
{
    (void)timer; /* no longer active: that is all */
}

static void do_pause(struct tray *tray, cordon_request **request, const json_t *asked)
{
    const json_t *given = json_object_get(asked, "seconds");
    json_int_t    seconds = json_integer_value(given);

    if (!json_is_integer(given)) {
        cordon_fail(request, FAILURE_REQUEST, "pause needs \"seconds\", an integer");
        return;
    }
    if (seconds < 1)
        seconds = 1;
    if (seconds > LONGEST_PAUSE_S)
        seconds = LONGEST_PAUSE_S;
    uv_update_time(&tray->uv);
    uv_timer_start(&tray->pause, on_pause_over, (uint64_t)seconds * 1000, 0);
    do_status(tray, request, asked);
}

static void do_resume(struct tray *tray, cordon_request **request, const json_t *asked)
{
    uv_timer_stop(&tray->pause);
    do_status(tray, request, asked);
}

static void get_setting(struct tray *tray, cordon_request **request, const json_t *name)
{
    json_t              *found = json_object();
    enum settings_result result = SETTINGS_WRONG_TYPE;

    if (json_is_string(name))
        result = settings_get(found, tray->settings, json_string_value(name));
    answer_result(request, result, found);
}

static void set_settings(struct tray *tray, cordon_request **request, json_t *changes)
{
    json_t              *stands = json_object();
    enum settings_result result = settings_set(stands, tray->settings, changes);

    answer_result(request, result, stands);
}

static void do_settings(struct tray *tray, cordon_request **request, const json_t *asked)
{
    const json_t *name = json_object_get(asked, "get");
    json_t       *changes = json_object_get(asked, "set");

    if (name != NULL && changes != NULL)
        cordon_fail(request, FAILURE_REQUEST, "either \"get\" or \"set\"");
    else if (name != NULL)
        get_setting(tray, request, name);
    else if (changes != NULL)
        set_settings(tray, request, changes);
    else
        answer(request, settings_show(tray->settings));
}

static const struct {
    const char *name;
    void (*run)(struct tray *tray, cordon_request **request, const json_t *asked);
} verbs[] = {
    {"status", do_status},
    {"pause", do_pause},
    {"resume", do_resume},
    {"settings", do_settings},
};

static void run(struct tray *tray, cordon_request **request, const json_t *asked)
{
    const char *verb = json_string_value(json_object_get(asked, "do"));

    if (verb == NULL) {
        cordon_fail(request, FAILURE_REQUEST, "a request is an object with \"do\"");
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, verb) == 0) {
            verbs[i].run(tray, request, asked);
            return;
        }
    cordon_fail(request, FAILURE_UNKNOWN, "\"do\" is status, pause, resume or settings");
}

static void on_request(cordon_request *request, cordon_bytes body, void *user)
{
    json_t *asked = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES, NULL);

    run(user, &request, asked); /* NULL has no "do" */
    json_decref(asked);
}

/* ---- the life of the daemon ------------------------------------------------------ */

static void on_signal(uv_signal_t *handle, int number)
{
    struct tray *tray = handle->data;

    (void)number;
    cordon_server_close(tray->server); /* NULL the second time: it is closed once */
    tray->server = NULL;
}

/* The address is gone: end what still keeps the loop alive. */
static void on_closed(void *user)
{
    struct tray *tray = user;

    for (int i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&tray->signals[i], NULL);
    uv_close((uv_handle_t *)&tray->pause, NULL);
    cordon_loop_close(tray->loop);
}

static int open_server(struct tray *tray, const char *directory, cordon_fault *fault)
{
    cordon_endpoint_options where = CORDON_ENDPOINT_OPTIONS_INIT;
    cordon_server_options   how = CORDON_SERVER_OPTIONS_INIT;
    cordon_endpoint        *endpoint = NULL;
    int                     code;

    where.directory = directory;
    how.program = "tray 1.0";
    how.user = tray;
    how.on_closed = on_closed;
    code = cordon_endpoint_open(&endpoint, "tray", &where, fault);
    if (code == CORDON_OK)
        code = cordon_loop_open_uv(&tray->loop, &tray->uv, fault);
    if (code == CORDON_OK)
        code = cordon_server_open(&tray->server, tray->loop, endpoint, on_request, &how, fault);
    cordon_endpoint_close(endpoint);
    return code;
}

static void watch(struct tray *tray)
{
    static const int numbers[3] = {SIGINT, SIGTERM, SIGHUP}; /* Windows: Ctrl-C; no; its window */

    for (int i = 0; i < 3; i++) {
        uv_signal_init(&tray->uv, &tray->signals[i]);
        tray->signals[i].data = tray;
        uv_signal_start(&tray->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&tray->uv, &tray->pause);
}

int main(int argc, char **argv)
{
    struct tray  tray = {0};
    cordon_fault fault = CORDON_FAULT_INIT;
    int          code;

    if (uv_loop_init(&tray.uv) != 0)
        return 1;
    tray.settings = settings_make();
    code = open_server(&tray, argc > 1 ? argv[1] : NULL, &fault);
    if (code == CORDON_OK) {
        watch(&tray);
        printf("ready\n");
        fflush(stdout);
        (void)cordon_loop_run(tray.loop);
    } else {
        fprintf(stderr, "tray: %s\n", cordon_fault_line(&fault));
        cordon_loop_close(tray.loop);
    }
    uv_run(&tray.uv, UV_RUN_DEFAULT);
    uv_loop_close(&tray.uv);
    json_decref(tray.settings);
    return code == CORDON_OK ? 0 : 1;
}
