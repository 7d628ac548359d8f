"""The life of `cordon serve`: starts, signals, stops, leftovers, modes."""
import os
import signal
import stat
import subprocess
import time
import unittest

import kit
from kit import CORDON


class Ends(kit.Case):
    def test_a_signal_ends_it_cleanly(self):
        for number in (kit.INTERRUPT,) if kit.IS_WINDOWS else (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                server = self.serve_echo()
                self.assertFalse(self.is_withdrawn())
                server.send_signal(number)
                self.assertEqual(server.wait(kit.PATIENCE), 0)
                self.check_gone()

    @kit.posix_only(kit.SHELL)
    def test_an_answer_under_way_goes_out_in_the_drain_time(self):
        go = self.path("go")
        os.mkfifo(go)
        server = self.serve_shell(f"cat '{go}'", "--drain", "20000")
        client = self.start(CORDON, "call", kit.APP, "--dir", kit.native(self.dir), stdout=subprocess.PIPE)
        with open(go, "w") as file:  # opens when the program does
            server.terminate()
            kit.until(lambda: not os.path.exists(self.address), "the address is withdrawn")
            self.check_error(self.cordon("call", "too late"), 3)
            file.write("answer")
        self.assertEqual(client.stdout.read(), b"answer")
        self.assertEqual(client.wait(kit.PATIENCE), 0)
        self.assertEqual(server.wait(kit.PATIENCE), 0)

    def test_stop_needs_leave(self):
        server = self.serve_echo()
        result = self.cordon("stop")
        self.check_error(result, 6, "does not do that")
        self.assertIn("cordon status", result.advice)
        self.assertIsNone(server.poll())
        self.assertEqual(self.cordon("call", "still here").out, b"still here")

    def test_stop_returns_when_it_has_gone(self):
        server = self.serve_echo("--allow-stop")
        result = self.cordon("stop")
        self.assertEqual((result.status, result.out, result.err), (0, b"", ""))
        self.assertTrue(self.is_withdrawn())
        self.assertEqual(server.wait(kit.PATIENCE), 0)
        self.check_gone()

    def test_stop_and_serve_in_a_loop_never_fails(self):
        servers = [self.serve_echo("--allow-stop")]
        for round_ in range(20):
            stopped = self.cordon("stop")
            self.assertEqual(stopped.status, 0, f"round {round_}: {stopped.err}")
            servers.append(self.serve_echo("--allow-stop"))
            self.assertEqual(self.cordon("call", f"{round_}").out, b"%d" % round_)
        for server in servers[:-1]:
            self.assertEqual(server.wait(kit.PATIENCE), 0)

    def test_a_full_server_can_still_be_stopped(self):
        self.serve_echo("--allow-stop", "--max-sessions", "1")
        client = self.start(CORDON, "cat", kit.APP, "--dir", kit.native(self.dir), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        client.stdin.write(b"here\n")
        client.stdin.flush()
        self.assertEqual(client.stdout.readline(), b"here\n")
        self.check_error(self.cordon("call", "x", "--timeout", "300"), 5)
        self.assertEqual(self.cordon("status").status, 0)
        self.assertEqual(self.cordon("stop").status, 0)


class Starts(kit.Case):
    def test_a_killed_server_is_taken_over(self):
        for _ in range(3):
            server = self.serve_echo()
            with open(self.token_file) as file:
                before = file.read()
            server.kill()
            server.wait()
            self.assertFalse(self.is_withdrawn(), "it could not tidy up")
        self.serve_echo()
        with open(self.token_file) as file:
            self.assertNotEqual(file.read(), before)
        self.assertEqual(self.cordon("call", "x").out, b"x")

    @kit.posix_only(kit.MODES)
    def test_modes_are_0600_whatever_the_umask(self):
        for mask in (0o000, 0o022, 0o077, 0o777):
            with self.subTest(mask=oct(mask)):
                place = self.path(f"made-{mask:o}")
                self.dir, outer = place, self.dir
                server = self.serve_echo(umask=mask)
                self.check_modes(place)
                self.assertEqual(self.cordon("call", "x", umask=mask).out, b"x")
                server.terminate()
                self.assertEqual(server.wait(kit.PATIENCE), 0)
                self.dir = outer

    def check_modes(self, place):
        self.assertEqual(stat.S_IMODE(os.stat(place).st_mode), 0o700)
        for name in ("ipc.sock", "ipc-token", "ipc.lock"):
            mode = stat.S_IMODE(os.lstat(os.path.join(place, name)).st_mode)
            self.assertEqual(mode, 0o600, name)

    @kit.posix_only(kit.DESCRIPTORS)
    def test_a_start_that_fails_is_not_ready(self):
        self.serve_echo()
        reading, writing = os.pipe()
        second = self.start(CORDON, "serve", kit.APP, "--dir", kit.native(self.dir), "--echo", "--ready-fd",
                            str(writing), pass_fds=(writing,), stderr=subprocess.DEVNULL)
        os.close(writing)
        with open(reading) as ready:
            self.assertEqual(ready.read(), "")
        self.assertEqual(second.wait(kit.PATIENCE), 7)

    @kit.posix_only(kit.DESCRIPTORS)
    def test_a_waiter_that_has_gone_does_no_harm(self):
        reading, writing = os.pipe()
        os.close(reading)
        self.start(CORDON, "serve", kit.APP, "--dir", kit.native(self.dir), "--echo", "--ready-fd",
                   str(writing), pass_fds=(writing,))
        os.close(writing)
        kit.until(lambda: self.cordon("call", "x").out == b"x", "it serves")

    def test_ready_may_be_standard_output(self):
        server = self.start(CORDON, "serve", kit.APP, "--dir", kit.native(self.dir), "--echo", "--ready-fd",
                            "1", stdout=subprocess.PIPE)
        self.assertEqual(server.stdout.readline(), b"ready\n")
        self.assertEqual(self.cordon("call", "x").out, b"x")

    def test_idle_it_ends_by_itself_and_not_while_somebody_is_there(self):
        idle_ms = 3000 if kit.IS_WINDOWS else 1000  # time enough to start a client
        server = self.serve_echo("--idle-exit", str(idle_ms))
        session = self.start(CORDON, "cat", kit.APP, "--dir", kit.native(self.dir),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        session.stdin.write(b"here\n")
        session.stdin.flush()
        self.assertEqual(session.stdout.readline().strip(), b"here")
        time.sleep(1.2 * idle_ms / 1000)
        self.assertIsNone(server.poll())
        session.stdin.write(b"still here\n")
        session.stdin.close()
        self.assertEqual(session.stdout.readline().strip(), b"still here")
        self.assertEqual(server.wait(kit.PATIENCE), 0)
        self.assertEqual(session.wait(kit.PATIENCE), 0)
        kit.close_streams(session)
        self.check_gone()
        self.check_error(self.cordon("call"), 3, "nobody serves it")

    def test_names_are_endpoints_of_their_own(self):
        self.serve_puppet("say", "one", options=("--name", "one"))
        self.serve_puppet("say", "two", options=("--name", "two"))
        self.assertEqual(self.cordon("call", "--name", "one").out, b"one|")
        self.assertEqual(self.cordon("call", "--name=two").out, b"two|")
        self.check_error(self.cordon("call"), 3)

    @kit.posix_only("Windows knows the folder from no variable")
    def test_the_default_directory_is_the_applications(self):
        home = dict(os.environ, XDG_DATA_HOME=self.path("data"))
        os.mkdir(self.path("data"), 0o700)
        line = [CORDON, "serve", kit.APP, "--echo", "--ready-fd", "1"]
        server = self.start(*line, stdout=subprocess.PIPE, env=home)
        self.assertEqual(server.stdout.readline(), b"ready\n")
        self.assertTrue(os.path.exists(self.path("data", kit.APP, "ipc.sock")))
        done = subprocess.run([CORDON, "call", kit.APP, "x"], capture_output=True, env=home,
                              timeout=kit.PATIENCE)
        self.assertEqual(done.stdout, b"x")


if __name__ == "__main__":
    kit.main()
