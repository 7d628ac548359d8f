"""The exit statuses of the command, and what its error lines say."""
import json
import os
import re
import socket
import stat
import subprocess
import threading
import unittest

import kit
import peer
from kit import CORDON


def run(*line, **how):
    done = subprocess.run([CORDON, *line], capture_output=True, encoding="utf-8",
                          timeout=kit.PATIENCE, **how)
    return kit.Result(done.returncode, done.stdout, done.stderr)


class Usage(unittest.TestCase):
    """Exit status 2, before anything is touched."""

    WRONG = [
        [], ["frobnicate", "app"], ["ensure", "app"], ["watch", "app"],
        ["bench", "app"],  # verbs of later times
        ["run"], ["run", "true"], ["run", "--"], ["run", "--dir", "/", "--", "true"],
        ["call"], ["call", "app", "one", "two"], ["path", "app", "more"], ["--frob"],
        ["call", "app", "--frob"], ["call", "app", "--timeout"], ["call", "app", "--timeout", ""],
        ["call", "app", "--timeout", "-1"], ["call", "app", "--timeout", "5s"],
        ["call", "app", "--timeout", "99999999999"], ["call", "app", "--max", "0"],
        ["call", "app", "--max", "4095"], ["call", "app", "--max", "67108865"],
        ["call", "app", "--framing", "xml"], ["call", "app", "--echo"],
        ["call", "app", "--json=yes"], ["call", "app", "--dir", ""],
        ["serve", "app"], ["serve", "app", "--echo", "--", "cat"], ["serve", "app", "cat"],
        ["serve", "app", "--"], ["serve", "app", "--echo", "--max-sessions", "0"],
        ["serve", "app", "--echo", "--max-in-flight", "none"], ["serve", "app", "--echo", "--drain", "none"],
        ["serve", "app", "--echo", "--ready-fd", "912"],
        ["serve", "app", "--echo", "--idle-exit", "0"], ["serve", "app", "--events"],
        ["serve", "app", "--echo", "--listen-fd", "912"],
        ["serve", "app", "--echo", "--listen-fd", "2"],
        ["serve", "app", "--echo", "--listen-fd", "3", "--activated"], ["call", "app", "--parts"],
        ["status", "app", "--framing", "json"], ["stop", "app", "--framing", "json"],
        ["path", "a/b"], ["path", ".app"], ["path", ""], ["path", "x" * 65],
        ["path", "app", "--name", ".."], ["path", "app", "--name", ""],
    ]

    def test_wrong_usage_is_2_and_told_on_two_lines_at_most(self):
        for line in self.WRONG:
            with self.subTest(line=line):
                result = run(*line)
                self.assertEqual((result.status, result.out), (2, ""), result.err)
                self.assertTrue(result.err.startswith("cordon: "), result.err)
                self.assertLessEqual(result.err.count("\n"), 2)
                self.assertTrue(result.advice, "it says what to do")

    def test_later_verbs_are_unknown(self):
        self.assertIn("watch is an unknown verb", run("watch", "app").err)

    def test_help_lists_the_verbs_and_each_has_an_example(self):
        verbs = ["path", "serve", "call", "cat", "ensure", "status", "stop", "doctor", "token",
                 "run"]
        listed = run("--help")
        self.assertEqual((listed.status, listed.err), (0, ""))
        for verb in verbs:
            self.assertIn(f"cordon {verb} ", listed.out)
            told = run(verb, "--help")
            self.assertEqual((told.status, told.err), (0, ""))
            self.assertIn("for example\n", told.out)
        for verb in ["watch", "bench"]:
            self.assertNotIn(f"cordon {verb}", listed.out)

    def test_the_manual_page_knows_every_verb_option_and_status(self):
        page = (kit.SOURCE / "docs/man/cordon.1").read_text().replace("\\-", "-")
        told = run("--help").out
        for verb in ("path", "serve", "call", "cat", "status", "stop", "token"):
            self.assertIn(f".B {verb}\n", page)
            told += run(verb, "--help").out
        for option in set(re.findall(r"--[a-z-]+", told)):
            self.assertIn(option, page)
        for status in re.findall(r"(?m)^ +(\d+)  (.*)$", told):
            self.assertIn("|".join(status), page)

    def test_version(self):
        for line in (["--version"], ["call", "--version"]):
            self.assertRegex(run(*line).out, r"^cordon \d+\.\d+\.\d+\n$")

    def test_a_control_character_in_what_was_typed_is_not_printed(self):
        self.assertNotIn("\x1b", run("\x1b[31m").err)


