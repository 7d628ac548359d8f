"""What the tests of the command share: private directories, servers that end, bounded waits."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

CORDON = os.environ["CORDON_BIN"]
BUILD = pathlib.Path(os.environ["CORDON_BUILD"])
SOURCE = pathlib.Path(os.environ["CORDON_SOURCE"])
APP = "interop"
PATIENCE = 30  # seconds: only a hang takes so long


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def first(self):
        return self.err.splitlines()[0] if self.err else ""

    @property
    def advice(self):
        lines = self.err.splitlines()
        return lines[1].strip() if len(lines) > 1 else ""


class Case(unittest.TestCase):
    """A fresh private directory for each test; all that was started in it is ended."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="cordon-interop.")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.said = []  # everything that the command printed, to look for the token in it

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    @property
    def address(self):
        return self.path("ipc.sock")

    @property
    def token_file(self):
        return self.path("ipc-token")

    def cordon(self, verb, *words, send=b"", app=APP, where=None, stranger=False, **how):
        """Run the command to its end: Result with bytes on `out`, text on `err`."""
        line = [CORDON, verb, app, "--dir", where or self.dir, *words]
        if stranger:
            folder = self.copy_within_reach()
            line[0] = os.path.join(folder, os.path.basename(CORDON))
            how = {"env": {**os.environ, "LD_LIBRARY_PATH": folder}, "user": 65533,
                   "group": 65533, "extra_groups": [], **how}
        done = subprocess.run(line, input=send, capture_output=True, timeout=PATIENCE, **how)
        self.said += [done.stdout, done.stderr] if verb != "token" else [done.stderr]
        return Result(done.returncode, done.stdout, done.stderr.decode())

    def copy_within_reach(self):
        """A folder with the command, for another user: the build may lie in a closed home."""
        folder = tempfile.mkdtemp(prefix="cordon-bin.")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        build = pathlib.Path(os.environ["CORDON_BUILD"])
        for file in (CORDON, *build.glob("libcordon.so*")):
            shutil.copy(file, folder)
        return folder

    def start(self, *line, **how):
        """A process that is ended with the test, by its pid."""
        process = subprocess.Popen(line, **how)
        self.addCleanup(end, process)
        return process

    def serve(self, *words, **how):
        """cordon serve, once it accepts. With the test it ends, cleanly unless it was killed."""
        reading, writing = os.pipe()
        line = [CORDON, "serve", APP, "--dir", self.dir, "--ready-fd", str(writing), *words]
        with tempfile.TemporaryFile() as log:
            how.setdefault("stderr", log)
            server = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      pass_fds=(writing, *how.pop("pass_fds", ())), **how)
            os.close(writing)
            self.addCleanup(self.end_server, server, os.dup(log.fileno()))
        with open(reading) as ready:
            self.assertEqual(ready.read(), "ready\n", "the server did not start")
        return server

    def end_server(self, server, log):
        # A test that killed or stopped it may be ahead of its end: then the status is the test's.
        was_stopped = not os.path.exists(self.address)
        ended_by_test = server.poll() is not None
        if not ended_by_test:
            server.terminate()
        status = server.wait(PATIENCE)
        ended_by_test |= status == -signal.SIGKILL or was_stopped and status == -signal.SIGTERM
        with open(log, "rb") as file:
            file.seek(0)
            said = file.read().decode(errors="replace")
        if not ended_by_test or status > 0 and status != 130:
            self.assertEqual(status, 0, f"the server ended badly: {said}")

    def serve_echo(self, *words, **how):
        return self.serve("--echo", *words, **how)

    def serve_shell(self, script, *words, **how):
        return self.serve(*words, "--", "/bin/sh", "-c", script, **how)

    def ask_json(self, request, **more):
        """One JSON line, as any script would send it: the answer as an object."""
        with open(self.token_file) as file:
            line = {"token": file.read(), "request": request, **more}
        with connect(self.address) as stream:
            stream.sendall(json.dumps(line).encode() + b"\n")
            return json.loads(stream.makefile("rb").readline())

    def check_error(self, result, status, *parts):
        """One line `cordon: <step>: <cause> (...)` with these parts in it, and that status."""
        self.assertEqual(result.status, status, result.err)
        self.assertRegex(result.first, r"^cordon: [^:]+: [^:]+")
        for part in parts:
            self.assertIn(part, result.first)


def connect(address):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(PATIENCE)
    stream.connect(address)
    return stream


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait(PATIENCE)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


def until(condition, what):
    """Wait for what must come about."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.005)


def is_alive(pid):
    """Does it run? (A zombie does not.)"""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def main():
    # SIGINT must not be ignored in what we start, as it is below a shell's `&`.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    unittest.main(verbosity=2, argv=sys.argv)
