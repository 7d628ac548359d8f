"""cordon serve -- CMD where there may be no shell, and the streams of the command."""
import os
import subprocess
import unittest

import kit
from kit import CORDON, CORDON_NATIVE, PUPPET, PUPPET_NATIVE


def puppet(*words, **how):
    """Run it here, to its end: the exit status and what it printed."""
    done = subprocess.run([PUPPET, *words], capture_output=True, timeout=kit.PATIENCE, **how)
    return done.returncode, done.stdout


class Runs(kit.Case):
    def test_bytes_are_not_converted(self):
        self.serve_puppet("cat")
        for body in (b"a\r\nb\nc\r\x1a\0z", bytes(range(256)) * 200, b"\xff\xfe", b"\r\n"):
            with self.subTest(body=body[:20]):
                self.assertEqual(self.cordon("call", "-", send=body).out, body)

    def test_a_body_that_is_typed_arrives_as_utf_8(self):
        self.serve_puppet("cat")
        for body in ("gr\u00fc\u00df \u4f60 \U0001f600", 'a"b\\', "%PATH%", "*"):
            with self.subTest(body=body):
                self.assertEqual(self.cordon("call", body).out, body.encode())

    def test_a_folder_may_have_any_name(self):
        self.dir = self.path("gr\u00fc\u00df \u4f60")
        os.mkdir(self.dir, 0o700)
        self.serve_echo()
        self.assertEqual(self.cordon("call", "x").out, b"x")
        result = self.cordon("call", where=self.path("\u00fc"))
        self.check_error(result, 3, "\u00fc")

    def test_endless_output_is_ended(self):
        self.serve_puppet("endless")
        self.check_error(self.cordon("call"), 2, "over a size limit")

    def test_the_answer_waits_for_what_a_child_still_writes(self):
        self.serve_puppet("late")
        self.assertEqual(self.cordon("call").out.split(), [b"early", b"late"])

    def test_many_runs_leave_a_server_that_works(self):
        self.serve_puppet("status")
        lines = b"0\n1\n7\n" * 10
        result = self.cordon("cat", send=lines)
        self.assertEqual((result.status, result.out.count(b"\n")), (1, 10), result.err)
        self.assertIn("failure 263", result.err)

    def test_what_leaks_is_not_inherited(self):
        reaches = puppet("leak", PUPPET_NATIVE, "leaked")
        self.assertEqual(reaches, (0, b"1\n"), "what it looks for comes without us")
        line = [PUPPET, "leak", CORDON_NATIVE, "serve", kit.APP, "--dir", kit.native(self.dir),
                "--allow-stop", "--ready-fd", "1", "--", PUPPET_NATIVE, "leaked"]
        server = self.start(*line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.assertEqual(server.stdout.readline(), b"ready\n")
        self.assertEqual(self.cordon("call").out, b"0\n")
        self.assertEqual(self.cordon("stop").status, 0)
        self.assertEqual(server.wait(kit.PATIENCE), 0)


class Family(kit.Case):
    """A CMD of three generations."""

    @property
    def key(self):
        return os.path.basename(self.dir) if kit.IS_WINDOWS else self.dir

    def alive(self):
        return int(puppet("alive", self.key)[1])

    def serve_family(self, *options):
        return self.serve_puppet("family", self.key, options=options)

    def client(self, *words):
        return self.start(CORDON, "call", kit.APP, "--dir", kit.native(self.dir), *words,
                          stderr=subprocess.PIPE, encoding="utf-8")

    def check_all_there(self):
        kit.until(lambda: self.alive() == 3, "all of them run")

    def check_ended(self):
        kit.until(lambda: self.alive() == 0, "all of them end")


class Ends(Family):
    """A program that is not wanted any more is ended, and all that it has started."""

    def test_at_the_timeout(self):
        self.serve_family("--timeout", "15000" if kit.IS_EMULATED else "3000")
        client = self.client("--timeout", "none")
        self.check_all_there()
        self.assertEqual(client.wait(kit.PATIENCE), 5)
        self.assertIn("deadline", client.stderr.read())
        self.check_ended()

    def test_when_the_client_dies(self):
        self.serve_family("--timeout", "none")
        client = self.client("--timeout", "none")
        self.check_all_there()
        client.kill()
        self.check_ended()

    def test_when_the_server_is_asked_to_end(self):
        server = self.serve_family("--timeout", "none")
        self.client("--timeout", "none")
        self.check_all_there()
        kit.ask_to_end(server)
        self.assertEqual(server.wait(kit.PATIENCE), 0)
        self.check_ended()
        self.check_gone_but(["member"])

    def test_at_once_at_the_second_signal(self):
        server = self.serve_family("--timeout", "none", "--drain", "60000")
        self.client("--timeout", "none")
        self.check_all_there()
        kit.ask_to_end(server)
        kit.until(lambda: self.cordon("status", "--timeout", "1000").status != 0,
                  "it takes nobody any more")
        self.assertIsNone(server.poll(), "it waits for the answer")
        kit.ask_to_end(server)
        self.assertEqual(server.wait(kit.PATIENCE), 130)
        self.check_ended()

    def check_gone_but(self, prefixes):
        stays = [name for name in os.listdir(self.dir)
                 if not name.endswith(".lock") and not name.startswith(tuple(prefixes))]
        self.assertEqual(stays, [])


class Streams(kit.Case):
    def test_output_that_nobody_reads_is_an_error(self):
        self.serve_puppet("zeros", "300000")
        for line in (["call", kit.APP], ["path", kit.APP], ["token", kit.APP], ["status", kit.APP]):
            with self.subTest(line=line):
                status, _ = puppet("unread", CORDON_NATIVE, *line, "--dir", kit.native(self.dir),
                                   *kit.UNHURRIED)
                self.assertEqual(status, 8)

    def test_the_end_of_input_is_no_error(self):
        self.serve_echo()
        self.assertEqual(self.cordon("call", "-").out, b"")
        done = subprocess.run([CORDON, "call", kit.APP, "-", "--dir", kit.native(self.dir),
                               *kit.UNHURRIED],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=kit.PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_input_may_be_a_file(self):
        self.serve_echo()
        with open(self.path("input"), "w+b") as file:
            file.write(b"one\r\ntwo\x1a\nthree")
            file.seek(0)
            done = subprocess.run([CORDON, "cat", kit.APP, "--dir", kit.native(self.dir)],
                                  stdin=file, capture_output=True, timeout=kit.PATIENCE)
        self.assertEqual((done.returncode, done.stdout), (0, b"one\r\ntwo\x1a\nthree\n"))

    @unittest.skipIf(kit.IS_EMULATED, "Ctrl-Break does not arrive in this emulator")
    def test_ctrl_break_ends_a_server_cleanly(self):
        status, _ = puppet("break", CORDON_NATIVE, "serve", kit.APP, "--dir",
                           kit.native(self.dir), "--echo", "--ready-fd", "1")
        self.assertEqual(status, 0)
        self.check_gone()

    @unittest.skipIf(kit.IS_EMULATED, "Ctrl-C arrives in this emulator, but not always")
    def test_ctrl_c_ends_a_server_cleanly(self):
        status, _ = puppet("interrupt", CORDON_NATIVE, "serve", kit.APP, "--dir",
                           kit.native(self.dir), "--echo", "--ready-fd", "1")
        self.assertEqual(status, 0)
        self.check_gone()


if __name__ == "__main__":
    kit.main()
