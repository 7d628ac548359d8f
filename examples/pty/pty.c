/*
 * A program in a terminal that a child has opened.
 *
 *     pty PROGRAM [ARGUMENT...]
 *
 * The parent starts this program once more, as a child with a channel. The child opens a pty, sends
 * the master's end to its parent, and runs PROGRAM at the other one. The parent ties it to the
 * terminal that it has itself: what is typed, what is shown, the size. It ends as PROGRAM does. A
 * parent that cannot have a terminal of another container or sandbox gets one so from a child that
 * is there. The child alone, with the command as its parent:
 *
 *     cordon run --pty -- pty PROGRAM [ARGUMENT...]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cordon.h"
#include "relay.h"

enum { GO = 0, TERMINAL = 1, IS_TIED = 2 }; /* tags, as `cordon run` has them */

static void check(int code, cordon_fault *fault)
{
    if (code == CORDON_OK)
        return;
    fprintf(stderr, "pty: %s\n", cordon_fault_line(fault));
    exit(1);
}

/* Until a message with this tag comes; others are passed over. */
static const cordon_message *wait_for(cordon_channel *channel, uint32_t tag)
{
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message;

    do
        check(cordon_channel_receive(&message, channel, CORDON_FOREVER, &fault), &fault);
    while (message->tag != tag);
    return message;
}

static void say(cordon_channel *channel, uint32_t tag, const cordon_handle *handle)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    check(cordon_channel_send(channel, tag, cordon_text(NULL), handle, handle != NULL, 0, &fault),
          &fault);
}

/* ---- the child --------------------------------------------------------------------------- */

static void give_up(const char *what)
{
    fprintf(stderr, "pty: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_master(void)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        give_up("open terminal");
    return master;
}

static void become_program(int slave, char **argv)
{
    if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) != 0)
        give_up("take terminal");
    for (int fd = 0; fd < 3; fd++)
        dup2(slave, fd);
    if (slave > 2)
        close(slave);
    execvp(argv[0], argv);
    give_up(argv[0]);
}

static int be_child(cordon_channel *channel, char **argv)
{
    cordon_handle handle;
    pid_t         pid;
    int           master, slave, status;

    wait_for(channel, GO);
    handle = master = open_master();
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        give_up("open terminal");
    say(channel, TERMINAL, &handle);
    close(master);              /* none of it is ours any more, so that its end is the end */
    wait_for(channel, IS_TIED); /* now it has its size */
    pid = fork();
    if (pid == 0)
        become_program(slave, argv);
    close(slave);
    while (pid < 0 || waitpid(pid, &status, 0) < 0)
        if (pid < 0 || errno != EINTR)
            give_up("run program");
    cordon_channel_close(channel);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the parent ---------------------------------------------------------------------------- */

static int be_parent(char **argv)
{
    cordon_fault          fault = CORDON_FAULT_INIT;
    const cordon_message *message;
    cordon_channel       *channel;
    struct relay         *relay = NULL;
    int                   status = 1, code;

    check(cordon_channel_start(&channel, (const char *const *)argv, NULL, &fault), &fault);
    say(channel, GO, NULL);
    message = wait_for(channel, TERMINAL);
    if (message->handle_count != 1 || relay_start(&relay, cordon_message_take(message, 0)) != 0) {
        fprintf(stderr, "pty: the child sent no terminal\n");
        exit(1);
    }
    say(channel, IS_TIED, NULL);
    code = cordon_channel_receive(&message, channel, CORDON_FOREVER, &fault); /* its end */
    if (code == CORDON_ECLOSED)
        code = cordon_channel_wait(&status, channel, CORDON_FOREVER, &fault);
    relay_stop(relay); /* before a word is said: ours is as it was */
    check(code, &fault);
    cordon_channel_close(channel);
    return status;
}

int main(int argc, char **argv)
{
    cordon_fault    fault = CORDON_FAULT_INIT;
    cordon_channel *channel;
    int             code;

    if (argc < 2) {
        fprintf(stderr, "usage: pty PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    code = cordon_channel_inherit(&channel, &fault);
    if (code == CORDON_ENOTRUNNING)
        return be_parent(argv);
    check(code, &fault);
    return be_child(channel, argv + 1);
}
