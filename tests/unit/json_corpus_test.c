/*
 * Our verdict on the texts of tests/json: what the name says, and what jansson says but for
 * the differences below. (Against Python: json_corpus.py.)
 */
#include "unit.h"

#include <jansson.h>

#include "../../src/json.h"
#include "corpus.h"
#include "listing.h"

#define AT_LEAST 300 /* texts; so that a lost folder is no success */

/*
 * Where jansson decides otherwise, and why we do not follow. It is asked for any value, not
 * only objects and arrays, and for NUL in strings: both are in RFC 8259.
 */
static const struct {
    const char *text, *why;
} differences[] = {
    {"y_number_over_64_bit", "jansson makes an int64 of it; we keep numbers as they were sent"},
    {"y_number_100_digits", "likewise"},
    {"y_number_5000_digits", "likewise"},
    {"y_number_overflow", "jansson makes a double of it, which overflows; we keep it as sent"},
    {"y_number_overflow_negative", "likewise"},
    {"y_object_name_with_nul", "jansson keeps names as C strings; the RFC allows any character"},
    {"n_number_nul_behind", "jansson loses a NUL right behind a number; the RFC has none there"},
    {"n_depth_65_arrays", "our limit is 64 levels, jansson's 2,048; the RFC allows limits"},
    {"n_depth_65_objects", "likewise"},
    {"n_depth_65_mixed", "likewise"},
    {"n_depth_65_second", "likewise"},
    {"n_depth_500", "likewise"},
};

static int is_difference(const char *text)
{
    for (size_t i = 0; i < COUNT(differences); i++)
        if (strcmp(differences[i].text, text) == 0)
            return 1;
    return 0;
}

static int is_good_to_us(const uint8_t *bytes, size_t size)
{
    return cordon__json_check(unit_view(bytes, size), CORDON__JSON_DEPTH, NULL) == 0;
}

static int is_good_to_jansson(const uint8_t *bytes, size_t size)
{
    json_t *value = json_loadb((const char *)bytes, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    json_decref(value);
    return value != NULL;
}

/* Calls judge for each text; returns how many there are. */
static size_t each_text(void (*judge)(const char *name, const uint8_t *bytes, size_t size))
{
    const char *source = getenv("CORDON_SOURCE"), *file;
    char        folder[2048], path[4096], name[256];
    size_t      count = 0, size;
    uint8_t    *bytes;
    uv_fs_t     all;

    if (!source)
        fail_msg("CORDON_SOURCE does not say where the source is");
    snprintf(folder, sizeof folder, "%s/tests/json", source);
    assert_int_equal(listing_open(&all, folder), 0);
    while ((file = listing_next(&all)) != NULL) {
        const char *suffix = strrchr(file, '.');

        if (!suffix || strcmp(suffix, ".json") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(suffix - file), file);
        snprintf(path, sizeof path, "%s/%s", folder, file);
        bytes = corpus_read(path, &size);
        assert_non_null(bytes);
        judge(name, bytes, size);
        free(bytes);
        count++;
    }
    listing_close(&all);
    return count;
}

static void judge_by_name(const char *name, const uint8_t *bytes, size_t size)
{
    if (strncmp(name, "y_", 2) != 0 && strncmp(name, "n_", 2) != 0)
        fail_msg("%s: neither y_ nor n_", name);
    if (is_good_to_us(bytes, size) != (name[0] == 'y'))
        fail_msg("%s: our verdict is another one", name);
}

static void our_verdict_is_what_the_name_says(void **state)
{
    (void)state;
    assert_true(each_text(judge_by_name) >= AT_LEAST);
}

static size_t differences_seen, surprises;

/* All surprises are shown, not only the first. */
static void judge_by_jansson(const char *name, const uint8_t *bytes, size_t size)
{
    const int agrees = is_good_to_us(bytes, size) == is_good_to_jansson(bytes, size);

    differences_seen += !agrees;
    if (agrees != is_difference(name))
        return;
    surprises++;
    print_error("%s: jansson %s\n", name,
                agrees ? "agrees now: take it out of the table" : "decides otherwise");
}

static void jansson_decides_likewise(void **state)
{
    (void)state;
    assert_true(each_text(judge_by_jansson) >= AT_LEAST);
    assert_int_equal(surprises, 0);
    assert_int_equal(differences_seen, COUNT(differences));
}

/* The same verdict for what a line of a client holds: the text as the value of a member. */
static void judge_as_a_member(const char *name, const uint8_t *bytes, size_t size)
{
    static const char   head[] = "{\"request\":", tail[] = "}";
    cordon__json_member members[] = {{"request", {NULL, 0}}};
    const size_t        whole = sizeof head - 1 + size + sizeof tail - 1;
    char               *line = malloc(whole);
    int                 code;

    assert_non_null(line);
    memcpy(line, head, sizeof head - 1);
    memcpy(line + sizeof head - 1, bytes, size);
    memcpy(line + whole - 1, tail, 1);
    code = cordon__json_object(members, 1, unit_view(line, whole), CORDON__JSON_DEPTH + 1, NULL);
    if ((code == 0) != (name[0] == 'y'))
        fail_msg("%s: another verdict inside an object", name);
    if (code == 0) {
        /* As sent, but for the white space around it. */
        assert_true(members[0].value.size <= size);
        assert_int_equal(cordon__json_check(members[0].value, CORDON__JSON_DEPTH, NULL), 0);
    }
    free(line);
}

static void the_verdict_is_the_same_inside_an_object(void **state)
{
    (void)state;
    assert_true(each_text(judge_as_a_member) >= AT_LEAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_verdict_is_what_the_name_says),
        cmocka_unit_test(jansson_decides_likewise),
        cmocka_unit_test(the_verdict_is_the_same_inside_an_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
