/* Out of descriptors, out of disk, out of a directory. Cases 14 and 15. */
#include "life_hook.h"
#include "life_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char root[SUPPORT_PATH];

static int set_up(void **state)
{
    (void)state;
    support_directory(root);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_directory_remove(root);
    return 0;
}

/* ---- descriptors ---- */

typedef struct tally { /* of the server, seen from outside: shared memory */
    atomic_uint accepts, troubles;
    atomic_int  code;
} tally;

static tally *shared;

static void count_trouble(const cordon_fault *fault, void *user)
{
    (void)user;
    atomic_store(&shared->code, fault->code);
    atomic_fetch_add(&shared->troubles, 1);
}

/* As many as it has now and those its server needs, and eight for clients. */
static int serve_with_few_descriptors(void *context)
{
    support_signal       *lines = context;
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    support_server       *server;
    struct rlimit         limit;
    rlim_t                used;

    options.on_trouble = count_trouble;
    options.max_strangers = 100;
    support_server_open(&server, root, NULL, &options);
    used = (rlim_t)open("/dev/null", O_RDONLY | O_CLOEXEC); /* the lowest that is free */
    close((int)used);
    limit.rlim_cur = limit.rlim_max = used + 8;
    SUPPORT_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    support_signal_send(&lines[0], 'r');
    while (support_signal_wait(&lines[1], 5) == -1)
        atomic_store(&shared->accepts, atomic_load(&life_accepts));
    support_server_close(server);
    return 0;
}

static int has_trouble(void *context)
{
    (void)context;
    return atomic_load(&shared->troubles) > 0;
}

static void ask_raw(int client, uint32_t id)
{
    support_frame frame = {0};
    uint8_t       bytes[32];

    support_raw_send(client, bytes, support_put_frame(bytes, 4, 0, id, "echo", 4));
    SUPPORT_CHECK(support_raw_frame(client, &frame, SUPPORT_SOON) == 1);
    SUPPORT_CHECK(frame.type == 5 && frame.id == id && frame.size == 4);
    support_frame_free(&frame);
}

static void server_out_of_descriptors_serves_on_and_recovers(void **state)
{
    cordon_endpoint *endpoint = support_endpoint(root);
    support_signal   lines[2];
    int              clients[40], good;
    unsigned         before, tries;
    uint64_t         begun;
    pid_t            pid;

    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    support_signal_open(&lines[0]);
    support_signal_open(&lines[1]);
    pid = support_fork(serve_with_few_descriptors, lines);
    assert_int_equal(support_signal_wait(&lines[0], SUPPORT_SOON), 'r');
    good = support_raw_admitted(endpoint);
    for (size_t n = 0; n < 40; n++)
        clients[n] = support_raw_open(endpoint);
    assert_true(support_until(has_trouble, NULL, SUPPORT_SOON));
    assert_int_equal(atomic_load(&shared->code), CORDON_EBUSY);

    /* Others go on, and no busy loop: a try each 25 ms, not thousands. */
    before = atomic_load(&shared->accepts);
    begun = support_now();
    for (uint32_t n = 1; n <= 50; n++) {
        ask_raw(good, n);
        support_pause(10);
    }
    tries = atomic_load(&shared->accepts) - before;
    assert_in_range(tries, 1, (support_now() - begun) / 10 + 50);

    for (size_t n = 0; n < 40; n++)
        close(clients[n]);
    support_ask_echo(endpoint); /* by itself */
    close(good);
    support_signal_send(&lines[1], 's');
    assert_int_equal(support_wait(pid, SUPPORT_SOON), 0);
    support_signal_close(&lines[0]);
    support_signal_close(&lines[1]);
    munmap(shared, sizeof *shared);
    cordon_endpoint_close(endpoint);
}

static int call_without_descriptors(void *context)
{
    cordon_endpoint *endpoint = context;
    cordon_fault     fault = CORDON_FAULT_INIT;
    struct rlimit    limit = {0, 0};

    support_ask_echo(endpoint); /* all that may be opened once is open */
    SUPPORT_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    SUPPORT_CODE(support_ask(NULL, endpoint, "x", &fault), CORDON_EBUSY, &fault);
    SUPPORT_CHECK(fault.os_code == EMFILE && fault.is_sent == 0);
    return 0;
}

