/* Conversations in the binary framing: every state of the gate, every frame in it. */
#include "../../src/dialect.h"

#include "talk.h"

#define ADMITTED "> magic hello", "< welcome:1"

static void two_in_flight(cordon_server_options *options)
{
    options->max_requests = 2;
}

static void small(cordon_server_options *options)
{
    options->max_request = options->max_reply = 4096;
}

static void no_binary(cordon_server_options *options)
{
    options->flags = CORDON_NO_BINARY;
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

static void no_stop(cordon_server_options *options)
{
    options->on_stop = NULL;
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

static void small_queue(cordon_server_options *options)
{
    options->max_queued = 8192;
    options->max_reply = 4096;
}

static const conversation all[] = {
    /* ---- opening ---- */
    {"hello_and_request_in_one_write_are_answered",
     LINES{"> magic hello request:1:abc", "< welcome:1 reply:1:abc", "= open", "@ here request:abc",
           NULL},
     NULL, NULL, 0},
    {"silence_ends_after_the_time_for_a_hello",
     LINES{"o", "<", "+4999", "= open", "+1", "= ended", "<", "@", NULL}, NULL, NULL, 1},
    {"half_a_magic_ends_at_the_same_time",
     LINES{"> bytes:C043", "+4999", "= open", "+1", "= ended", "<", NULL}, NULL, NULL, 1},
    {"magic_alone_is_told_that_it_is_late",
     LINES{"> magic", "+4999", "<", "+1", "< refused:TIMED_OUT", "= open", "+99", "= open", "+1",
           "= ended", NULL},
     NULL, NULL, 1},
    {"half_a_hello_is_told_that_it_is_late",
     LINES{"> magic head:57:1:0:0 bytes:0100", "+3000", "> bytes:0100", "+1999", "<", "+1",
           "< refused:TIMED_OUT", "+100", "= ended", "@", NULL},
     NULL, NULL, 1},
    {"neither_framing_is_closed_without_a_word",
     LINES{"> bytes:47455420", "= ended", "<", "@", NULL}, NULL, NULL, 0},
    {"wrong_magic_is_told_so",
     LINES{"> bytes:C0435200", "< refused:MALFORMED", "+100", "= ended", "@", NULL}, NULL, NULL, 0},
    {"binary_that_is_switched_off_is_closed_without_a_word",
     LINES{"> magic hello", "= ended", "<", NULL}, no_binary, NULL, 0},
    {"request_before_hello_is_malformed",
     LINES{"> magic request:1:abc", "< refused:MALFORMED", "@", NULL}, NULL, NULL, 0},
    {"ping_before_hello_is_malformed", LINES{"> magic ping:a", "< refused:MALFORMED", "@", NULL},
     NULL, NULL, 0},
    {"pong_before_hello_is_malformed", LINES{"> magic pong:a", "< refused:MALFORMED", "@", NULL},
     NULL, NULL, 0},
    {"finish_before_hello_is_malformed",
     LINES{"> magic frame:11:0:0:0:", "< refused:MALFORMED", NULL}, NULL, NULL, 0},
    {"stop_and_status_before_hello_are_malformed",
     LINES{"> magic stop:1", "< refused:MALFORMED", "2> magic status:1", "2< refused:MALFORMED",
           NULL},
     NULL, NULL, 0},
    {"second_hello_is_malformed",
     LINES{ADMITTED, "> hello", "< failure:0:MALFORMED", "+100", "= ended", "@ here left:EPROTOCOL",
           NULL},
     NULL, NULL, 0},
    {"hello_of_4096_bytes_is_read", LINES{"> magic twice:4045", "< welcome:1", NULL}, NULL, NULL,
     0},
    {"hello_over_4096_bytes_is_refused_by_its_head",
     LINES{"> magic head:4097:1:0:0", "< refused:TOO_LARGE", NULL}, NULL, NULL, 0},
    {"trailing_bytes_of_a_hello_are_ignored", LINES{"> magic twice:9", "< welcome:1", NULL}, NULL,
     NULL, 0},

    /* ---- token and version ---- */
    {"wrong_token_is_unauthorized_and_nothing_runs",
     LINES{"> magic wrong request:1:abc", "< refused:UNAUTHORIZED", "+100", "= ended", "@", NULL},
     NULL, NULL, 0},
    {"one_bit_of_the_token_is_enough",
     LINES{"> magic wrong:0", "< refused:UNAUTHORIZED", "2> magic wrong:255",
           "2< refused:UNAUTHORIZED", "3> magic wrong:100", "3< refused:UNAUTHORIZED", "@", NULL},
     NULL, NULL, 0},
    {"no_token_is_unauthorized", LINES{"> magic bare", "< refused:UNAUTHORIZED", "@", NULL}, NULL,
     NULL, 0},
    {"token_of_another_size_is_malformed", LINES{"> magic short", "< refused:MALFORMED", "@", NULL},
     NULL, NULL, 0},
    {"version_is_judged_before_the_token", LINES{"> magic hello:2:9", "< refused:VERSION", NULL},
     NULL, NULL, 0},
    {"ranges_that_meet_are_welcome",
     LINES{"> magic hello:1:9", "< welcome:1", "2> magic hello:0:1", "2< welcome:1", NULL}, NULL,
     NULL, 0},
    {"version_min_over_version_max_is_malformed",
     LINES{"> magic hello:2:1", "< refused:MALFORMED", NULL}, NULL, NULL, 0},

    /* ---- broken frames ---- */
    {"unknown_type_is_malformed", LINES{ADMITTED, "> head:0:15:0:0", "< failure:0:MALFORMED", NULL},
     NULL, NULL, 0},
    {"type_zero_is_malformed", LINES{ADMITTED, "> head:0:0:0:0", "< failure:0:MALFORMED", NULL},
     NULL, NULL, 0},
    {"frames_of_a_server_are_malformed",
     LINES{ADMITTED, "> head:0:5:0:1", "< failure:0:MALFORMED", "2> magic hello head:0:7:0:0",
           "2< welcome:1 failure:0:MALFORMED", "3> magic hello head:30:2:0:0",
           "3< welcome:1 failure:0:MALFORMED", NULL},
     NULL, NULL, 0},
    {"reserved_flags_are_malformed",
     LINES{ADMITTED, "> head:0:4:2:1", "< failure:0:MALFORMED", NULL}, NULL, NULL, 0},
    {"more_on_a_request_is_malformed",
     LINES{ADMITTED, "> head:0:4:1:1", "< failure:0:MALFORMED", NULL}, NULL, NULL, 0},
    {"handles_are_malformed",
     LINES{ADMITTED, "> frame:4:0:1:1:abc", "< failure:0:MALFORMED", "@ here left:EPROTOCOL", NULL},
     NULL, NULL, 0},
    {"request_of_id_zero_is_malformed",
     LINES{ADMITTED, "> request:0:abc", "< failure:0:MALFORMED", NULL}, NULL, NULL, 0},
    {"ping_with_an_id_is_malformed",
     LINES{ADMITTED, "> frame:9:0:0:1:abc", "< failure:0:MALFORMED", NULL}, NULL, NULL, 0},
    {"ping_over_64_bytes_is_malformed_or_too_large",
     LINES{ADMITTED, "> head:65:9:0:0", "< failure:0:*", NULL}, NULL, NULL, 0},
    {"cancel_with_a_body_is_malformed",
     LINES{ADMITTED, "> frame:8:0:0:1:abc", "< failure:0:*", NULL}, NULL, NULL, 0},
    {"what_follows_a_broken_frame_is_not_looked_at",
     LINES{ADMITTED, "> head:0:15:0:0 request:1:abc request:2:abc", "< failure:0:MALFORMED",
           "@ here left:EPROTOCOL", NULL},
     NULL, NULL, 0},
    {"after_the_reason_64_KiB_are_thrown_away_then_it_ends",
     LINES{ADMITTED, "> head:0:15:0:0", "~ 60000", "< failure:0:MALFORMED", "= open", "~ 10000",
           "= ended", NULL},
     NULL, NULL, 0},
    {"after_the_reason_100_ms_pass_then_it_ends",
     LINES{ADMITTED, "> head:0:15:0:0", "~ 1000", "+99", "< failure:0:MALFORMED", "= open", "+1",
           "= ended", NULL},
     NULL, NULL, 1},
    {"after_the_reason_a_client_that_ends_is_let_go_at_once",
     LINES{ADMITTED, "> head:0:15:0:0", "< failure:0:MALFORMED", "|", "= ended", NULL}, NULL, NULL,
     0},

    /* ---- requests ---- */
    {"request_of_no_bytes_is_answered", LINES{ADMITTED, "> request:1:", "< reply:1:", NULL}, NULL,
     NULL, 0},
    {"third_request_of_two_is_busy_and_the_session_goes_on",
     LINES{"> magic hello request:1:hold request:2:hold request:3:hold",
           "< welcome:1 failure:3:BUSY", "! last b", "! last a", "< reply:2:b reply:1:a",
           "> request:3:now", "< reply:3:now", NULL},
     two_in_flight, NULL, 0},
    {"id_in_use_ends_the_session",
     LINES{ADMITTED, "> request:7:hold request:7:abc", "< failure:0:MALFORMED",
           "@ here request:hold left:EPROTOCOL gone", NULL},
     NULL, NULL, 0},
    {"id_in_use_by_a_status_ends_the_session",
     LINES{ADMITTED, "> request:7:hold status:7", "< failure:0:MALFORMED", NULL}, NULL, NULL, 0},
    {"id_is_free_again_after_its_answer",
     LINES{ADMITTED, "> request:7:a", "< reply:7:a", "> request:7:b", "< reply:7:b", NULL}, NULL,
     NULL, 0},
    {"largest_id_is_an_id", LINES{ADMITTED, "> request:4294967295:a", "< reply:4294967295:a", NULL},
     NULL, NULL, 0},
    {"request_of_exactly_the_limit_is_answered",
     LINES{ADMITTED, "> big:1:4096", "< reply:1:#4096", "= open", NULL}, small, NULL, 0},
    {"request_over_the_limit_is_refused_by_its_head",
     LINES{ADMITTED, "> head:4097:4:0:1", "< failure:0:TOO_LARGE", "@ here left:EMSGSIZE", NULL},
     small, NULL, 0},
    {"whoever_writes_on_after_too_much_still_reads_the_reason",
     LINES{ADMITTED, "> head:10485760:4:0:1", "~ 50000", "< failure:0:TOO_LARGE", NULL}, small,
     NULL, 0},
    {"failure_of_the_handler_has_its_number",
     LINES{ADMITTED, "> request:1:fail", "< failure:1:300", "= open", NULL}, NULL, NULL, 0},
    {"busy_handler_says_busy",
     LINES{ADMITTED, "> request:1:busy", "< failure:1:BUSY", "= open", NULL}, NULL, NULL, 0},
    {"reply_over_what_the_client_takes_is_too_large_and_the_session_goes_on",
     LINES{"> magic hello:1:1:0:4096 request:1:big-4097", "< welcome:1 failure:1:TOO_LARGE",
           "> request:2:big-4096", "< reply:2:#4096", NULL},
     NULL, NULL, 0},
    {"parts_come_in_order_and_the_last_ends_it",
     LINES{ADMITTED, "> request:1:hold", "! part a", "! part b", "! reply c",
           "< part:1:a part:1:b reply:1:c", NULL},
     NULL, NULL, 0},
    {"failure_after_parts_ends_it",
     LINES{ADMITTED, "> request:1:hold", "! part a", "! fail 300 no", "< part:1:a failure:1:300",
           NULL},
     NULL, NULL, 0},
    {"reply_from_another_thread_arrives",
     LINES{ADMITTED, "> request:1:hold", "! thread late", "< reply:1:late", NULL}, NULL, NULL, 0},
    {"big_reply_arrives_whole_through_a_narrow_line",
     LINES{ADMITTED, "> request:1:big-300000", "< reply:1:#300000", NULL}, NULL, narrow, 1},
    {"events_go_to_those_who_want_them",
     LINES{ADMITTED, "2> magic hello:1:1:0:4096", "2< welcome:1", "! push news", "< event:news",
           "2<", NULL},
     NULL, NULL, 0},
    {"event_over_what_a_client_takes_is_not_sent",
     LINES{"> magic hello:1:1:1:4", "< welcome:1", "! push 12345", "! push 1234", "< event:1234",
           NULL},
     NULL, NULL, 0},

    /* ---- cancel ---- */
    {"cancel_ends_it_and_the_handler_is_told",
     LINES{ADMITTED, "> request:1:hold cancel:1", "< failure:1:CANCELED",
           "@ here request:hold canceled", "! reply late", "<", NULL},
     NULL, NULL, 0},
    {"cancel_of_nothing_is_ignored", LINES{ADMITTED, "> cancel:9 request:1:a", "< reply:1:a", NULL},
     NULL, NULL, 0},
    {"cancel_twice_is_once",
     LINES{ADMITTED, "> request:1:hold cancel:1 cancel:1", "< failure:1:CANCELED",
           "@ here request:hold canceled", NULL},
     NULL, NULL, 0},
    {"cancel_after_the_answer_is_ignored",
     LINES{ADMITTED, "> request:1:a", "< reply:1:a", "> cancel:1 request:2:b", "< reply:2:b", NULL},
     NULL, NULL, 0},
    {"canceled_request_counts_until_its_handler_lets_go",
     LINES{ADMITTED, "> request:1:hold request:2:hold cancel:1 request:3:a",
           "< failure:1:CANCELED failure:3:BUSY", "! reply gone", "> request:3:a", "< reply:3:a",
           NULL},
     two_in_flight, NULL, 0},
    {"cancel_with_id_zero_is_malformed",
     LINES{ADMITTED, "> cancel:0", "< failure:0:MALFORMED", NULL}, NULL, NULL, 0},

    /* ---- ping ---- */
    {"ping_is_answered_with_its_bytes",
     LINES{ADMITTED, "> ping: ping:abc", "< pong: pong:abc", NULL}, NULL, NULL, 0},
    {"pong_that_nobody_asked_for_is_ignored",
     LINES{ADMITTED, "> pong:abc request:1:a", "< reply:1:a", NULL}, NULL, NULL, 0},

    /* ---- the end of a client ---- */
    {"end_without_finish_is_a_lost_client",
     LINES{ADMITTED, "> request:1:hold", "|", "= ended", "@ here request:hold left:ECLOSED gone",
           NULL},
     NULL, NULL, 0},
    {"client_that_hangs_up_is_lost",
     LINES{ADMITTED, "> request:1:hold", "x", "@ here request:hold left:ECLOSED gone", "! reply a",
           NULL},
     NULL, NULL, 0},
    {"finish_then_the_end_is_a_goodbye",
     LINES{ADMITTED, "> finish", "|", "= ended", "@ here left:OK", NULL}, NULL, NULL, 0},
    {"finish_lets_answers_go_out",
     LINES{ADMITTED, "> request:1:hold finish", "! reply a", "< reply:1:a", "@ here request:hold",
           NULL},
     NULL, NULL, 0},
    {"request_after_finish_is_malformed",
     LINES{ADMITTED, "> request:5:hold finish request:1:a", "< failure:0:MALFORMED", NULL}, NULL,
     NULL, 0},
    {"cancel_and_pong_after_finish_are_fine",
     LINES{ADMITTED, "> request:1:hold finish cancel:1 pong:a", "< failure:1:CANCELED*", NULL},
     NULL, NULL, 0},
    {"begun_frame_that_does_not_go_on_is_late",
     LINES{ADMITTED, "> head:100:4:0:1 bytes:41", "+9999", "<", "= open", "+1",
           "< failure:0:TIMED_OUT", "+100", "= ended", NULL},
     NULL, NULL, 1},
    {"each_byte_of_a_begun_frame_buys_time",
     LINES{ADMITTED, "> head:3:4:0:1 bytes:41", "+9000", "> bytes:42", "+9000", "> bytes:43",
           "< reply:1:ABC", "+60000", "= open", NULL},
     NULL, NULL, 1},
    {"idle_session_stays", LINES{ADMITTED, "+3600000", "> request:1:a", "< reply:1:a", NULL}, NULL,
     NULL, 1},
    {"client_that_reads_nothing_is_cut_after_the_write_time",
     LINES{ADMITTED, "> request:1:big-3000", "+4999", "@ here request:big-3000", "+1",
           "@ left:ETIMEDOUT", NULL},
     NULL, narrow, 1},
    {"slow_handler_is_late_to_the_millisecond",
     LINES{ADMITTED, "> request:1:hold", "+699", "<", "+1", "< failure:1:TIMED_OUT",
           "@ here request:hold late", "! reply late", "<", NULL},
     slow_handlers, NULL, 1},
    {"client_over_its_queue_is_cut_and_others_are_not",
     LINES{ADMITTED, "2> magic hello", "2< welcome:1",
           "> request:1:hold request:2:hold request:3:hold request:4:hold", "! reply 1",
           "! push "
           "0123456789012345678901234567890123456789",
           "2< event:*", "2> request:1:a", "2< reply:1:a", NULL},
     small_queue, narrow, 1},

    /* ---- status, stop, control ---- */
    {"status_is_answered", LINES{ADMITTED, "> status:3", "< reply:3:#*", NULL}, NULL, NULL, 0},
    {"stop_that_is_not_allowed_is_unsupported_and_the_session_goes_on",
     LINES{ADMITTED, "> stop:3 request:4:a", "< failure:3:UNSUPPORTED reply:4:a", NULL}, no_stop,
     NULL, 0},
    {"stop_is_answered_then_the_server_ends",
     LINES{ADMITTED, "> stop:3", "< reply:3: finish", "|", "= ended", "@ here left:*", NULL}, NULL,
     NULL, 0},
    {"upgrade_is_unsupported_and_the_session_goes_on",
     LINES{ADMITTED, "> upgrade:3:abc request:4:a", "< failure:3:UNSUPPORTED reply:4:a", NULL},
     NULL, NULL, 0},
    {"control_session_has_status_and_stop_only",
     LINES{"> magic hello:0:0", "< welcome:0", "> request:1:a status:2 ping:x cancel:3",
           "< failure:1:UNSUPPORTED*", "> stop:4", "< reply:4:*", "x", "@ closed", NULL},
     NULL, NULL, 1},
    {"full_server_has_place_for_a_control_session",
     LINES{ADMITTED, "2> magic hello", "2< refused:BUSY", "3> magic hello:0:0", "3< welcome:0",
           NULL},
     one_session, NULL, 0},
    {"full_server_judges_the_token_first",
     LINES{ADMITTED, "2> magic wrong", "2< refused:UNAUTHORIZED", NULL}, one_session, NULL, 0},
    {"door_that_is_not_ready_says_so", LINES{"> magic hello", "< refused:NOT_READY", "@", NULL},
     closed_door, NULL, 0},
    {"oldest_stranger_makes_place",
     LINES{"1> magic", "2> magic", "3> magic", "= ended", "2= open", "3= open", "< refused:BUSY",
           NULL},
     two_strangers, NULL, 1},

    /* ---- the server stops ---- */
    {"server_that_stops_says_finish_and_answers_what_is_under_way",
     LINES{ADMITTED, "> request:1:hold", "! stop", "< finish", "! reply a", "< reply:1:a", NULL},
     NULL, NULL, 1},
    {"request_after_the_servers_finish_is_stopping",
     LINES{ADMITTED, "> request:1:hold", "! stop", "> request:2:a", "< finish failure:2:STOPPING",
           NULL},
     NULL, NULL, 1},
    {"drain_ends_to_the_millisecond",
     LINES{ADMITTED, "> request:1:hold", "! stop", "+249", "= open", "+1", "= ended",
           "@ here request:hold left:OK gone closed", NULL},
     NULL, NULL, 1},
    {"stranger_that_speaks_while_it_stops_is_told_stopping",
     LINES{"o", "! stop", "> magic hello", "< refused:STOPPING", NULL}, NULL, NULL, 1},
    {"server_that_is_killed_just_ends",
     LINES{ADMITTED, "> request:1:hold", "! gone", "= ended", "<", NULL}, NULL, NULL, 0},
};

int main(void)
{
    return talk_main(all, sizeof all / sizeof all[0], "sim_binary");
}
