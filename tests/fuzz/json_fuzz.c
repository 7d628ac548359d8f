/*
 * A text as JSON. Held: the two scanners agree; an error is at a byte of the text; a value is a
 * view of it, and good by itself; on one line it is still good; any bytes, quoted, are a string.
 */
#include "fuzz.h"

#include "../../src/json.h"

static int is_good(cordon_bytes text)
{
    cordon__json_error error = {NULL, 0};
    int                code = cordon__json_check(text, CORDON__JSON_DEPTH, &error);

    FUZZ_CHECK(code == 0 || code == CORDON_EPROTOCOL);
    FUZZ_CHECK(code == 0 || (error.what != NULL && error.at <= text.size));
    return code == 0;
}

static void check_value(cordon_bytes value, cordon_bytes text)
{
    char    plain[256];
    int64_t number = 0;

    if (value.data == NULL)
        return;
    FUZZ_CHECK(value.size > 0 && fuzz_is_inside(value, text) && is_good(value));
    FUZZ_CHECK(cordon__json_string(plain, sizeof plain, value) <= (ptrdiff_t)sizeof plain);
    if (cordon__json_is_integer(value, &number))
        FUZZ_CHECK(number >= -9007199254740992 && number <= 9007199254740992);
}

static void check_object(cordon_bytes text, int is_good_text)
{
    cordon__json_member members[] = {
        {"token", {NULL, 0}}, {"request", {NULL, 0}}, {"id", {NULL, 0}}};
    cordon__json_error error = {NULL, 0};

    if (cordon__json_object(members, 3, text, CORDON__JSON_DEPTH, &error) != 0) {
        FUZZ_CHECK(error.what != NULL && error.at <= text.size);
        return;
    }
    FUZZ_CHECK(is_good_text);
    for (size_t i = 0; i < 3; i++)
        check_value(members[i].value, text);
}

static void check_one_line(cordon_bytes text)
{
    cordon_bytes line = fuzz_exact(text.data, text.size);

    cordon__json_one_line((char *)(uintptr_t)line.data, line.size);
    FUZZ_CHECK(is_good(line));
    FUZZ_CHECK(memchr(line.data, '\n', line.size) == NULL);
    FUZZ_CHECK(memchr(line.data, '\r', line.size) == NULL);
    fuzz_drop(line);
}

static void check_quoted(cordon_bytes bytes)
{
    cordon__buffer quoted = {NULL, 0, 0, 0}, again = {NULL, 0, 0, 0};
    cordon_bytes   text, plain;
    char          *out = malloc(3 * bytes.size + 1); /* U+FFFD takes three bytes for one */
    ptrdiff_t      size;

    FUZZ_CHECK(out != NULL);
    FUZZ_CHECK(cordon__json_quote(&quoted, &cordon__libc, bytes, CORDON__NO_CEILING) == 0);
    text = cordon__buffer_view(&quoted);
    FUZZ_CHECK(is_good(text));
    size = cordon__json_string(out, 3 * bytes.size + 1, text);
    FUZZ_CHECK(size >= 0);
    plain.data = out;
    plain.size = (size_t)size;
    FUZZ_CHECK(cordon__json_quote(&again, &cordon__libc, plain, CORDON__NO_CEILING) == 0);
    FUZZ_CHECK(cordon__buffer_size(&again) == text.size &&
               memcmp(cordon__buffer_view(&again).data, text.data, text.size) == 0);
    cordon__buffer_free(&quoted, &cordon__libc);
    cordon__buffer_free(&again, &cordon__libc);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cordon_bytes text = fuzz_exact(data, size);
    int          is_good_text = is_good(text);

    check_object(text, is_good_text);
    if (is_good_text)
        check_one_line(text);
    check_quoted(text);
    fuzz_drop(text);
    return 0;
}