static void client_out_of_descriptors_is_told_so(void **state)
{
    support_server *server;

    (void)state;
    support_server_open(&server, root, NULL, NULL);
    assert_int_equal(
        support_wait(support_fork(call_without_descriptors, server->endpoint), SUPPORT_SOON), 0);
    support_server_close(server);
}

/* ---- disks ---- */

static char mounted[SUPPORT_PATH];

/* In a child: a small file system of its own at `mounted`, which nobody else sees. */
static void mount_small(const char *options)
{
    SUPPORT_CHECK(unshare(CLONE_NEWNS) == 0);
    SUPPORT_CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    SUPPORT_CHECK(mount("none", mounted, "tmpfs", 0, options) == 0);
}

static int can_mount(void *context)
{
    (void)context;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return 77;
    return mount("none", mounted, "tmpfs", 0, "size=64k,mode=0700") == 0 ? 0 : 77;
}

static void need_mounts(void)
{
    support_join(mounted, root, "m");
    SUPPORT_CHECK(mkdir(mounted, 0700) == 0);
    if (geteuid() != 0)
        SUPPORT_SKIP("needs a file system of its own: run as root");
    if (support_wait(support_fork(can_mount, NULL), SUPPORT_SOON) != 0)
        SUPPORT_SKIP("this system allows no mount");
}

/* Some way into a write: the disk is full. */
static void fill(const char *path)
{
    char block[1024] = {0};
    int  fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    SUPPORT_CHECK(fd >= 0);
    while (write(fd, block, sizeof block) > 0)
        continue;
    SUPPORT_CHECK(errno == ENOSPC);
    close(fd);
}

static int start_on_full_disk(void *context)
{
    char         path[SUPPORT_PATH];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)context;
    mount_small("size=16k,mode=0700");
    fill(support_join(path, mounted, "big"));
    SUPPORT_CHECK(life_refused(mounted, 0, &fault) < 0);
    SUPPORT_CHECK(fault.os_code == ENOSPC);
    SUPPORT_CHECK(fault.during != NULL && strstr(fault.path, "ipc-token") != NULL);
    life_check_names(mounted, "big ipc.lock");
    SUPPORT_CHECK(unlink(path) == 0);
    SUPPORT_CODE(life_refused(mounted, 0, &fault), CORDON_OK, &fault);
    life_check_names(mounted, "ipc.lock");
    return 0;
}

static void full_disk_is_told_and_nothing_is_left_half_made(void **state)
{
    (void)state;
    need_mounts();
    assert_int_equal(support_wait(support_fork(start_on_full_disk, NULL), SUPPORT_SOON), 0);
}

/* One inode more each time: for the lock, the token, the socket. */
static int start_without_inodes(void *context)
{
    int         *inodes = context;
    char         options[64];
    cordon_fault fault = CORDON_FAULT_INIT;
    int          code;

    snprintf(options, sizeof options, "size=64k,nr_inodes=%d,mode=0700", *inodes);
    mount_small(options);
    code = life_refused(mounted, 0, &fault);
    SUPPORT_CHECK(code == CORDON_OK || fault.os_code == ENOSPC);
    life_check_names(mounted, *inodes < 2 ? "" : "ipc.lock");
    return code == CORDON_OK ? 0 : 1;
}

static void disk_without_inodes_is_told_and_nothing_is_left_half_made(void **state)
{
    int status = 1;

    (void)state;
    need_mounts();
    for (int inodes = 1; status != 0; inodes++) {
        assert_in_range(inodes, 1, 6);
        status = support_wait(support_fork(start_without_inodes, &inodes), SUPPORT_SOON);
        assert_in_range(status, 0, 1);
        assert_true(status == 1 || inodes > 3); /* it did fail for want of them */
    }
}

