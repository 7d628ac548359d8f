/*
 * The life of a channel: how it comes to be on either side, and the child at its other end.
 */
#include "dialect.h"

#include "channel.h"

#include <string.h>

#include "endpoint.h"

#define LIMIT     ((size_t)1024 * 1024)
#define GRACE_MS  1000
#define WORD_ROOM (2 * CORDON__WORD_SIZE + 1)
#define KILLED_MS 60000 /* for one that cannot be killed: in the depths of a broken driver, say */

static const char variable[] = "CORDON_CHANNEL";

/* ---- The word -------------------------------------------------------------------- */

static void word_to_text(char text[WORD_ROOM], const uint8_t *word)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < CORDON__WORD_SIZE; i++) {
        text[2 * i] = digits[word[i] >> 4];
        text[2 * i + 1] = digits[word[i] & 0xF];
    }
    text[2 * CORDON__WORD_SIZE] = '\0';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int word_from_text(uint8_t *word, const char *text)
{
    if (text == NULL || strlen(text) != 2 * CORDON__WORD_SIZE)
        return 0;
    for (size_t i = 0; i < CORDON__WORD_SIZE; i++) {
        const int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return 0;
        word[i] = (uint8_t)(high << 4 | low);
    }
    return 1;
}

/* ---- Making one ------------------------------------------------------------------- */

static cordon_channel *make(int is_parent, cordon_fault *fault)
{
    cordon_channel *made = cordon__allocate(&cordon__libc, sizeof *made);

    if (made == NULL) {
        cordon__fault_set(fault, CORDON_ENOMEM, "channel");
        return NULL;
    }
    made->memory = cordon__libc;
    made->line.handle = CORDON__NO_HANDLE;
    made->ferry.line = &made->line;
    made->ferry.is_parent = is_parent;
    made->is_parent = is_parent;
    made->is_confirmed = !is_parent;
    made->pid = cordon__pid();
    made->limit = LIMIT;
    return made;
}

/* What it holds but the child. */
static void release(cordon_channel *channel)
{
    const cordon__memory memory = channel->memory;

    cordon__channel_end(channel);
    cordon__buffer_free(&channel->body, &memory);
    cordon__wipe(channel->word, sizeof channel->word);
    cordon__release(&memory, channel);
}

/* The parent's half, with the other one for whoever becomes the child. */
static int make_pair(cordon_channel **out, intptr_t *theirs, cordon_fault *fault)
{
    cordon_channel *made = make(1, fault);
    int             code;

    if (made == NULL)
        return CORDON_ENOMEM;
    code = cordon__random(made->word, sizeof made->word, fault);
    if (code == CORDON_OK)
        code = cordon__pair(&made->line.handle, theirs, fault);
    if (code != CORDON_OK) {
        release(made);
        return code;
    }
    *out = made;
    return CORDON_OK;
}

int cordon_channel_pair(cordon_channel **ours, cordon_handle *theirs, char word[33],
                        cordon_fault *fault)
{
    cordon_fault why;
    int          code;

    cordon__fault_clear(&why);
    if (ours == NULL || theirs == NULL || word == NULL)
        return cordon__misuse(fault, "channel", NULL);
    *ours = NULL;
    *theirs = CORDON_NO_HANDLE;
    code = make_pair(ours, theirs, &why);
    if (code != CORDON_OK)
        return cordon__fault_give(fault, &why);
    word_to_text(word, (*ours)->word);
    return CORDON_OK;
}

/* The handle stays the caller's on failure. */
static int adopt(cordon_channel **out, intptr_t handle, const uint8_t *word, int is_parent,
                 cordon_fault *fault)
{
    cordon_channel *made;
    int             code = cordon__pair_adopt(handle, fault);

    if (code != CORDON_OK)
        return code;
    made = make(is_parent, fault);
    if (made == NULL)
        return CORDON_ENOMEM;
    memcpy(made->word, word, sizeof made->word);
    made->line.handle = handle;
    if (!is_parent)
        code = cordon__channel_say_word(made, cordon__now() + CORDON__CHANNEL_MS, fault);
    if (code == CORDON_OK) {
        *out = made;
        return CORDON_OK;
    }
    made->line.handle = CORDON__NO_HANDLE;
    release(made);
    return code;
}

int cordon_channel_adopt(cordon_channel **channel, cordon_handle handle, const char *word,
                         int is_parent, cordon_fault *fault)
{
    cordon_fault why;
    uint8_t      bytes[CORDON__WORD_SIZE];
    int          code;

    cordon__fault_clear(&why);
    if (channel != NULL)
        *channel = NULL;
    if (channel == NULL || !word_from_text(bytes, word))
        return cordon__misuse(fault, "channel", "a word is 32 digits of 0-9 a-f");
    code = adopt(channel, handle, bytes, is_parent != 0, &why);
    return code == CORDON_OK ? CORDON_OK : cordon__fault_give(fault, &why);
}

static int inherit(cordon_channel **channel, cordon_fault *fault)
{
    char     text[WORD_ROOM] = "";
    uint8_t  word[CORDON__WORD_SIZE];
    intptr_t handle = CORDON__NO_HANDLE;
    int      code = cordon__inherit(&handle, text, variable, fault);

    if (code == CORDON__ABSENT)
        return cordon__fault_found(fault, CORDON_ENOTRUNNING, "inherit", NULL, 0, 0,
                                   "no parent has started us with a channel");
    if (code != CORDON_OK)
        return code;
    if (!word_from_text(word, text))
        code = cordon__fault_found(fault, CORDON_EUNSAFE, "inherit", NULL, 0, 0,
                                   "CORDON_CHANNEL has no word");
    if (code == CORDON_OK)
        code = adopt(channel, handle, word, 0, fault);
    if (code != CORDON_OK)
        cordon__handle_close(handle);
    return code;
}

