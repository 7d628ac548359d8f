"""cordon ensure, and the example that does the same: what is printed, and the exit status."""
import json
import os
import signal
import subprocess
import tempfile
import unittest

import kit

ENSURE = kit.program("examples", "ensure")[0]
TRAY = kit.program("examples", "tray")[1]
HAS_TRAY = any((kit.BUILD / "examples").glob("trayctl*"))
IDLE = ("--idle-exit", "60000")  # then even one whose test was killed leaves
CALLERS = 20 if kit.IS_WINDOWS else 50
ROUNDS = int(os.environ.get("CORDON_ROUNDS", "2"))  # of so many callers


def end_by_pid(pid):
    """Somebody who is nobody's child: as the system that it runs on knows it."""
    if kit.IS_EMULATED:
        kit.run(["wine", "taskkill", "/F", "/PID", str(pid)])
    else:
        os.kill(pid, signal.SIGTERM)


class Ensure(kit.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.cordon, "stop")  # of a test that has failed

    def daemon(self, *words):
        return [kit.CORDON_NATIVE, "serve", kit.APP, "--dir", kit.native(self.dir), "--echo",
                "--allow-stop", *(words or IDLE)]

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

    def test_a_command_that_says_why(self):
        with open(self.path("file"), "wb"):
            pass
        line = self.daemon()
        line[line.index(kit.native(self.dir))] = kit.native(self.path("file"))
        result = self.ensure(*line)
        self.check_error(result, 9, "cordon: launch: exit status 4: CORDON_EUNSAFE: ",
                         kit.native(self.path("file")))

    def test_a_command_with_a_status_of_its_own(self):
        result = self.ensure(kit.PUPPET_NATIVE, "fail", "42", "for no reason")
        self.check_error(result, 9, f"cordon: launch: exit status 42 ({kit.PUPPET_NATIVE})")

    def test_a_command_that_ends_well_is_waited_for(self):
        result = self.ensure(kit.PUPPET_NATIVE, "say", "done", options=["--timeout", "500"])
        self.check_error(result, 5, "cordon: launch: the deadline passed", kit.PUPPET_NATIVE)
        self.assertEqual(result.out, b"")  # what is started prints nowhere

    def test_a_command_that_says_another_one_runs(self):
        result = self.ensure(kit.PUPPET_NATIVE, "fail", "7", "", options=["--timeout", "500"])
        self.check_error(result, 5, "cordon: launch: ", "it says that another one runs")

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

    def all_at_once(self):
        """What so many callers say, in order."""
        line = [kit.CORDON, "ensure", kit.APP, "--dir", kit.native(self.dir), "--timeout", "60000",
                "--", *self.daemon()]
        with tempfile.TemporaryFile() as err:
            outs = [tempfile.TemporaryFile() for _ in range(CALLERS)]
            callers = [self.start(*line, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
                       for out in outs]
            statuses = [caller.wait(kit.PATIENCE) for caller in callers]
            self.assertEqual(statuses, [0] * CALLERS, kit.read_all(err))
        said = sorted(kit.read_all(out).strip() for out in outs)
        for out in outs:
            out.close()
        return said

    def test_many_at_once_start_one(self):
        for _ in range(ROUNDS):
            self.assertEqual(self.all_at_once(), [b"joined"] * (CALLERS - 1) + [b"started"])
            self.stopped()

    @kit.posix_only("no signal reaches a program of Windows alone")
    def test_interrupted(self):
        line = [kit.CORDON, "ensure", kit.APP, "--dir", self.dir, "--", "sleep", "3"]
        caller = self.start(*line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        kit.until(lambda: os.path.exists(self.path("ipc.start")), "it takes the startup lock")
        caller.send_signal(signal.SIGINT)
        caller.communicate(timeout=kit.PATIENCE)
        self.assertEqual(caller.returncode, 130)

    def end_tray(self):
        status = self.cordon("status", "--json", app="tray")
        if status.status != 0:
            return
        end_by_pid(json.loads(status.out)["pid"])
        kit.until(lambda: self.cordon("status", app="tray").status == 3, "the tray has ended")

    @unittest.skipUnless(HAS_TRAY, "examples/tray was not built: no jansson")
    def test_the_example_starts_the_tray(self):
        env = dict(os.environ, TRAY_DIR=kit.native(self.dir))
        self.addCleanup(self.end_tray)
        for said in (b"started: ", b"joined: "):
            done = kit.run([ENSURE, TRAY], env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stdout.startswith(said), done.stdout)
            self.assertIn(b'"paused":false', done.stdout)

    def test_the_example_is_short(self):
        with open(kit.SOURCE / "examples/ensure/ensure.c") as file:
            self.assertLess(len(file.readlines()), 50)


if __name__ == "__main__":
    kit.main()
