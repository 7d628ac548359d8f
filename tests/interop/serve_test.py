"""cordon serve -- CMD: one program a request, and what it may see, do and leave behind."""
import json
import os
import signal
import subprocess
import sys
import unittest

import kit
from kit import CORDON

# Waits until as many programs as told are there at the same time; no clock decides.
MEET = """
name=$(cat); : > "$PLACE/here.$name"
until [ "$(ls "$PLACE" | grep -c '^here')" -ge "$COUNT" ]; do sleep 0.01; done
echo "met $name"
"""


class Bodies(kit.Case):
    def test_any_bytes_arrive_and_come_back(self):
        self.serve_puppet("cat", options=("--max", str(4 << 20)))
        every = bytes(range(256))
        for size in (0, 1, 4095, 4096, 65535, 65536, 65537, 1 << 20, 4 << 20):
            with self.subTest(size=size):
                body = (every * (size // 256 + 1))[:size]
                result = self.cordon("call", "-", "--max", str(4 << 20), send=body)
                self.assertEqual(result.status, 0, result.err)
                self.assertTrue(result.out == body, "the same bytes")

    def test_a_body_is_never_an_argument(self):
        words = ["a b", "$HOME", "*", "`id`", "--json", "", 'a"b', "c\\", 'd\\\\"e', "%PATH%",
                 "gr\u00fc\u00df \u4f60 \U0001f600"]
        self.serve_puppet("say", *words)
        self.assertEqual(self.cordon("call", "$(id) ; id").out, ("|".join(words) + "|").encode())

    def test_a_program_may_leave_its_input_unread(self):
        self.serve_puppet("say", "done", options=("--max", str(4 << 20)))
        result = self.cordon("call", "-", send=b"x" * (4 << 20))
        self.assertEqual((result.status, result.out), (0, b"done|"), result.err)

    @kit.posix_only(kit.SHELL)
    def test_a_program_may_open_its_input_by_name(self):
        if not os.path.exists("/dev/stdin"):
            self.skipTest("no /dev/stdin here")
        self.serve("--", "cat", "/dev/stdin")
        self.assertEqual(self.cordon("call", "by name").out, b"by name")

    def test_output_at_the_limit_goes_and_one_byte_more_does_not(self):
        self.serve_puppet("zeros", options=("--max", "5000"))
        self.assertEqual(len(self.cordon("call", "5000").out), 5000)
        self.check_error(self.cordon("call", "5001"), 2, "over a size limit")

    @kit.posix_only(kit.SHELL)
    def test_endless_output_is_ended(self):
        self.serve_shell(f"echo $$ > {self.path('pid')}; exec cat /dev/zero")
        self.check_error(self.cordon("call"), 2, "over a size limit")
        self.check_ended("pid")

    def check_ended(self, file):
        with open(self.path(file)) as text:
            pid = int(text.read())
        kit.until(lambda: not kit.is_alive(pid), f"{file} ends")


class Failures(kit.Case):
    def test_exit_statuses_and_their_text(self):
        self.serve_puppet("status")
        for status in (1, 2, 99, 127, 255):
            with self.subTest(status=status):
                result = self.cordon("call", f"{status}\n")
                self.check_error(result, 1, f"failure {256 + status}")
                self.assertEqual(result.err.splitlines()[1], f"text {status}")

    @kit.posix_only("there are no signals to die of")
    def test_death_by_a_signal_is_256_and_128_and_the_signal(self):
        self.serve_shell("read -r number; kill -$number $$")
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGPIPE):
            with self.subTest(number=number):
                result = self.cordon("call", f"{int(number)}\n")
                self.check_error(result, 1, f"failure {256 + 128 + number}")
                self.assertIn(f"signal {int(number)}", result.err)

    @kit.posix_only(kit.SHELL)
    def test_text_is_cut_at_4_KiB_and_the_rest_is_drained(self):
        self.serve_shell("head -c 1000000 /dev/zero | tr '\\0' e >&2; exit 1")
        result = self.cordon("call", "--json")
        self.assertEqual(json.loads(result.err)["failure"], "e" * 4096)

    @kit.posix_only(kit.SHELL)
    def test_what_a_good_run_says_on_stderr_is_no_part_of_the_reply(self):
        self.serve_shell("echo out; echo err >&2")
        result = self.cordon("call")
        self.assertEqual((result.status, result.out, result.err), (0, b"out\n", ""))

    def test_a_program_that_is_not_there(self):
        self.serve("--", "/nowhere/program")
        result = self.cordon("call")
        self.check_error(result, 1)
        self.assertIn("/nowhere/program", result.err)
        self.assertEqual(self.cordon("status").status, 0, "the server goes on")

    @kit.posix_only(kit.SHELL)
    def test_a_nul_in_the_text_does_not_end_it(self):
        self.serve_shell(r"printf 'one\000two' >&2; exit 1")
        self.assertIn("one?two", self.cordon("call").err)


@kit.posix_only(kit.SHELL)
class Ends(kit.Case):
    """A program that is not wanted any more is ended, and all that it has started."""

    # Says who it and its children are, then waits for ever.
    FAMILY = """
sh -c 'echo $$ > "$PLACE/grandchild"; sleep 600 & echo $! > "$PLACE/grandgrandchild"; wait' &
echo $$ > "$PLACE/child"
wait
"""
    NAMES = ("child", "grandchild", "grandgrandchild")

    def serve_family(self, *words):
        return self.serve_shell(self.FAMILY, *words, env=dict(os.environ, PLACE=self.dir))

    def family(self):
        def read(name):
            try:
                with open(self.path(name)) as file:
                    return file.read().strip()
            except FileNotFoundError:
                return ""
        kit.until(lambda: all(read(name) for name in self.NAMES), "all of them run")
        return [int(read(name)) for name in self.NAMES]

    def check_ended(self, pids):
        for pid in pids:
            kit.until(lambda: not kit.is_alive(pid), f"{pid} ends")

    def client(self, *words):
        return self.start(CORDON, "call", kit.APP, "--dir", kit.native(self.dir), *words,
                          stderr=subprocess.PIPE, text=True)

    def test_at_the_timeout(self):
        self.serve_family("--timeout", "300")
        client = self.client("--timeout", "none")
        pids = self.family()
        self.assertEqual(client.wait(kit.PATIENCE), 5)
        self.assertIn("deadline", client.stderr.read())
        self.check_ended(pids)

    def test_when_the_client_dies(self):
        self.serve_family("--timeout", "none")
        client = self.client("--timeout", "none")
        pids = self.family()
        client.kill()
        self.check_ended(pids)

    def test_when_the_client_gives_up(self):
        self.serve_family("--timeout", "none")
        client = self.client("--timeout", "500")
        pids = self.family()
        self.assertEqual(client.wait(kit.PATIENCE), 5)
        self.check_ended(pids)

    def test_when_the_server_ends(self):
        server = self.serve_family("--timeout", "none")
        self.client("--timeout", "none")
        pids = self.family()
        server.terminate()
        self.assertEqual(server.wait(kit.PATIENCE), 0)
        self.check_ended(pids)

    def test_at_once_at_the_second_signal(self):
        server = self.serve_family("--timeout", "none", "--drain", "20000")
        self.client("--timeout", "none")
        pids = self.family()
        server.terminate()
        kit.until(lambda: not os.path.exists(self.address), "the address is withdrawn")
        self.assertIsNone(server.poll(), "it waits for the answer")
        server.terminate()
        self.assertEqual(server.wait(kit.PATIENCE), 130)
        self.check_ended(pids)

    def test_a_program_that_ignores_signals_is_ended_too(self):
        self.serve_shell("trap '' TERM INT HUP; echo $$ > \"$PLACE/child\"; while :; do sleep 1; done",
                         "--timeout", "200", env=dict(os.environ, PLACE=self.dir))
        self.check_error(self.cordon("call"), 5)
        with open(self.path("child")) as file:
            self.check_ended([int(file.read())])

    def test_the_answer_waits_for_what_a_child_still_writes(self):
        self.serve_shell("(sleep 0.2; echo late) & echo early")
        self.assertEqual(self.cordon("call").out, b"early\nlate\n")

    def test_a_child_that_keeps_the_output_open_is_late(self):
        self.serve_shell("sleep 600 & echo $! > \"$PLACE/child\"; echo early", "--timeout", "300",
                         env=dict(os.environ, PLACE=self.dir))
        self.check_error(self.cordon("call"), 5)
        with open(self.path("child")) as file:
            self.check_ended([int(file.read())])


@kit.posix_only("/proc, sessions and signals are POSIX's")
class Surroundings(kit.Case):
    def test_nothing_tells_the_token(self):
        show = ("env; tr '\\0' ' ' < /proc/$PPID/cmdline; tr '\\0' ' ' < /proc/self/cmdline; "
                "tr '\\0' '\\n' < /proc/$PPID/environ; cat")
        self.serve_shell(show)
        token = self.cordon("token").out.strip()
        for framing in ("binary", "json"):
            out = self.cordon("call", '"body"', "--framing", framing).out
            self.assertNotIn(token, out)
        self.assertIn(b"PATH=", self.cordon("call").out, "the environment was looked at")

    @unittest.skipUnless(os.path.isdir("/proc/self/fd"), "no /proc/self/fd here")
    def test_nothing_is_inherited_but_three(self):
        descriptors = [os.open("/dev/null", os.O_RDONLY) for _ in range(40)]
        high = 700
        os.dup2(descriptors[0], high)
        try:
            look = "import os; print(*os.listdir('/proc/self/fd'))"
            self.serve("--", sys.executable, "-c", look, pass_fds=(*descriptors[::7], high))
            shown = self.cordon("call").out.split()
            self.assertEqual(sorted(shown), [b"0", b"1", b"2", b"3"], "3 is the listing itself")
        finally:
            for descriptor in (*descriptors, high):
                os.close(descriptor)

    @unittest.skipUnless(os.path.exists("/proc/self/status"), "no /proc/self/status here")
    def test_signals_are_at_their_defaults(self):
        def spoil():
            for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGUSR1, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))

        server = self.serve("--", "grep", "^Sig[BI]", "/proc/self/status", preexec_fn=spoil)
        told = dict(line.split(":\t") for line in self.cordon("call").out.decode().splitlines())
        self.assertEqual(int(told["SigBlk"], 16), 0)
        self.assertEqual(int(told["SigIgn"], 16), 0)
        server.terminate()
        self.assertEqual(server.wait(kit.PATIENCE), 0, "and they reach the server itself")

    def test_it_has_a_session_of_its_own(self):
        server = self.serve("--", sys.executable, "-c",
                            "import os; print(os.getpid(), os.getsid(0), os.getpgid(0))")
        pid, session, group = self.cordon("call").out.split()
        self.assertEqual((session, group), (pid, pid))
        self.assertNotEqual(int(pid), server.pid)

    def test_a_server_without_standard_descriptors_does_not_mix_them_up(self):
        reading, writing = os.pipe()
        line = [CORDON, "serve", kit.APP, "--dir", kit.native(self.dir), "--trace", "--ready-fd", str(writing),
                "--", "cat"]

        def close_all():
            for descriptor in range(3):
                os.close(descriptor)

        self.start(*line, pass_fds=(writing,), preexec_fn=close_all)
        os.close(writing)
        with open(reading) as ready:
            self.assertEqual(ready.read(), "ready\n")
        self.assertEqual(self.cordon("call", "body").out, b"body")


