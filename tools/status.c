#include "client.h"
#include "io.h"
#include "report.h"
#include "text.h"
#include "verb.h"

#include <stdio.h>
#include <string.h>

/* The server's object is flat: strings and numbers. Read so far, and what is left. */
struct reader {
    const char *at, *end;
};

static int is_one_of(char character, const char *set)
{
    return character != '\0' && strchr(set, character) != NULL;
}

static int take(struct reader *reader, char wanted)
{
    while (reader->at < reader->end && is_one_of(*reader->at, " \t\r\n"))
        reader->at++;
    if (reader->at == reader->end || *reader->at != wanted)
        return 0;
    reader->at++;
    return 1;
}

/* What stands between quotes, as written: nothing in it can end the line. */
static int take_string(struct reader *reader, cordon_bytes *text)
{
    if (!take(reader, '"'))
        return 0;
    text->data = reader->at;
    while (reader->at < reader->end && *reader->at != '"')
        reader->at += *reader->at == '\\' && reader->end - reader->at > 1 ? 2 : 1;
    text->size = (size_t)(reader->at - (const char *)text->data);
    return take(reader, '"');
}

static int take_value(struct reader *reader, cordon_bytes *text)
{
    const char *start;

    if (take_string(reader, text))
        return 1;
    start = reader->at;
    while (reader->at < reader->end && is_one_of(*reader->at, "-+.0123456789eEtrufalsn"))
        reader->at++;
    text->data = start;
    text->size = (size_t)(reader->at - start);
    return text->size > 0;
}

/* "key: value" a line. -1: not the object that the protocol promises. */
static int print_members(cordon_bytes json)
{
    struct reader reader;
    cordon_bytes  key, value;

    reader.at = json.data;
    reader.end = reader.at + json.size;
    if (!take(&reader, '{'))
        return -1;
    do {
        if (!take_string(&reader, &key) || !take(&reader, ':') || !take_value(&reader, &value))
            return -1;
        text_print(stdout, key);
        printf(": ");
        text_print(stdout, value);
        printf("\n");
    } while (take(&reader, ','));
    return take(&reader, '}') ? 0 : -1;
}

static int print_status(const struct options *options, cordon_bytes json)
{
    int code;

    if (options->is_json) {
        code = io_write_line(json, 0);
        return code ? report_error(options, CORDON_ESYSTEM, "print", "standard output", code) : 0;
    }
    printf("running: yes\n");
    if (print_members(json) != 0)
        return report_error(options, CORDON_EPROTOCOL, "status", NULL, 0);
    return EXIT_DONE;
}

int verb_status(const struct options *options)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    struct deadline until = deadline_start(options->timeout_ms, 5000);
    cordon_bytes    json;
    int             status;
    cordon_session *session;

    client_catch_interrupt();
    session = client_control(options, &until, &status);
    if (session == NULL)
        return status;
    if (cordon_session_status(&json, session, deadline_left(&until), &fault) == CORDON_OK)
        status = print_status(options, json);
    else
        status = report_fault(options, &fault);
    cordon_session_close(session);
    return status;
}
