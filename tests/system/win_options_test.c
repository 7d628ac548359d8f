/* What only a server on Windows can be asked for. */
#include "life_kit.h"

#include "inner.h"

#include <sddl.h>

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

/* Who is let in to the pipe of this server, in words. */
static void read_list(char *text, size_t room, cordon_endpoint *endpoint)
{
    const wchar_t *address = support_wide(cordon_endpoint_path(endpoint, CORDON_ADDRESS));
    HANDLE         pipe = CreateFileW(address, READ_CONTROL | SYNCHRONIZE, 0, NULL, OPEN_EXISTING,
                                      SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
    union {
        SECURITY_DESCRIPTOR head; /* for its alignment */
        BYTE                bytes[1024];
    } found;
    DWORD size;
    char *words = NULL;

    assert_ptr_not_equal(pipe, INVALID_HANDLE_VALUE);
    assert_true(
        GetKernelObjectSecurity(pipe, DACL_SECURITY_INFORMATION, &found, sizeof found, &size));
    assert_true(ConvertSecurityDescriptorToStringSecurityDescriptorA(
        &found, SDDL_REVISION_1, DACL_SECURITY_INFORMATION, &words, NULL));
    snprintf(text, room, "%s", words);
    LocalFree(words);
    CloseHandle(pipe);
}

static support_server *serve_with(unsigned flags)
{
    cordon_server_options options = CORDON_SERVER_OPTIONS_INIT;
    support_server       *server;

    options.flags = flags;
    support_server_open(&server, root, NULL, &options);
    return server;
}

static void list_of_with(char *text, size_t room, unsigned flags)
{
    support_server *server = serve_with(flags);

    read_list(text, room, server->endpoint);
    support_server_close(server);
}

/* Nobody gets it who has not asked for it. */
static void list_of_the_systems_own_is_had_by_a_flag_alone(void **state)
{
    char sid[192], spelled[256], wide[256], ours[512], theirs[512];

    (void)state;
    support_own_sid(sid, sizeof sid);
    snprintf(wide, sizeof wide, "D:P(A;;GA;;;%s)", sid);
    snprintf(spelled, sizeof spelled, "D:P(A;;FA;;;%s)", sid);
    list_of_with(ours, sizeof ours, 0);
    list_of_with(theirs, sizeof theirs, CORDON_WIN32_DEFAULT_DACL);
    if (strcmp(ours, wide) != 0)
        assert_string_equal(ours, spelled);
    assert_string_not_equal(theirs, ours);
}

/* What an elevated program makes belongs to the administrators, unless it is told otherwise; and
 * without a label it is of medium integrity, which is less than the program's own. */
static int is_known_by_what_it_makes(void)
{
    union {
        TOKEN_OWNER owner;
        BYTE        bytes[sizeof(TOKEN_OWNER) + SECURITY_MAX_SID_SIZE];
    } told;
    char   sid[192], level[64], *words = NULL;
    HANDLE token;
    DWORD  size;
    int    is_us;

    assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    assert_true(GetTokenInformation(token, TokenOwner, &told, sizeof told, &size));
    CloseHandle(token);
    assert_true(ConvertSidToStringSidA(told.owner.Owner, &words));
    support_own_sid(sid, sizeof sid);
    is_us = strcmp(words, sid) == 0;
    LocalFree(words);
    support_own_level(level, sizeof level);
    return is_us && strtoul(strrchr(level, '-') + 1, NULL, 10) <= SECURITY_MANDATORY_MEDIUM_RID;
}

static void under_it_our_user_is_served_unless_elevated(void **state)
{
    support_server *server;
    cordon_fault    fault = CORDON_FAULT_INIT;

    (void)state;
    SUPPORT_NEEDS_WINDOWS("it tells no owner of a pipe that was made without a descriptor");
    server = serve_with(CORDON_WIN32_DEFAULT_DACL);
    SUPPORT_CODE(support_ask(NULL, server->endpoint, "is anybody there", &fault),
                 is_known_by_what_it_makes() ? CORDON_OK : CORDON_EIMPOSTOR, &fault);
    support_server_close(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_of_the_systems_own_is_had_by_a_flag_alone),
        TEST(under_it_our_user_is_served_unless_elevated),
    };

    return cmocka_run_group_tests_name("win_options", tests, NULL, NULL);
}