int cordon_channel_inherit(cordon_channel **channel, cordon_fault *fault)
{
    cordon_fault why;
    int          code;

    cordon__fault_clear(&why);
    if (channel == NULL)
        return cordon__misuse(fault, "inherit", NULL);
    *channel = NULL;
    code = inherit(channel, &why);
    return code == CORDON_OK ? CORDON_OK : cordon__fault_give(fault, &why);
}

/* ---- Starting a child ------------------------------------------------------------------ */

static int read_options(cordon_child_options *mine, const cordon_child_options *given)
{
    const unsigned flags = CORDON_CHILD_NO_STDIO | CORDON_CHILD_OUTLIVES_US;

    if (cordon__options_read(mine, sizeof *mine, given) != CORDON_OK ||
        (mine->flags & ~flags) != 0 || (mine->grace_ms < 0 && mine->grace_ms != CORDON_AT_ONCE))
        return CORDON_EINVAL;
    if (mine->grace_ms == 0)
        mine->grace_ms = GRACE_MS;
    else if (mine->grace_ms == CORDON_AT_ONCE)
        mine->grace_ms = 0;
    return CORDON_OK;
}

static int spawn(cordon_channel *channel, const char *const *argv, intptr_t theirs,
                 const cordon_child_options *options, cordon_fault *fault)
{
    const cordon__trace none = {NULL, NULL};
    cordon__program     program;
    char                word[WORD_ROOM];
    int                 code;

    memset(&program, 0, sizeof program);
    word_to_text(word, channel->word);
    program.argv = argv;
    program.environment = options->environment;
    program.directory = options->directory;
    program.variable = variable;
    program.word = word;
    program.handle = theirs;
    if ((options->flags & CORDON_CHILD_NO_STDIO) != 0)
        program.flags |= CORDON__QUIET;
    if ((options->flags & CORDON_CHILD_OUTLIVES_US) != 0)
        program.flags |= CORDON__OUTLIVES_US;
    code = cordon__spawn(&channel->child, &program, &channel->memory, &none, fault);
    channel->ferry.child = channel->child;
    channel->grace_ms = options->grace_ms;
    channel->is_left = (options->flags & CORDON_CHILD_OUTLIVES_US) != 0;
    cordon__wipe(word, sizeof word);
    return code;
}

static int start(cordon_channel **channel, const char *const *argv,
                 const cordon_child_options *options, cordon_fault *fault)
{
    intptr_t theirs;
    int      code = make_pair(channel, &theirs, fault);

    if (code != CORDON_OK)
        return code;
    code = spawn(*channel, argv, theirs, options, fault);
    cordon__handle_close(theirs); /* else we would never see the end of the child's */
    if (code == CORDON_OK)
        return CORDON_OK;
    release(*channel);
    *channel = NULL;
    return code;
}

int cordon_channel_start(cordon_channel **channel, const char *const *argv,
                         const cordon_child_options *options, cordon_fault *fault)
{
    cordon_child_options mine;
    cordon_fault         why;
    int                  code;

    cordon__fault_clear(&why);
    if (channel != NULL)
        *channel = NULL;
    if (channel == NULL || argv == NULL || argv[0] == NULL ||
        read_options(&mine, options) != CORDON_OK)
        return cordon__misuse(fault, "start child", NULL);
    code = start(channel, argv, &mine, &why);
    return code == CORDON_OK ? CORDON_OK : cordon__fault_give(fault, &why);
}

/* ---- The child --------------------------------------------------------------------------- */

uint64_t cordon_channel_pid(const cordon_channel *channel)
{
    return channel != NULL && channel->child != NULL ? cordon__child_pid(channel->child) : 0;
}

static int await_exit(cordon_channel *channel, uint64_t deadline, cordon_fault *why)
{
    int code;

    if (channel->has_exited)
        return CORDON_OK;
    code = cordon__child_wait(channel->child, &channel->exit_status, deadline, why);
    channel->has_exited = code == CORDON_OK;
    return code;
}

int cordon_channel_wait(int *exit_status, cordon_channel *channel, int timeout_ms,
                        cordon_fault *fault)
{
    cordon_fault why;
    uint64_t     deadline;
    int          code;

    cordon__fault_clear(&why);
    if (exit_status == NULL || channel == NULL || channel->child == NULL ||
        cordon__deadline(&deadline, timeout_ms, CORDON__CHANNEL_MS) != CORDON_OK)
        return cordon__misuse(fault, "wait for child", NULL);
    code = await_exit(channel, deadline, &why);
    if (code != CORDON_OK)
        return cordon__fault_give(fault, &why);
    *exit_status = channel->exit_status;
    return CORDON_OK;
}

/* It has seen the end of the channel; it is asked to end, given a while, and then ended. */
static void end_child(cordon_channel *channel)
{
    cordon_fault ignored;

    cordon__fault_clear(&ignored);
    if (channel->is_left || await_exit(channel, 0, &ignored) == CORDON_OK)
        return;
    cordon__child_end(channel->child, 1);
    if (await_exit(channel, cordon__now() + (uint64_t)channel->grace_ms, &ignored) == CORDON_OK)
        return;
    cordon__child_end(channel->child, 0);
    (void)await_exit(channel, cordon__now() + KILLED_MS, &ignored);
}

void cordon_channel_close(cordon_channel *channel)
{
    if (channel == NULL)
        return;
    cordon__channel_end(channel);
    if (channel->child != NULL && channel->pid == cordon__pid())
        end_child(channel);
    if (channel->child != NULL)
        cordon__child_close(channel->child);
    release(channel);
}
