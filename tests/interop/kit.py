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
IS_WINDOWS = CORDON.endswith(".exe")
IS_EMULATED = IS_WINDOWS and os.name == "posix"
PATIENCE = 120 if IS_EMULATED else 30  # seconds: only a hang takes so long
# Where a program takes long to start, the usual deadline of five seconds says nothing.
UNHURRIED = ["--timeout", "60000"] if IS_EMULATED else []
APP = "interop"


def native(path):
    """A path as the command knows it: an emulator shows it our files on a drive."""
    return "Z:" + str(path).replace("/", "\\") if IS_EMULATED else str(path)


def program(folder, name):
    """A program of the build, twice: as we start it, and as one that it can start itself would."""
    name += ".exe" if IS_WINDOWS else ""
    built = BUILD / folder / name
    script = BUILD / "tests/interop/start" / name
    started = str(script if script.exists() else built)
    return started, native(built) if IS_WINDOWS else started


PUPPET, PUPPET_NATIVE = program("tests/interop", "puppet")
CORDON_NATIVE = program("tools", "cordon")[1] if IS_WINDOWS else CORDON
os.environ["PUPPET"] = PUPPET_NATIVE
posix_only = lambda why: unittest.skipIf(IS_WINDOWS, why)
SHELL = "needs a POSIX shell"
MODES = "modes of files, users and links are POSIX's"
DESCRIPTORS = "only descriptors 0, 1 and 2 reach a program of Windows from here"
PEER = "Python itself is the other end of a socket"


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
        if IS_WINDOWS:
            return self.path(next(name for name in os.listdir(self.dir) if name.endswith("-token")))
        return self.path("ipc-token")

    def address_told(self):
        return json.loads(self.cordon("path", "--json").out)["address"]

    def is_withdrawn(self):
        """Is the address gone (where it is a file), or the token at least?"""
        if not IS_WINDOWS:
            return not os.path.exists(self.address)
        return not any(name.endswith("-token") for name in os.listdir(self.dir))

    def cordon(self, verb, *words, send=b"", app=APP, where=None, stranger=False, **how):
        """Run the command to its end: Result with bytes on `out`, text on `err`."""
        line = [CORDON, verb, app, "--dir", native(where or self.dir), *words]
        if verb != "cat":  # it has none
            line[5:5] = UNHURRIED
        if stranger:
            folder = self.copy_within_reach()
            line[0] = os.path.join(folder, os.path.basename(CORDON))
            counts = os.path.join(folder, "counts")  # where a build that counts lines writes
            os.mkdir(counts)
            os.chown(counts, 65533, 65533)
            how = {"env": {**os.environ, "LD_LIBRARY_PATH": folder, "GCOV_PREFIX": counts}, "user": 65533,
                   "group": 65533, "extra_groups": [], **how}
        done = run(line, send, **how)
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
        line = [CORDON, "serve", APP, "--dir", native(self.dir), *UNHURRIED]
        with tempfile.TemporaryFile() as log:
            how.setdefault("stderr", log)
            server, ready = (start_telling_output if IS_WINDOWS else start_telling)(line, words, how)
            self.addCleanup(self.end_server, server, os.dup(log.fileno()))
        self.assertEqual(ready, "ready\n", "the server did not start")
        return server

    def end_server(self, server, log):
        # A test that killed or stopped it may be ahead of its end: then the status is the test's.
        was_stopped = self.is_withdrawn()
        ended_by_test = server.poll() is not None
        if not ended_by_test:
            ask_to_end(server)
        status = server.wait(PATIENCE)
        ended_by_test |= status == -signal.SIGKILL or was_stopped and status == -signal.SIGTERM
        close_streams(server)
        with open(log, "rb") as file:
            file.seek(0)
            said = file.read().decode(errors="replace")
        if not ended_by_test or status > 0 and status != 130:
            self.assertEqual(status, 0, f"the server ended badly: {said}")

    def serve_echo(self, *words, **how):
        return self.serve("--echo", *words, **how)

    def serve_shell(self, script, *words, **how):
        return self.serve(*words, "--", "/bin/sh", "-c", script, **how)

    def check_gone(self):
        stays = [name for name in os.listdir(self.dir) if not name.endswith(".lock")]
        self.assertEqual(stays, [], "only lock files stay")

    def serve_puppet(self, *words, options=(), **how):
        return self.serve(*options, "--", PUPPET_NATIVE, *words, **how)

    def ask_json(self, request, app=APP, **more):
        """One JSON line, as any script would send it: the answer as an object."""
        if IS_WINDOWS:
            return self.ask_by_command(request, app)
        with open(self.token_file) as file:
            line = {"token": file.read(), "request": request, **more}
        with connect(self.address) as stream:
            stream.sendall(json.dumps(line).encode() + b"\n")
            return json.loads(stream.makefile("rb").readline())

    def ask_by_command(self, request, app):
        result = self.cordon("call", "-", "--framing", "json", "--json", app=app,
                             send=json.dumps(request).encode())
        if result.status == 0:
            return {"ok": True, "data": json.loads(result.out)}
        told = json.loads(result.err)
        return {"ok": False, "code": told["app_code"], "error": told["failure"]}

    def check_error(self, result, status, *parts):
        """One line `cordon: <step>: <cause> (...)` with these parts in it, and that status."""
        self.assertEqual(result.status, status, result.err)
        self.assertRegex(result.first, r"^cordon: [^:]+: [^:]+")
        for part in parts:
            self.assertIn(part, result.first)


def run(line, send=b"", **how):
    """Run it to its end, with all that it says. Wine hands its own standard error on to whatever a
    program leaves behind, and a pipe would have no end before that has: there files take it."""
    how = {"timeout": PATIENCE, **how}
    if not IS_EMULATED:
        return subprocess.run(line, input=send, capture_output=True, **how)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = subprocess.run(line, input=send, stdout=out, stderr=err, **how)
        done.stdout, done.stderr = read_all(out), read_all(err)
        return done


def read_all(file):
    file.seek(0)
    return file.read()


def start_telling(line, words, how):
    """A server and what it writes when it accepts, to a descriptor of its own."""
    reading, writing = os.pipe()
    server = subprocess.Popen([*line, "--ready-fd", str(writing), *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              pass_fds=(writing, *how.pop("pass_fds", ())), **how)
    os.close(writing)
    with open(reading) as ready:
        return server, ready.read()


def start_telling_output(line, words, how):
    """The same where only three descriptors are inherited."""
    server = subprocess.Popen([*line, "--ready-fd", "1", *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, **how)
    return server, server.stdout.readline().decode()


def is_waiting(process):
    """Does its first thread wait, three times in a row? (Of Wine: for its server, in a read.)"""
    for _ in range(3):
        try:
            call = pathlib.Path("/proc", str(process.pid), "syscall").read_text(encoding="ascii")
        except OSError:
            return True  # it has ended
        if not call.startswith("0 "):
            return process.poll() is not None
        time.sleep(0.01)
    return True


def ask_to_end(process):
    """As a person or a supervisor would; where there is no SIGTERM, as Ctrl-C does."""
    if IS_EMULATED:  # it makes a thread in the signal's handler: for ever, if it came within a fork
        until(lambda: is_waiting(process), "Wine at rest")
    process.send_signal(signal.SIGINT if IS_WINDOWS else signal.SIGTERM)


def connect(address):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(PATIENCE)
    stream.connect(address)
    return stream


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait(PATIENCE)
    close_streams(process)


def close_streams(process):
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
    except (FileNotFoundError, ProcessLookupError):  # the latter: it went after the open
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
