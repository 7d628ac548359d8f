/* Descriptors along a channel: what arrives, in which order, and whose it is. */
#include "channel_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include <uv.h>

/* ---- what arrives ------------------------------------------------------------------------ */

static int is_same(int one, int other)
{
    struct stat first, second;

    assert_int_equal(fstat(one, &first), 0);
    assert_int_equal(fstat(other, &second), 0);
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static int open_kind(const char *kind)
{
    int ends[2] = {-1, -1};

    if (strcmp(kind, "memory") == 0)
        return memfd_create("channel", MFD_CLOEXEC);
    if (strcmp(kind, "terminal") == 0)
        return posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (strcmp(kind, "directory") == 0)
        return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (strcmp(kind, "pipe") == 0)
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    else
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    close(ends[1]);
    return ends[0];
}

static void every_kind_arrives_and_is_not_inherited(void **state)
{
    static const char *const kinds[] = {"memory", "terminal", "directory", "pipe", "socket"};
    cordon_channel          *parent, *child;

    (void)state;
    kit_pair(&parent, &child);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const int             fd = open_kind(kinds[i]);
        const cordon_handle   handle = fd;
        const cordon_message *message;
        int                   taken;

        kit_send_handles(i % 2 ? parent : child, 1, kinds[i], &handle, 1);
        message = kit_expect(i % 2 ? child : parent, 1, kinds[i]);
        assert_int_equal(message->handle_count, 1);
        taken = (int)cordon_message_take(message, 0);
        assert_true(taken >= 0 && taken != fd);
        assert_true(is_same(fd, taken));
        assert_int_equal(fcntl(taken, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        close(taken);
        close(fd);
    }
    cordon_channel_close(parent);
    cordon_channel_close(child);
}

static void sixteen_arrive_in_order_and_seventeen_are_einval(void **state)
{
    cordon_channel       *parent, *child;
    const cordon_message *message;
    cordon_handle         handles[MOST + 1];

    (void)state;
    kit_pair(&parent, &child);
    for (int i = 0; i <= MOST; i++)
        handles[i] = memfd_create("one of many", MFD_CLOEXEC);
    assert_int_equal(cordon_channel_send(parent, 1, KIT_BODY(""), handles, MOST + 1, 0, NULL),
                     CORDON_EINVAL);
    kit_send_handles(parent, 2, "", handles, MOST);
    message = kit_expect(child, 2, "");
    assert_int_equal(message->handle_count, MOST);
    for (size_t i = 0; i < MOST; i++) {
        const int taken = (int)cordon_message_take(message, i);

        assert_true(is_same(taken, (int)handles[i]));
        assert_true(cordon_message_take(message, i) == CORDON_NO_HANDLE);
        close(taken);
    }
    assert_true(cordon_message_take(message, MOST) == CORDON_NO_HANDLE);
    for (int i = 0; i <= MOST; i++)
        assert_int_equal(close((int)handles[i]), 0); /* they stayed the sender's */
    cordon_channel_close(parent);
    cordon_channel_close(child);
}

static void what_is_no_descriptor_is_einval_and_the_channel_goes_on(void **state)
{
    peer         *peer = *state;
    const int     closed = null_device();
    cordon_handle bad[] = {0, closed}, none[] = {CORDON_NO_HANDLE};

    close(closed);
    assert_int_equal(cordon_channel_send(peer->channel, 1, KIT_BODY("x"), bad, 2, 0, NULL),
                     CORDON_EINVAL);
    assert_int_equal(cordon_channel_send(peer->channel, 1, KIT_BODY("x"), none, 1, 0, NULL),
                     CORDON_EINVAL);
    kit_send(peer->channel, 1, "goes on");
}

/* 1: is it open still? */
static int is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void what_is_not_taken_is_closed_by_the_next_call(void **state)
{
    peer                 *peer = *state;
    const cordon_message *message;
    int                   kept;
    int                   before;

    peer_says(peer, 2, 2);
    peer_says(peer, 1, 1);
    before = support_count_descriptors();
    message = kit_expect(peer->channel, 9, "x");
    assert_int_equal(support_count_descriptors(), before + 2);
    kept = (int)cordon_message_take(message, 1);
    kit_send(peer->channel, 1, "any call");
    assert_int_equal(support_count_descriptors(), before + 1);
    assert_true(is_open(kept));
    kit_expect(peer->channel, 9, "x"); /* and the last one is closed with the channel */
    assert_int_equal(support_count_descriptors(), before + 2);
    close(kept);
}

static void descriptors_that_nobody_received_are_closed_with_the_channel(void **state)
{
    peer                 *peer = *state;
    const cordon_message *message;

    peer_says(peer, 3, 3);
    peer_says(peer, 16, 16);
    assert_int_equal(cordon_channel_receive(&message, peer->channel, 0, NULL), CORDON_OK);
}

typedef struct reading {
    cordon_channel *channel;
    size_t          size, handles;
} reading;

static void read_one(void *context)
{
    reading              *wanted = context;
    const cordon_message *message;

    if (cordon_channel_receive(&message, wanted->channel, KIT_WAIT_MS, NULL) == CORDON_OK) {
        wanted->size = message->body.size;
        wanted->handles = message->handle_count;
    }
}

static void body_that_does_not_leave_at_once_has_its_descriptors_once(void **state)
{
    cordon_channel     *parent, *child;
    uint8_t            *data = calloc(1, 1048576);
    const cordon_handle handles[] = {0, 1, 2};
    reading             wanted = {0};
    uv_thread_t         thread;

    (void)state;
    kit_pair(&parent, &child);
    wanted.channel = child;
    assert_int_equal(uv_thread_create(&thread, read_one, &wanted), 0);
    assert_int_equal(cordon_channel_send(parent, 1, (cordon_bytes){data, 1048576}, handles, 3,
                                         KIT_WAIT_MS, NULL),
                     CORDON_OK);
    uv_thread_join(&thread);
    assert_int_equal(wanted.size, 1048576);
    assert_int_equal(wanted.handles, 3);
    cordon_channel_close(parent);
    cordon_channel_close(child);
    free(data);
}

/* ---- two processes ------------------------------------------------------------------------------
 */

/* Writes a file and hands it over; then reads on in one that it is given. */
static int play_writer(cordon_channel *channel, const char *argument)
{
    cordon_handle handle = open(argument, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    char          text[16] = "";
    int           given;

    SUPPORT_CHECK(handle >= 0 && write((int)handle, "0123456789", 10) == 10);
    SUPPORT_CHECK(lseek((int)handle, 4, SEEK_SET) == 4);
    kit_send_handles(channel, 1, "a file", &handle, 1);
    given = (int)cordon_message_take(kit_expect(channel, 2, "another"), 0);
    SUPPORT_CHECK(read(given, text, 5) == 5);
    kit_send(channel, 3, text);
    return 0;
}

static void file_is_read_from_the_offset_that_its_sender_set(void **state)
{
    cordon_channel *channel;
    cordon_handle   second;
    char            directory[SUPPORT_PATH], path[SUPPORT_PATH], text[16] = "";
    int             first;

    (void)state;
    support_directory(directory);
    support_join(path, directory, "file");
    channel = kit_start("writer", path, NULL);
    first = (int)cordon_message_take(kit_expect(channel, 1, "a file"), 0);
    assert_int_equal(read(first, text, sizeof text), 6);
    assert_memory_equal(text, "456789", 6);
    second = memfd_create("second", MFD_CLOEXEC);
    assert_int_equal(write((int)second, "abcdefgh", 8), 8);
    assert_int_equal(lseek((int)second, 3, SEEK_SET), 3);
    kit_send_handles(channel, 2, "another", &second, 1);
    kit_expect(channel, 3, "defgh");
    assert_int_equal(lseek((int)second, 0, SEEK_CUR), 8); /* one file, one offset */
    kit_expect_exit(channel, 0);
    cordon_channel_close(channel);
    close(first);
    close((int)second);
    support_directory_remove(directory);
}

/* Opens a terminal, hands its master over, and plays the program on the other side of it. */
static int play_terminal(cordon_channel *channel, const char *argument)
{
    const cordon_handle master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct winsize      size;
    char                text[64] = "", line[64] = "";
    int                 slave;

    (void)argument;
    SUPPORT_CHECK(master >= 0 && grantpt((int)master) == 0 && unlockpt((int)master) == 0);
    slave = open(ptsname((int)master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    SUPPORT_CHECK(slave >= 0 && isatty(slave));
    kit_send_handles(channel, 1, "terminal", &master, 1);
    kit_expect(channel, 2, "sized");
    SUPPORT_CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0);
    SUPPORT_CHECK(read(slave, line, sizeof line - 1) == 6);
    snprintf(text, sizeof text, "%d %d %.5s\n", size.ws_row, size.ws_col, line);
    SUPPORT_CHECK(write(slave, text, strlen(text)) == (ssize_t)strlen(text));
    kit_expect_code(channel, CORDON_ECLOSED);
    return 0;
}

static void terminal_talks_and_changes_its_size(void **state)
{
    cordon_channel *channel = kit_start("terminal", "", NULL);
    struct winsize  size = {50, 132, 0, 0};
    char            text[256] = "";
    size_t          used = 0;
    int             master;

    (void)state;
    master = (int)cordon_message_take(kit_expect(channel, 1, "terminal"), 0);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    assert_int_equal(write(master, "hello\n", 6), 6);
    kit_send(channel, 2, "sized");
    while (strstr(text, "50 132 hello") == NULL) {
        const ssize_t got = read(master, text + used, sizeof text - 1 - used);

        assert_true(got > 0);
        used += (size_t)got;
    }
    cordon_channel_close(channel);
    close(master);
}

int main(int count, char **arguments)
{
    static const kit_part parts[] = {
        {"writer", play_writer}, {"terminal", play_terminal}, {NULL, NULL}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_arrives_and_is_not_inherited),
        cmocka_unit_test(sixteen_arrive_in_order_and_seventeen_are_einval),
        PEER(what_is_no_descriptor_is_einval_and_the_channel_goes_on),
        PEER(what_is_not_taken_is_closed_by_the_next_call),
        PEER(descriptors_that_nobody_received_are_closed_with_the_channel),
        cmocka_unit_test(body_that_does_not_leave_at_once_has_its_descriptors_once),
        cmocka_unit_test(file_is_read_from_the_offset_that_its_sender_set),
        cmocka_unit_test(terminal_talks_and_changes_its_size),
    };
    const int status = kit_play(count, arguments, parts);

    return status >= 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
