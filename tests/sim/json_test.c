/* Conversations in JSON lines: every state of the gate, every kind of line in it. */
#include "../../src/dialect.h"

#include "talk.h"

#define T "\"token\":\"$T\""

static void two_in_flight(cordon_server_options *options)
{
    options->max_requests = 2;
}

static void no_json(cordon_server_options *options)
{
    options->flags = CORDON_NO_JSON;
}

static void small(cordon_server_options *options)
{
    options->max_request = 4096;
}

static void one_session(cordon_server_options *options)
{
    options->max_sessions = 1;
}

static void two_strangers(cordon_server_options *options)
{
    options->max_strangers = 2;
}

static void slow_handlers(cordon_server_options *options)
{
    options->request_ms = 700;
}

static int not_ready(const cordon_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return CORDON_ENOTREADY;
}

static void closed_door(cordon_server_options *options)
{
    options->on_admit = not_ready;
}

static void narrow(void)
{
    sim.pipe = 1000;
}

static const conversation all[] = {
    {"one_shot_request_is_answered_and_ends",
     LINES{">{" T ",\"request\":[1,2]}", "<{\"ok\":true,\"data\":[1,2]}", "= ended",
           "@ here request:[1,2] left:OK", NULL},
     NULL, NULL, 0},
    {"request_with_an_id_keeps_the_connection",
     LINES{">{" T ",\"id\":7,\"request\":1}", "<{\"ok\":true,\"id\":7,\"data\":1}", "= open",
           ">{" T ",\"id\":\"x\",\"request\":2}", "<{\"ok\":true,\"id\":\"x\",\"data\":2}",
           "+3600000", "= open", NULL},
     NULL, NULL, 0},
    {"request_bytes_arrive_as_sent",
     LINES{">{" T ",\"request\":1e400}", "<{\"ok\":true,\"data\":1e400}",
           "2>{" T ",\"request\":0.10}", "2<{\"ok\":true,\"data\":0.10}", NULL},
     NULL, NULL, 0},
    {"white_space_and_one_mark_may_come_first",
     LINES{">> \xEF\xBB\xBF \n", ">{" T ",\"request\":1}", "<{\"ok\":true,\"data\":1}", NULL}, NULL,
     NULL, 0},
    {"carriage_return_is_dropped",
     LINES{">>{" T ",\"request\":1}\r\n", "<{\"ok\":true,\"data\":1}", NULL}, NULL, NULL, 0},
    {"blank_lines_are_skipped",
     LINES{">{" T ",\"id\":1,\"request\":1}", ">>\n  \n\t\r\n", ">{" T ",\"id\":2,\"request\":2}",
           "<{\"ok\":true,\"id\":1,\"data\":1} {\"ok\":true,\"id\":2,\"data\":2}", NULL},
     NULL, NULL, 0},
    {"json_that_is_switched_off_is_closed_without_a_word",
     LINES{">{" T ",\"request\":1}", "= ended", "<", NULL}, no_json, NULL, 0},

    /* ---- refused ---- */
    {"wrong_token_is_unauthorized_and_ends",
     LINES{">{\"token\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
           "\"request\":1}",
           "<{\"ok\":false,\"error\":\"unauthorized\",\"code\":\"UNAUTHORIZED\"}", "+100",
           "= ended", "@", NULL},
     NULL, NULL, 0},
    {"no_token_is_unauthorized",
     LINES{">{\"request\":1}",
           "<{\"ok\":false,\"error\":\"unauthorized\",\"code\":\"UNAUTHORIZED\"}", "@", NULL},
     NULL, NULL, 0},
    {"malformed_line_wins_over_the_token",
     LINES{">{\"token\":\"x\",\"request\":}", "<{\"ok\":false,\"error\":\"parse: *", "@", NULL},
     NULL, NULL, 0},
    {"no_request_is_malformed",
     LINES{">{" T "}", "<{\"ok\":false,\"error\":\"parse: no member*", NULL}, NULL, NULL, 0},
    {"duplicate_request_is_malformed",
     LINES{">{" T ",\"request\":1,\"request\":2}", "<{\"ok\":false,\"error\":\"parse: *", "@",
           NULL},
     NULL, NULL, 0},
    {"duplicate_token_is_malformed",
     LINES{">{" T "," T ",\"request\":2}", "<{\"ok\":false,\"error\":\"parse: *", "@", NULL}, NULL,
     NULL, 0},
    {"unknown_members_are_ignored",
     LINES{">{\"x\":[{}]," T ",\"request\":1,\"y\":null}", "<{\"ok\":true,\"data\":1}", NULL}, NULL,
     NULL, 0},
    {"id_that_is_no_whole_number_is_malformed",
     LINES{">{" T ",\"id\":1.5,\"request\":1}", "<{\"ok\":false,\"error\":\"parse: id*",
           "2>{" T ",\"id\":null,\"request\":1}", "2<{\"ok\":false,\"error\":\"parse: id*",
           "3>{" T ",\"id\":9007199254740993,\"request\":1}",
           "3<{\"ok\":false,\"error\":\"parse: id*", "@", NULL},
     NULL, NULL, 0},
    {"id_in_use_is_malformed",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", ">{" T ",\"id\":1,\"request\":2}",
           "<{\"ok\":false,*", "@ here request:\"hold\" left:EPROTOCOL gone", NULL},
     NULL, NULL, 0},
    {"line_over_the_limit_is_too_large",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,\"data\":1}", "~ 4097",
           "<{\"ok\":false,\"error\":\"the line is too long\",\"code\":\"TOO_LARGE\"}", NULL},
     small, NULL, 0},
    {"malformed_line_lets_finished_replies_out_and_cancels_the_rest",
     LINES{">{" T ",\"id\":1,\"request\":1}", ">{" T ",\"id\":2,\"request\":\"hold\"}", ">{x}",
           "<{\"ok\":true,\"id\":1,\"data\":1} {\"ok\":false,\"error\":\"parse: *",
           "@ here request:1 request:\"hold\" left:EPROTOCOL gone", NULL},
     NULL, NULL, 0},

    /* ---- many ---- */
    {"third_of_two_is_busy_with_its_id",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", ">{" T ",\"id\":2,\"request\":\"hold\"}",
           ">{" T ",\"id\":3,\"request\":3}", "<{\"ok\":false,\"id\":3,*", "! last 2", "! last 1",
           "<{\"ok\":true,\"id\":2,\"data\":2} {\"ok\":true,\"id\":1,\"data\":1}", "= open", NULL},
     two_in_flight, NULL, 0},
    {"parts_say_more",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", "! part 1", "! reply 2",
           "<{\"ok\":true,\"id\":1,\"more\":true,\"data\":1} {\"ok\":true,\"id\":1,\"data\":2}",
           NULL},
     NULL, NULL, 0},
    {"failure_has_a_number",
     LINES{">{" T ",\"request\":\"fail\"}",
           "<{\"ok\":false,\"error\":\"failed as asked\",\"code\":300}", "= ended", NULL},
     NULL, NULL, 0},
    {"reply_that_is_not_json_is_internal",
     LINES{">{" T ",\"request\":\"hold\"}", "! reply [1,",
           "<{\"ok\":false,\"error\":\"the reply is not JSON\",\"code\":\"INTERNAL\"}", "= ended",
           NULL},
     NULL, NULL, 0},
    {"nothing_after_a_one_shot_is_read",
     LINES{">{" T ",\"request\":\"hold\"}", ">{" T ",\"request\":2}", "! reply 1",
           "<{\"ok\":true,\"data\":1}", "= ended", "@ here request:\"hold\" left:OK", NULL},
     NULL, NULL, 0},
    {"events_go_to_those_who_have_used_an_id",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,*",
           "2>{" T ",\"request\":\"hold\"}", "! push {\"a\":1}", "<{\"event\":{\"a\":1}}",
           "! push nojson", "! push [2]", "<{\"event\":[2]}", "! reply 5",
           "2<{\"ok\":true,\"data\":5}", NULL},
     NULL, NULL, 0},

    {"busy_handler_says_busy",
     LINES{">{" T ",\"id\":1,\"request\":\"busy\"}", "<{\"ok\":false,\"id\":1,*", "= open", NULL},
     NULL, NULL, 0},
    {"reply_from_another_thread_arrives",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", "! thread 5",
           "<{\"ok\":true,\"id\":1,\"data\":5}", "= open", NULL},
     NULL, NULL, 0},
    {"slow_handler_is_late_to_the_millisecond",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", "+699", "<", "+1", "<{\"ok\":false,\"id\":1,*",
           "@ here request:\"hold\" late", "! reply 1", "<", "= open", NULL},
     slow_handlers, NULL, 1},
    {"id_is_free_again_after_its_answer",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,*",
           ">{" T ",\"id\":1,\"request\":2}", "<{\"ok\":true,\"id\":1,\"data\":2}", NULL},
     NULL, NULL, 0},
    {"wrong_token_later_is_unauthorized_too",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,*",
           ">{\"id\":2,\"request\":1}", "<{\"ok\":false,*", "+100", "= ended",
           "@ here request:1 left:EUNAUTHORIZED", NULL},
     NULL, NULL, 0},
    {"frames_after_a_line_are_malformed",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,*", "> magic hello", ">>\n",
           "<{\"ok\":false,*", "+100", "= ended", "@ here request:1 left:EPROTOCOL", NULL},
     NULL, NULL, 0},

    /* ---- the door ---- */
    {"full_server_says_busy",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,*", "2>{" T ",\"request\":1}",
           "2<{\"ok\":false,*", "+100", "2= ended", "= open", NULL},
     one_session, NULL, 0},
    {"full_server_judges_the_token_first",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,*", "2>{\"request\":1}",
           "2<{\"ok\":false,\"error\":\"unauthorized\",\"code\":\"UNAUTHORIZED\"}", NULL},
     one_session, NULL, 0},
    {"door_that_is_not_ready_says_so",
     LINES{">{" T ",\"request\":1}", "<{\"ok\":false,*", "+100", "= ended", "@", NULL}, closed_door,
     NULL, 0},
    {"oldest_stranger_makes_place",
     LINES{"1>>{", "2>>{", "3>>{", "+100", "= ended", "2= open", "3= open", NULL}, two_strangers,
     NULL, 1},

    /* ---- ends ---- */
    {"client_that_reads_nothing_is_cut_after_the_write_time",
     LINES{">{" T ",\"id\":1,\"request\":\"big-3000\"}", "+4999", "@ here request:\"big-3000\"",
           "+1", "@ left:ETIMEDOUT", NULL},
     NULL, narrow, 1},
    {"drain_ends_to_the_millisecond",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", "! stop", "+249", "= open", "+1", "= ended",
           "@ here request:\"hold\" left:*", NULL},
     NULL, NULL, 1},
    {"server_that_is_killed_just_ends",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", "! gone", "= ended", "<", NULL}, NULL, NULL,
     0},
    {"half_close_lets_answers_out",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", "|", "= open", "! reply 1",
           "<{\"ok\":true,\"id\":1,\"data\":1}", "= ended", "@ here request:\"hold\" left:OK",
           NULL},
     NULL, NULL, 0},
    {"hanging_up_cancels",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", "x",
           "@ here request:\"hold\" left:ECLOSED gone", NULL},
     NULL, NULL, 0},
    {"hanging_up_a_one_shot_cancels",
     LINES{">{" T ",\"request\":\"hold\"}", "x", "@ here request:\"hold\" left:ECLOSED gone", NULL},
     NULL, NULL, 0},
    {"line_that_does_not_end_is_malformed",
     LINES{">>{" T ",\"request\":1}", "|",
           "<{\"ok\":false,\"error\":\"parse: the line does not end*", "+100", "= ended", "@",
           NULL},
     NULL, NULL, 0},
    {"half_a_line_of_a_stranger_is_late",
     LINES{">>{\"request\"", "+4999", "<", "+1", "<{\"ok\":false,*", "+100", "= ended", NULL}, NULL,
     NULL, 1},
    {"half_a_line_of_a_member_is_late",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,*", ">>{\"request\"", "+9999",
           "<", "+1", "<{\"ok\":false,*", "+100", "= ended", NULL},
     NULL, NULL, 1},
    {"idle_json_session_ends_when_the_server_stops",
     LINES{">{" T ",\"id\":1,\"request\":1}", "<{\"ok\":true,\"id\":1,*", "! stop", "= ended",
           NULL},
     NULL, NULL, 1},
    {"pending_json_reply_goes_out_when_the_server_stops",
     LINES{">{" T ",\"id\":1,\"request\":\"hold\"}", "! stop", "! reply 1",
           "<{\"ok\":true,\"id\":1,\"data\":1}", "= ended", NULL},
     NULL, NULL, 1},
    {"stranger_that_speaks_while_it_stops_is_told_stopping",
     LINES{"o", "! stop", ">{" T ",\"request\":1}",
           "<{\"ok\":false,\"error\":\"the server is stopping\","
           "\"code\":\"STOPPING\"}",
           NULL},
     NULL, NULL, 1},
};

int main(void)
{
    return talk_main(all, sizeof all / sizeof all[0], "sim_json");
}
