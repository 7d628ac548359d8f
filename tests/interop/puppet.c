/*
 * What `cordon serve -- CMD` and `cordon run -- CMD` run in tests, where there may be no shell. The
 * same on all systems:
 *
 *     puppet cat               standard input to standard output
 *     puppet say WORD...       each word, with a | behind it
 *     puppet fail STATUS TEXT  TEXT on standard error, and that exit status
 *     puppet status            the exit status is read from standard input, and told there
 *     puppet zeros [COUNT]     so many zero bytes (else read from standard input)
 *     puppet endless           zero bytes for ever
 *     puppet sleep             for ever, or until nobody is left who could end it
 *     puppet late              a child that says "late" when this one has said "early" and gone
 *     puppet family KEY [N]    N generations (3), each there until it is killed
 *     puppet alive KEY         how many of them are there
 *     puppet leak CMD...       run CMD, which inherits a handle that nobody told it of
 *     puppet leaked            1: it has come here; 0: it has not
 *     puppet unread CMD...     run CMD, whose standard output nobody reads: it is closed
 *     puppet break CMD...      run CMD, which says that it is ready; then Ctrl-Break (SIGINT)
 *     puppet echo              the first message of its channel, back
 *     puppet files N           after it so many files: the name of each and what it holds, back
 */
#include "puppet.h"
#include "../../tools/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536

static char buffer[CHUNK];

static int do_cat(char **words)
{
    size_t got;

    (void)words;
    while ((got = fread(buffer, 1, CHUNK, stdin)) > 0)
        if (fwrite(buffer, 1, got, stdout) != got)
            return 1;
    return ferror(stdin) != 0;
}

static int do_say(char **words)
{
    for (; *words != NULL; words++)
        printf("%s|", *words);
    return 0;
}

static int do_fail(char **words)
{
    fprintf(stderr, "%s\n", words[1]);
    return atoi(words[0]);
}

static long read_number(void)
{
    size_t got = fread(buffer, 1, 31, stdin);

    buffer[got] = '\0';
    return atol(buffer);
}

static int do_status(char **words)
{
    int status = (int)read_number();

    (void)words;
    fprintf(stderr, "text %d\n", status);
    return status;
}

static int do_zeros(char **words)
{
    long left = *words ? atol(*words) : read_number();

    for (; left > 0; left -= CHUNK)
        if (fwrite(buffer, 1, left < CHUNK ? (size_t)left : CHUNK, stdout) == 0)
            return 1;
    return 0;
}

static int do_endless(char **words)
{
    (void)words;
    while (fwrite(buffer, 1, CHUNK, stdout) == CHUNK)
        continue;
    return 1;
}

/* Where a killed server leaves its programs behind, this one goes by itself. */
static int do_sleep(char **words)
{
    (void)words;
    while (!puppet_is_orphan())
        puppet_pause(100);
    return 0;
}

static int do_late(char **words)
{
    char *child[] = {"late", "now", NULL};

    if (*words != NULL) {
        puppet_pause(200);
        puts("late");
        return 0;
    }
    puts("early");
    fflush(stdout);
    return puppet_start(child);
}

static int do_family(char **words)
{
    char  count[16];
    int   left = words[1] ? atoi(words[1]) : 3;
    char *child[] = {"family", words[0], count, NULL};

    puppet_be_there(words[0], left);
    snprintf(count, sizeof count, "%d", left - 1);
    if (left > 1 && puppet_start(child) != 0)
        return 1;
    while (1)
        puppet_pause(1000);
    return 0;
}

static int do_alive(char **words)
{
    int count = 0;

    for (int member = 1; member <= 3; member++)
        count += puppet_is_there(words[0], member);
    printf("%d\n", count);
    return 0;
}

static int do_leaked(char **words)
{
    (void)words;
    printf("%d\n", puppet_has_leaked());
    return 0;
}

static const struct {
    const char *name;
    int (*run)(char **words);
} verbs[] = {
    {"cat", do_cat},           {"say", do_say},         {"fail", do_fail},
    {"status", do_status},     {"zeros", do_zeros},     {"endless", do_endless},
    {"sleep", do_sleep},       {"late", do_late},       {"family", do_family},
    {"alive", do_alive},       {"leaked", do_leaked},   {"leak", puppet_leak},
    {"unread", puppet_unread}, {"break", puppet_break}, {"echo", puppet_echo},
    {"files", puppet_files},
};

int main(int argc, char **argv)
{
    argv = host_begin(&argc, argv);
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, argv[1]) == 0)
            return verbs[i].run(argv + 2);
    return 99;
}