static int start_read_only(void *context)
{
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)context;
    mount_small("size=64k,mode=0700");
    SUPPORT_CHECK(mount(NULL, mounted, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
    SUPPORT_CODE(life_refused(mounted, 0, &fault), CORDON_EDENIED, &fault);
    SUPPORT_CHECK(fault.os_code == EROFS && strstr(fault.path, mounted) != NULL);
    life_check_names(mounted, "");
    return 0;
}

static void read_only_disk_is_told(void **state)
{
    (void)state;
    need_mounts();
    assert_int_equal(support_wait(support_fork(start_read_only, NULL), SUPPORT_SOON), 0);
}

/* The ordinary user's full disk: no file may grow. */
static int start_with_no_file_size(void *context)
{
    struct rlimit none = {0, 0};
    cordon_fault  fault = CORDON_FAULT_INIT;

    (void)context;
    signal(SIGXFSZ, SIG_IGN);
    SUPPORT_CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
    SUPPORT_CHECK(life_refused(root, 0, &fault) < 0);
    SUPPORT_CHECK(fault.os_code == EFBIG && strstr(fault.path, root) != NULL);
    return 0;
}

static void server_that_cannot_write_its_token_does_not_start(void **state)
{
    (void)state;
    assert_int_equal(support_wait(support_fork(start_with_no_file_size, NULL), SUPPORT_SOON), 0);
    life_check_names(root, "ipc.lock");
}

static void directory_without_rights_is_denied(void **state)
{
    char         directory[SUPPORT_PATH];
    cordon_fault fault = CORDON_FAULT_INIT;

    (void)state;
    if (geteuid() == 0)
        SUPPORT_SKIP("root may write everywhere: run as an ordinary user");
    assert_int_equal(mkdir(support_join(directory, root, "d"), 0500), 0);
    SUPPORT_CODE(life_refused(directory, 0, &fault), CORDON_EDENIED, &fault);
    assert_true(strstr(fault.path, directory) != NULL);
    life_check_names(directory, "");
}

/* ---- directories that vanish ---- */

static void directory_that_vanished_is_made_anew_by_the_next_start(void **state)
{
    char             directory[SUPPORT_PATH];
    cordon_endpoint *endpoint;
    support_server  *server;
    cordon_fault     fault = CORDON_FAULT_INIT;

    (void)state;
    support_join(directory, root, "d");
    endpoint = support_endpoint(directory);
    for (int round = 0; round < 2; round++) {
        SUPPORT_CODE(support_server_try(&server, endpoint, NULL, NULL, &fault), CORDON_OK, &fault);
        support_ask_echo(endpoint);
        support_server_close(server);
        support_directory_remove(directory);
        SUPPORT_CODE(support_ask(NULL, endpoint, "x", &fault), CORDON_ENOTRUNNING, &fault);
    }
    cordon_endpoint_close(endpoint);
    assert_false(support_exists(directory)); /* a client makes nothing */
}

static void client_follows_a_directory_that_was_made_anew(void **state)
{
    char             directory[SUPPORT_PATH];
    cordon_endpoint *endpoint;
    support_server  *server;

    (void)state;
    support_join(directory, root, "d");
    endpoint = support_endpoint(directory);
    support_server_open(&server, directory, NULL, NULL);
    support_ask_echo(endpoint);
    support_server_close(server);
    support_directory_remove(directory);
    support_server_open(&server, directory, NULL, NULL);
    support_ask_echo(endpoint);
    support_server_close(server);
    cordon_endpoint_close(endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(server_out_of_descriptors_serves_on_and_recovers),
        TEST(client_out_of_descriptors_is_told_so),
        TEST(full_disk_is_told_and_nothing_is_left_half_made),
        TEST(disk_without_inodes_is_told_and_nothing_is_left_half_made),
        TEST(read_only_disk_is_told),
        TEST(server_that_cannot_write_its_token_does_not_start),
        TEST(directory_without_rights_is_denied),
        TEST(directory_that_vanished_is_made_anew_by_the_next_start),
        TEST(client_follows_a_directory_that_was_made_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