class Statuses(kit.Case):
    def test_0_done(self):
        self.serve_echo()
        self.assertEqual(self.cordon("call", "hello").out, b"hello")

    def test_1_the_handler_failed(self):
        self.serve_puppet("fail", "3", "sorry")
        result = self.cordon("call", "hello")
        self.check_error(result, 1, "failure 259")
        self.assertEqual(result.err.splitlines()[-1], "sorry")
        self.assertEqual(result.out, b"")

    def test_3_not_running(self):
        for verb in ("call", "cat", "status", "stop", "token"):
            with self.subTest(verb=verb):
                result = self.cordon(verb)
                by_address = kit.IS_WINDOWS and verb != "token"
                told = self.address_told() if by_address else kit.native(self.dir)
                self.check_error(result, 3, "nobody serves it", told)
                self.assertIn(f"cordon serve {kit.APP}", result.advice)

    def test_3_no_directory(self):
        self.check_error(self.cordon("call", where=self.path("absent")), 3, "absent")
        self.assertFalse(os.path.exists(self.path("absent")), "a client makes nothing")

    @kit.posix_only(kit.MODES)
    def test_4_the_directory_is_open_to_others(self):
        os.chmod(self.dir, 0o777)
        for verb in ("call", "serve"):
            with self.subTest(verb=verb):
                result = self.cordon(verb, *(["--echo"] if verb == "serve" else []))
                self.check_error(result, 4, self.dir)
                self.assertTrue(result.advice)

    @kit.posix_only(kit.MODES)
    def test_4_the_token_is_open_to_others(self):
        self.serve_echo()
        os.chmod(self.token_file, 0o640)
        for verb in ("call", "cat", "status", "stop", "token"):
            with self.subTest(verb=verb):
                self.check_error(self.cordon(verb), 4, self.token_file)

    def test_4_the_token_is_wrong(self):
        self.serve_echo()
        with open(self.token_file, "w") as file:
            file.write("0" * 64)
        result = self.cordon("call", "hello")
        self.check_error(result, 4, "token")
        self.assertTrue(result.advice)

    @kit.posix_only("an address is a file on POSIX only")
    def test_4_something_else_lies_at_the_address(self):
        with open(self.address, "w") as file:
            file.write("precious")
        self.check_error(self.cordon("serve", "--echo"), 4, self.address)
        with open(self.address) as file:
            self.assertEqual(file.read(), "precious")

    def test_5_the_deadline_passed(self):
        self.serve_puppet("sleep")
        result = self.cordon("call", "--timeout", "50")
        self.check_error(result, 5, "the deadline passed")
        self.assertIn("--timeout", result.advice)

    def test_5_the_commands_deadline_passed(self):
        self.serve_puppet("sleep", options=("--timeout", "50"))
        self.check_error(self.cordon("call"), 5)

    def test_5_busy(self):
        self.serve_puppet("sleep", options=("--max-in-flight", "1"))
        first = self.start(CORDON, "call", kit.APP, "--dir", kit.native(self.dir), "--timeout", "none",
                           stderr=subprocess.DEVNULL)
        kit.until(lambda: b"in_flight: 1" in self.cordon("status").out, "the first is under way")
        self.check_error(self.cordon("call"), 5, "limit")
        first.send_signal(kit.INTERRUPT)
        self.assertEqual(first.wait(kit.PATIENCE), 130)

    def test_7_already_running(self):
        first = self.serve_echo()
        with open(self.token_file) as file:
            token = file.read()
        result = self.cordon("serve", "--echo")
        self.check_error(result, 7, "already served", self.address_told())
        self.assertIn("cordon stop", result.advice)
        self.assertIsNone(first.poll())
        with open(self.token_file) as file:
            self.assertEqual(file.read(), token)
        self.assertEqual(self.cordon("call", "still here").out, b"still here")

    def test_2_a_body_over_the_servers_limit(self):
        self.serve_echo()
        result = self.cordon("call", "-", send=b"x" * (1 << 20))
        self.check_error(result, 2, "over a size limit")
        self.assertIn("--max", result.advice)

    def test_2_a_body_over_the_largest_there_is(self):
        self.serve_echo()
        result = self.cordon("call", "-", send=b"x" * ((64 << 20) + 1))
        self.check_error(result, 2, "over a size limit", "standard input")

    def test_2_a_reply_over_our_own_limit(self):
        self.serve_puppet("zeros", "5000")
        self.check_error(self.cordon("call", "--max", "4096"), 2, "over a size limit")
        self.assertEqual(len(self.cordon("call").out), 5000)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_8_output_that_cannot_be_written(self):
        self.serve_echo()
        for verb in ("call", "path", "status"):
            with self.subTest(verb=verb), open("/dev/full", "wb") as full:
                line = [CORDON, verb, kit.APP, "--dir", kit.native(self.dir)]
                line += ["body"] if verb == "call" else []
                done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 8, done.stderr)
                self.assertIn("standard output", done.stderr)

    def test_130_interrupted_is_an_exit(self):
        self.serve_puppet("sleep")
        for verb in ("call", "cat"):
            with self.subTest(verb=verb):
                line = [CORDON, verb, kit.APP, "--dir", kit.native(self.dir), "--timeout", "none"]
                client = self.start(*line, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
                client.stdin.write(b"one\n")
                client.stdin.close()
                kit.until(lambda: b"in_flight: 1" in self.cordon("status").out, "it waits")
                client.send_signal(kit.INTERRUPT)
                self.assertEqual(client.wait(kit.PATIENCE), 130)
                kit.until(lambda: b"in_flight: 0" in self.cordon("status").out, "it was canceled")

    def test_at_once_does_not_wait(self):
        self.serve_puppet("sleep")
        self.check_error(self.cordon("call", "--timeout", "0"), 5)


@kit.posix_only(kit.MODES)
class AnotherUser(kit.Case):
    @kit.as_root
    def test_4_a_directory_of_another_user(self):
        os.chown(self.dir, 65533, 65533)
        self.check_error(self.cordon("call"), 4, self.dir)

    @kit.as_root
    def test_4_another_user_may_not_come_in(self):
        self.serve_echo()
        for verb in ("call", "status", "stop", "token"):
            with self.subTest(verb=verb):
                self.check_error(self.cordon(verb, stranger=True), 4, self.dir)

    @kit.as_root
    def test_4_an_impostor_hears_nothing(self):
        """Root's socket in a user's own directory, as a link or a mistake may leave it there."""
        heard = []
        os.chown(self.dir, 65533, 65533)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            os.chown(self.address, 65533, 65533)
            listener.listen(8)
            with open(self.token_file, "w") as file:
                file.write("0" * 64)
            os.chown(self.token_file, 65533, 65533)
            os.chmod(self.token_file, 0o600)
            thread = threading.Thread(target=lambda: heard.append(listener.accept()[0].recv(100)))
            thread.start()
            result = self.cordon("call", "secret", stranger=True)
            thread.join(kit.PATIENCE)
        self.check_error(result, 4, "another user")
        self.assertEqual(heard, [b""], "not a byte was sent")


@kit.posix_only(kit.PEER)
class Peers(kit.Case):
    """What a server of another making may do to us."""

    def with_hello(self, answer):
        served = peer.Peer(self.dir)
        served.on_hello = lambda peer, stream, hello: answer(peer, stream, hello)
        return served

    def with_request(self, answer):
        served = peer.Peer(self.dir)
        served.on_request = answer
        return served

    def test_refusals(self):
        table = [(peer.UNAUTHORIZED, 4), (peer.VERSION, 6), (peer.MALFORMED, 6),
                 (peer.NOT_READY, 5), (peer.UNSUPPORTED, 6), (peer.TOO_LARGE, 2)]
        for code, status in table:
            with self.subTest(code=code):
                with self.with_hello(lambda p, s, h: p.refuse(s, code, b"so there", 7, 9)):
                    self.check_error(self.cordon("call", "x", "--timeout", "2000"), status)

    def test_a_version_that_does_not_meet_is_told_with_both_ranges(self):
        with self.with_hello(lambda p, s, h: p.refuse(s, peer.VERSION, b"", 7, 9)):
            result = self.cordon("call", "x")
        self.check_error(result, 6, "no common version", "7", "9", "1")

    def test_failures(self):
        table = [(peer.BUSY, 5), (peer.TOO_LARGE, 2), (peer.UNSUPPORTED, 6), (peer.TIMED_OUT, 5),
                 (peer.CANCELED, 8), (peer.NOT_READY, 5), (peer.INTERNAL, 1), (77, 1), (256, 1),
                 (65535, 1)]
        for code, status in table:
            with self.subTest(code=code):
                fail = lambda p, s, n, b: s.sendall(peer.failure(code, b"so there", n))
                with self.with_request(fail):
                    result = self.cordon("call", "x")
                self.check_error(result, status)
                self.assertIn("so there", result.err)

    def test_6_a_server_that_leaves_after_the_request(self):
        with self.with_request(lambda p, s, n, b: s.shutdown(socket.SHUT_RDWR)):
            result = self.cordon("call", "x")
        self.check_error(result, 6, "went away")
        self.assertIn("may have run", result.advice)

    def test_6_broken_frames(self):
        broken = [b"\0" * 12, b"HTTP/1.1 400 Bad Request\r\n\r\n", peer.frame(99, b"", 1),
                  peer.frame(peer.REPLY, b"", 0), peer.frame(peer.REPLY, b"x", 1, flags=0x80),
                  peer.frame(peer.REQUEST, b"x", 1), b"\xff" * 4096]
        for bytes_ in broken:
            with self.subTest(bytes=bytes_[:16]):
                with self.with_request(lambda p, s, n, b: s.sendall(bytes_)):
                    self.check_error(self.cordon("call", "x"), 6, "protocol")

    def test_2_a_reply_longer_than_we_take_is_refused_by_its_head(self):
        head = peer.frame(peer.REPLY, b"", 1)
        head = (1 << 30).to_bytes(4, "little") + head[4:]
        with self.with_request(lambda p, s, n, b: s.sendall(head)):
            self.check_error(self.cordon("call", "x"), 2, "over a size limit")

    def test_a_failures_text_cannot_command_the_terminal(self):
        evil = b"\x1b]0;owned\x07 \xc2\x9b31m \xff tail"
        with self.with_request(lambda p, s, n, b: s.sendall(peer.failure(300, evil, n))):
            result = self.cordon("call", "x")
        self.assertEqual(result.status, 1)
        for byte in ("\x1b", "\x07", "\x9b"):
            self.assertNotIn(byte, result.err)
        self.assertIn("tail", result.err)


class Output(kit.Case):
    def test_errors_as_json(self):
        result = self.cordon("call", "--json")
        told = json.loads(result.err)
        self.assertEqual(result.status, 3)
        self.assertEqual((told["code"], told["exit"]), ("CORDON_ENOTRUNNING", 3))
        self.assertIn(self.address_told() if kit.IS_WINDOWS else self.dir, told["path"])
        self.assertTrue(told["step"] and told["cause"] and told["advice"])

    @kit.posix_only(kit.SHELL)
    def test_a_handlers_failure_as_json(self):
        self.serve_shell(r'''printf 'a "quoted"\nline \033 \377' >&2; exit 9''')
        told = json.loads(self.cordon("call", "--json").err)
        self.assertEqual((told["app_code"], told["exit"]), (265, 1))
        self.assertEqual(told["failure"], 'a "quoted"\nline \x1b \ufffd')

    @kit.posix_only("the Windows places are in puppet_test.py")
    def test_path_tells_all_places(self):
        lines = self.cordon("path").out.decode().splitlines()
        places = dict(line.split(": ", 1) for line in lines)
        real = os.path.realpath(self.dir)
        self.assertEqual(list(places), ["directory", "address", "token", "lock", "start-lock"])
        self.assertEqual(places["address"], os.path.join(real, "ipc.sock"))
        self.assertEqual(places["token"], os.path.join(real, "ipc-token"))
        self.assertEqual(json.loads(self.cordon("path", "--json").out), places)

    @kit.posix_only(kit.MODES)
    def test_path_never_fails_for_what_lies_there(self):
        for make in (lambda: os.mkdir(self.address), lambda: os.chmod(self.dir, 0o777),
                     lambda: os.rmdir(self.address) or os.rmdir(self.dir)):
            make()
            self.assertEqual(self.cordon("path").status, 0)

    @kit.posix_only("pipes have no links")
    def test_path_of_a_long_directory_tells_where_the_link_leads(self):
        long = self.path("d" * 100)
        os.mkdir(long, 0o700)
        places = json.loads(self.cordon("path", "--json", where=long).out)
        self.assertLessEqual(len(places["address"]), 100)
        self.assertNotIn("live", places)
        with_other_tmp = dict(os.environ, TMPDIR="/tmp")
        self.dir, short = long, self.dir
        self.serve_echo(env=with_other_tmp)
        other = os.path.join(short, "t")
        os.mkdir(other, 0o700)
        from_there = dict(os.environ, TMPDIR=other)
        told = json.loads(self.cordon("path", "--json", env=from_there).out)
        self.assertTrue(told["address"].startswith(os.path.realpath(other)))
        self.assertTrue(stat.S_ISSOCK(os.stat(told["live"]).st_mode))
        self.assertEqual(self.cordon("call", "met", env=from_there).out, b"met")

    def test_status_tells_who_serves(self):
        server = self.serve_echo()
        self.cordon("call", "once")
        out = self.cordon("status").out.decode()
        told = dict(line.split(": ", 1) for line in out.splitlines())
        self.assertEqual(told["running"], "yes")
        self.assertEqual(told["requests"], "1")
        if not kit.IS_EMULATED:  # it has numbers of its own
            self.assertEqual(told["pid"], str(server.pid))
        self.assertRegex(told["program"], r"^cordon \d")
        self.assertRegex(told["instance"], "^[0-9a-f]{16}$")
        as_json = json.loads(self.cordon("status", "--json").out)
        self.assertEqual(str(as_json["pid"]), told["pid"])
        self.assertEqual(as_json["instance"], told["instance"])

    def test_trace_tells_the_steps(self):
        self.serve_echo()
        result = self.cordon("call", "x", "--trace")
        self.assertEqual(result.out, b"x")
        self.assertIn("trace: connect", result.err)
        for line in self.cordon("call", "x", "--trace", "--json").err.splitlines():
            self.assertIn("trace", json.loads(line))

    def test_only_token_prints_the_token(self):
        log = self.path("log")
        with open(log, "wb") as file:
            self.serve("--echo", "--allow-stop", "--trace", stderr=file)
        token = self.cordon("token").out.decode().strip()
        with open(self.token_file) as file:
            self.assertEqual(file.read(), token)
        self.assertEqual(json.loads(self.cordon("token", "--json").out), {"token": token})
        for verb in ("path", "status", "call", "cat", "stop"):
            self.assertEqual(self.cordon(verb, "--trace").status, 0)
        with open(log, "rb") as file:
            self.said.append(file.read())
        self.assertIn(b"trace: session begins: done", self.said[-1])
        for text in self.said:
            self.assertNotIn(token.encode(), text)

    @kit.posix_only("a console cannot be opened from here")
    def test_replies_end_in_a_line_end_on_a_terminal_only(self):
        self.serve_echo()
        self.assertEqual(self.cordon("call", "x").out, b"x")
        master, slave = os.openpty()
        line = [CORDON, "call", kit.APP, "--dir", kit.native(self.dir), "x"]
        subprocess.run(line, stdout=slave, timeout=kit.PATIENCE, check=True)
        os.close(slave)
        said = b""
        try:  # in pieces, as the terminal hands them over, until its end
            while piece := os.read(master, 100):
                said += piece
        except OSError:
            pass
        os.close(master)
        self.assertEqual(said, b"x\r\n")


if __name__ == "__main__":
    kit.main()
