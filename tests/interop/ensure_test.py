"""cordon ensure, and the example that does the same: what is printed, and the exit status."""
import json
import os
import signal
import subprocess
import unittest

import kit

ENSURE = kit.program("examples", "ensure")[0]
TRAY = kit.program("examples", "tray")[1]
SIGNALS = "what was started is ended by its pid"


class Ensure(kit.Case):
    def daemon(self, *words):
        return [kit.CORDON_NATIVE, "serve", kit.APP, "--dir", kit.native(self.dir), "--echo",
                "--allow-stop", *words]

    def ensure(self, *words, options=()):
        return self.cordon("ensure", *options, "--", *words)

    def stopped(self):
        self.assertEqual(self.cordon("stop").status, 0)

    def test_started_then_joined(self):
        for said in (b"started", b"joined", b"joined"):
            result = self.ensure(*self.daemon())
            self.assertEqual((result.status, result.out.strip()), (0, said), result.err)
        self.assertEqual(self.cordon("call", "hello").out, b"hello")
        self.stopped()

    def test_told_as_json(self):
        told = json.loads(self.ensure(*self.daemon(), options=["--json"]).out)
        self.assertEqual(told["outcome"], "started")
        self.assertGreater(told["pid"], 0)
        self.assertTrue(told["program"].startswith("cordon "))
        self.stopped()

    def test_for_json_lines_too(self):
        result = self.ensure(*self.daemon(), options=["--framing", "json"])
        self.assertEqual((result.status, result.out.strip()), (0, b"started"), result.err)
        self.stopped()

    def test_a_command_that_fails(self):
        result = self.ensure(kit.CORDON_NATIVE, "serve")
        self.check_error(result, 9, "cordon: launch: exit status 2 (", kit.CORDON_NATIVE)
        self.assertEqual(result.out, b"")
        told = json.loads(self.ensure(kit.CORDON_NATIVE, "serve", options=["--json"]).err)
        self.assertEqual((told["exit"], told["code"], told["exit_status"]), (9, "CORDON_ELAUNCH", 2))

    def test_a_command_that_is_not_there(self):
        self.check_error(self.ensure("no-such-program-anywhere"), 9, "no-such-program-anywhere")

    def test_a_command_that_never_serves(self):
        for ms, step in (("0", "launch: "), ("1", ""), ("500", "launch: ")):  # 1 may be too late for that
            other = self.daemon("--name", "other" + ms, "--idle-exit", "300")
            result = self.ensure(*other, options=["--timeout", ms])
            self.check_error(result, 5, "cordon: " + step, "the deadline passed")

    def test_wrong_usage(self):
        for words in ([], ["--"], ["one", "--", "cmd"], ["--echo", "--", "cmd"], ["--timeout", "x", "--", "cmd"]):
            self.assertEqual(self.cordon("ensure", *words).status, 2, words)

    def test_traced(self):
        result = self.ensure(*self.daemon(), options=["--trace"])
        for step in ("take lock: done", "launch: done", "check peer: done", "hello: done"):
            self.assertIn(step, result.err)
        self.stopped()

    @kit.posix_only(SIGNALS)
    def test_interrupted(self):
        line = [kit.CORDON, "ensure", kit.APP, "--dir", self.dir, "--", "sleep", "3"]
        caller = self.start(*line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        kit.until(lambda: os.path.exists(self.path("ipc.start")), "it takes the startup lock")
        caller.send_signal(signal.SIGINT)
        caller.communicate(timeout=kit.PATIENCE)
        self.assertEqual(caller.returncode, 130)

    @kit.posix_only(SIGNALS)
    @unittest.skipUnless(os.path.exists(TRAY), "examples/tray was not built: no jansson")
    def test_the_example_starts_the_tray(self):
        env = dict(os.environ, TRAY_DIR=self.dir)
        for said in ("started: ", "joined: "):
            done = subprocess.run([ENSURE, TRAY], capture_output=True, encoding="utf-8", env=env,
                                  timeout=kit.PATIENCE)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.startswith(said), done.stdout)
            self.assertIn('"paused":false', done.stdout)
        status = json.loads(self.cordon("status", "--json", app="tray").out)
        os.kill(status["pid"], signal.SIGTERM)
        kit.until(self.is_withdrawn, "the tray has ended")

    def test_the_example_is_short(self):
        with open(kit.SOURCE / "examples/ensure/ensure.c") as file:
            self.assertLess(len(file.readlines()), 50)


if __name__ == "__main__":
    kit.main()