class Parallel(kit.Case):
    def start_calls(self, count):
        return [self.start(CORDON, "call", kit.APP, "--dir", kit.native(self.dir), "--timeout", "none", str(i),
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                for i in range(count)]

    @kit.posix_only(kit.SHELL)
    def test_programs_of_several_sessions_run_at_the_same_time(self):
        self.serve_shell(MEET, env=dict(os.environ, PLACE=self.dir, COUNT="8"))
        for i, client in enumerate(self.start_calls(8)):
            out, _ = client.communicate(timeout=kit.PATIENCE)
            self.assertEqual((client.returncode, out), (0, f"met {i}\n".encode()))

    @kit.posix_only(kit.SHELL)
    def test_one_over_the_limit_is_busy_and_nothing_of_it_ran(self):
        self.serve_shell(MEET, "--max-in-flight", "2", "--timeout", "none",
                         env=dict(os.environ, PLACE=self.dir, COUNT="3"))
        two = self.start_calls(2)
        kit.until(lambda: os.path.exists(self.path("here.0")) and os.path.exists(self.path("here.1")),
                  "both run")
        self.check_error(self.cordon("call", "third"), 5, "limit")
        self.assertFalse(os.path.exists(self.path("here.third")))
        open(self.path("here.x"), "w").close()  # let them go
        for client in two:
            client.communicate(timeout=kit.PATIENCE)
            self.assertEqual(client.returncode, 0)
        self.assertEqual(self.cordon("call", "now").out, b"met now\n")


@kit.posix_only("/proc and limits are POSIX's")
class Resources(kit.Case):
    @unittest.skipUnless(os.path.isdir("/proc/self/fd"), "no /proc/self/fd here")
    def test_a_thousand_runs_leave_no_descriptor_and_no_zombie(self):
        server = self.serve_shell('read -r how; case $how in die) kill -9 $$;; fail) exit 1;; esac',
                                  "--max", "4096")
        lines = b"good\nfail\ndie\n" * 50
        open_now = lambda: len(os.listdir(f"/proc/{server.pid}/fd"))
        before = open_now()
        for _ in range(7):
            self.assertEqual(self.cordon("cat", send=lines).status, 1)
        # Two: what the library keeps in reserve from its first client on.
        kit.until(lambda: open_now() <= before + 2, "the descriptors of a thousand runs close")
        with open(f"/proc/{server.pid}/task/{server.pid}/children") as file:
            self.assertEqual(file.read(), "")

    def test_short_of_descriptors_it_is_busy_and_goes_on(self):
        import resource  # which Windows has not

        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

        self.serve("--", "cat", preexec_fn=few)
        lines = b"".join(b"%d\n" % i for i in range(200))
        result = self.cordon("cat", send=lines)
        self.assertEqual((result.status, result.out), (0, lines), result.err)


class Json(kit.Case):
    def test_a_program_answers_json_lines(self):
        self.serve_puppet("cat")
        answer = self.ask_json({"number": 1, "nested": [None, True, "\u00e4"]})
        self.assertEqual(answer, {"ok": True, "data": {"number": 1, "nested": [None, True, "\u00e4"]}})

    @kit.posix_only(kit.SHELL)
    def test_output_over_several_lines_is_one_line(self):
        self.serve_shell('printf \'{\n "a":\n 1\n}\n\'')
        self.assertEqual(self.ask_json(0, id=7), {"ok": True, "data": {"a": 1}, "id": 7})

    @kit.posix_only(kit.PEER)
    def test_output_that_is_no_json_is_internal(self):
        self.serve_puppet("say", "plain text")
        answer = self.ask_json(0)
        self.assertEqual((answer["ok"], answer["code"]), (False, "INTERNAL"))

    def test_a_failure_carries_its_number(self):
        self.serve_puppet("fail", "4", "why")
        self.assertEqual(self.ask_json(0), {"ok": False, "error": "why", "code": 260})

    def test_the_command_speaks_json_lines(self):
        self.serve_puppet("cat")
        result = self.cordon("call", '{"a": 1e400}', "--framing", "json")
        self.assertEqual((result.status, result.out), (0, b'{"a": 1e400}'), result.err)
        self.assertEqual(self.cordon("call", "not json", "--framing", "json").status, 2)

    def test_one_framing_can_be_switched_off(self):
        server = self.serve("--echo", "--framing", "json")
        self.assertEqual(self.cordon("call", "1", "--framing", "json").out, b"1")
        self.assertNotEqual(self.cordon("call", "1").status, 0)
        kit.ask_to_end(server)
        server.wait(kit.PATIENCE)
        self.serve("--echo", "--framing", "binary")
        self.assertEqual(self.cordon("call", "1").out, b"1")
        self.assertNotEqual(self.cordon("call", "1", "--framing", "json").status, 0)


if __name__ == "__main__":
    kit.main()
