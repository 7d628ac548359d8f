"""cordon doctor: the first line names the true cause of each trouble, the exit status is its."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import kit
import peer

OTHER = 65533  # as whom kit runs a stranger
HOLDER = """
import fcntl, os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(file, fcntl.LOCK_EX)
os.write(file, b"%d 2026-01-02T03:04:05Z /usr/bin/trayd\\n" % os.getpid())
print("held", flush=True)
time.sleep(600)
"""


def is_stopped(pid):
    if not os.path.isdir("/proc/self"):
        return True  # nobody to ask
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


class Doctor(kit.Case):
    def setUp(self):
        super().setUp()
        self.root = self.dir

    def another(self):
        """A fresh directory for a row of a table."""
        self.dir = tempfile.mkdtemp(dir=self.root)

    def doctor(self, *words, **how):
        return self.cordon("doctor", *words, **how)

    def check(self, status, *parts, **how):
        """Exit status, and what the first line must say; all of it."""
        result = self.doctor(**how)
        said = result.out.decode()
        self.assertEqual((result.status, result.err), (status, ""), said)
        for part in parts:
            self.assertIn(part, said.splitlines()[0], said)
        if status:
            self.assertIn("\n  trouble  ", said)
        else:
            self.assertNotIn("\n  trouble  ", said)
        return said


class Everywhere(Doctor):
    def test_nobody_serves_it(self):
        self.check(3, f"{kit.APP}: not running")

    def test_it_runs(self):
        server = self.serve_echo()
        said = self.check(0, f"{kit.APP}: running")
        if not kit.IS_EMULATED:
            self.assertIn(f"pid {server.pid}", said.splitlines()[0])
        for step in ("check directory", "look at address", "check peer", "read token",
                     "look at lock: lifetime lock: ", "look at lock: startup lock: free", "status"):
            self.assertIn(f"\n  ok       {step}", said)
        with open(self.token_file) as file:
            self.assertNotIn(file.read(), said)

    def test_as_json(self):
        for status, code in ((3, "CORDON_ENOTRUNNING"), (0, "CORDON_OK")):
            if status == 0:
                self.serve_echo()
            result = self.doctor("--json")
            told = json.loads(result.out)
            self.assertEqual((result.status, told["exit"], told["code"]), (status, status, code))
            self.assertGreater(len(told["facts"]), 5)
            for fact in (told, *told["facts"]):
                self.assertLessEqual({"code", "step", "text", "path", "expected", "actual",
                                      "os_code"}, set(fact))
            causes = [fact["code"] for fact in told["facts"] if fact["code"] != "CORDON_OK"]
            self.assertEqual(causes, [code] if status else [])

    def test_what_a_dead_server_left_is_in_nobodys_way(self):
        server = self.serve_echo()
        server.kill()
        server.wait(kit.PATIENCE)
        said = self.check(3, "not running")
        if not kit.IS_WINDOWS:
            self.assertIn(f"was not released by pid {server.pid}", said)
            self.assertIn("look at address: a socket of ours", said)
        self.serve_echo()
        self.check(0, "running")

    def test_a_lost_token_and_what_is_in_its_way(self):
        server = self.serve_echo()
        path = self.token_file
        os.unlink(path)
        self.check(4, "its token file is gone", os.path.basename(path))
        server.kill()
        server.wait(kit.PATIENCE)
        os.mkdir(path)
        self.check(4, "a directory in the way of a server's file: no server can start")

    def test_it_has_no_room(self):
        self.serve_echo("--max-sessions", "1")
        guest = self.start(kit.CORDON, "cat", kit.APP, "--dir", kit.native(self.dir),
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        guest.stdin.write(b"x\n")
        guest.stdin.flush()
        self.assertEqual(guest.stdout.readline().strip(), b"x")
        self.check(5, "has no room: 1 of 1 sessions")


@kit.posix_only(kit.MODES)
class Lying(Doctor):
    """What lies where something else should be."""

    def put(self, path, kind):
        if kind == "file":
            open(path, "w").close()
        elif kind == "pipe":
            os.mkfifo(path, 0o600)
        elif kind == "directory":
            os.mkdir(path, 0o700)
        else:
            os.symlink("/somewhere/else", path)

    def test_at_the_address(self):
        for kind, words in (("file", "a plain file instead of a socket"),
                            ("pipe", "a pipe instead of a socket"),
                            ("directory", "a directory instead of a socket"),
                            ("link", "a symbolic link instead of a socket")):
            with self.subTest(kind=kind):
                self.another()
                self.put(self.address, kind)
                said = self.check(4, words, self.address)
                self.assertEqual("/somewhere/else" in said.splitlines()[0], kind == "link")

    def test_at_a_lock(self):
        for name in ("ipc.lock", "ipc.start"):
            for kind in ("pipe", "directory", "link"):
                with self.subTest(name=name, kind=kind):
                    self.another()
                    self.put(self.path(name), kind)
                    self.check(4, self.path(name), "instead of a plain file")

    def test_a_lock_open_to_others(self):
        for name in ("ipc.lock", "ipc.start"):
            with self.subTest(name=name):
                self.another()
                self.put(self.path(name), "file")
                os.chmod(self.path(name), 0o644)
                self.check(4, self.path(name), "mode: this file is open to others; remove it")

    def test_at_the_directory(self):
        self.dir = self.path("d")
        self.put(self.dir, "file")
        self.check(4, "a plain file where the directory should be")
        self.dir = os.path.join(self.root, "open")
        os.mkdir(self.dir)
        os.chmod(self.dir, 0o777)
        self.check(4, "others may write to this directory", self.dir)

    def test_above_the_directory(self):
        above = self.path("above")
        os.mkdir(above)
        self.dir = os.path.join(above, "d")
        os.mkdir(self.dir, 0o700)
        os.chmod(above, 0o777)
        self.check(4, "a directory above ours: everybody may rename", f"({above})")

    def test_in_the_way_of_the_token(self):
        for name, kind in (("ipc-token", "directory"), ("ipc-token.new", "directory"),
                           ("ipc-token.new", "pipe"), ("ipc-token.new", "link")):
            with self.subTest(name=name, kind=kind):
                self.another()
                self.put(self.path(name), kind)
                self.check(4, "in the way of a server's file: no server can start", self.path(name))
        self.another()
        self.put(self.path("ipc-token.new"), "file")  # of a server that was killed: it is removed
        self.check(3, "not running")

    def test_at_the_fallback(self):
        root = self.path("t")
        os.mkdir(root)
        self.dir = self.path("d" * 90)
        os.mkdir(self.dir, 0o700)
        mine = {**os.environ, "TMPDIR": root}
        said = self.check(3, "not running", env=mine)
        self.assertIn("too long for an address: the socket is in the fallback directory", said)
        squatted = os.path.join(root, f"cordon-{os.geteuid()}")
        self.put(squatted, "file")
        self.check(4, "a plain file where the directory should be", squatted, env=mine)
        os.unlink(squatted)
        self.put(os.path.join(self.dir, "ipc.sock"), "link")
        self.check(4, "leads where no socket of this endpoint is: remove it", env=mine)

    def test_a_name_that_is_too_long(self):
        self.dir = self.path(*["d" * 200] * 25)
        result = self.doctor()
        self.assertEqual((result.status, result.err), (2, ""))
        self.assertIn("longer than the system takes", result.out.decode().splitlines()[0])

    def test_variables_that_do_not_count(self):
        line = [kit.CORDON, "doctor", kit.APP]
        mine = {**os.environ, "HOME": self.dir, "XDG_DATA_HOME": "data", "TMPDIR": "tmp"}
        said = subprocess.run(line, env=mine, capture_output=True, timeout=kit.PATIENCE).stdout
        self.assertIn(b"XDG_DATA_HOME is not absolute: it does not count (data)", said)
        self.assertIn(b"TMPDIR is not absolute: it does not count (tmp)", said)
        self.assertIn(f"({self.dir}/.local/share/{kit.APP}/ipc.sock)".encode(), said)


@kit.posix_only(kit.MODES)
class Tokens(Doctor):
    def spoil(self, how):
        os.unlink(self.token_file)
        if how == "malformed":
            with open(self.token_file, "w") as file:
                file.write("xyz")
        elif how == "link":
            os.symlink("/somewhere/else", self.token_file)
        elif how == "pipe":
            os.mkfifo(self.token_file)
        elif how == "open":
            with open(self.token_file, "w") as file:
                file.write("0" * 64)
        elif how == "foreign":
            with open(self.token_file, "w") as file:
                file.write("f" * 64)
        if how in ("malformed", "foreign"):
            os.chmod(self.token_file, 0o600)
        if how == "open":
            os.chmod(self.token_file, 0o640)

    def test_what_may_be_wrong_with_it(self):
        for how, words in (("absent", "its token file is gone"),
                           ("malformed", "the token file is not 64 hex digits"),
                           ("open", "mode: this file is open to others"),
                           ("link", "a symbolic link instead of a plain file"),
                           ("pipe", "a pipe instead of a plain file"),
                           ("foreign", "does not accept the token that is here")):
            with self.subTest(how=how):
                self.another()
                server = self.serve_echo()
                self.spoil(how)
                self.check(4, words)
                server.kill()
                server.wait(kit.PATIENCE)
                self.check(3, "not running")  # the next server puts a new one in its place


@kit.posix_only("signals and flock are POSIX's")
class Holders(Doctor):
    def hold(self, name):
        holder = self.start(sys.executable, "-c", HOLDER, self.path(name), stdout=subprocess.PIPE)
        self.assertEqual(holder.stdout.readline(), b"held\n")
        return holder

    def stop(self, process):
        process.send_signal(signal.SIGSTOP)
        kit.until(lambda: is_stopped(process.pid), "it is stopped")

    @unittest.skipUnless(os.path.exists("/proc/locks"), "only Linux tells who holds a flock")
    def test_a_lock_and_nobody_who_answers(self):
        for name, words in (("ipc.lock", "holds the lifetime lock, but nobody answers"),
                            ("ipc.start", "holds the startup lock: a server is being started")):
            with self.subTest(name=name):
                holder = self.hold(name)
                said = self.check(5, f"pid {holder.pid} {words}", self.path(name))
                self.assertIn(f"held by pid {holder.pid}, /usr/bin/trayd, since "
                              "2026-01-02T03:04:05Z", said)
                self.stop(holder)
                kind = "lifetime" if name == "ipc.lock" else "startup"
                self.check(5, f"pid {holder.pid} holds the {kind} lock and is stopped")
                holder.kill()
                holder.wait()
                self.check(3, "not running")

    def test_a_stopped_server(self):
        server = self.serve_echo()
        self.stop(server)
        self.check(5, f"pid {server.pid}, which serves it, is stopped")
        server.send_signal(signal.SIGCONT)
        self.check(0, "running")

    def test_looking_takes_no_lock(self):
        """A server that starts while doctors look is never kept from it."""
        line = [kit.CORDON, "doctor", kit.APP, "--dir", self.dir]
        doctor = self.start("/bin/sh", "-c", 'while :; do "$@" >/dev/null; done', "sh", *line)
        for _ in range(20):
            server = self.serve_echo()
            server.kill()
            server.wait(kit.PATIENCE)
        self.assertIsNone(doctor.poll())


@kit.posix_only(kit.PEER)
class Peers(Doctor):
    """What may be at the address that is no server of ours as it should be."""

    def test_a_backlog_that_is_full(self):
        with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as crowd:
            listener.bind(self.address)
            listener.listen(0)
            with contextlib.suppress(BlockingIOError):
                for _ in range(100):
                    guest = crowd.enter_context(socket.socket(socket.AF_UNIX))
                    guest.setblocking(False)
                    guest.connect(self.address)
            self.check(5, "serves it but takes no connection")

    def test_a_server_of_another_version(self):
        def tell(served, stream, hello):
            stream.sendall(served.welcome(hello))
            _, number, _ = served.read_frame(stream)
            stream.sendall(peer.frame(peer.REPLY, b'{"version":99,"program":"new"}', number))

        with peer.Peer(self.dir) as served:
            served.on_hello = tell
            self.check(6, f"a server of another version runs (pid {os.getpid()}): it speaks "
                          "version 99, we 1")

    def test_something_that_speaks_another_language(self):
        with peer.Peer(self.dir) as served:
            served.on_hello = lambda served, stream, hello: stream.sendall(b"HTTP/1.1 400 Bad\r\n")
            self.check(6, f"pid {os.getpid()} serves it but does not speak our protocol")

    @kit.as_root
    def test_a_server_of_another_user(self):
        os.chown(self.dir, OTHER, OTHER)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            os.chown(self.address, OTHER, OTHER)
            listener.listen(8)
            self.check(4, "its user is not ours: a stranger listens there, nothing was sent",
                       stranger=True)


@kit.posix_only(kit.MODES)
@kit.as_root
class Strangers(Doctor):
    def test_a_directory_of_another_user(self):
        os.chown(self.dir, OTHER, OTHER)
        self.check(4, "this directory belongs to another user")

    def test_a_link_of_another_user(self):
        os.mkdir(self.path("d"), 0o700)
        link = self.path("link")
        os.symlink("d", link)
        os.lchown(link, OTHER, OTHER)
        self.dir = link
        self.check(4, "this symbolic link belongs to another user", link)

    def test_a_socket_and_a_lock_of_another_user(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            os.chown(self.address, OTHER, OTHER)
        self.check(4, "the socket at the address belongs to another user")
        os.unlink(self.address)
        open(self.path("ipc.lock"), "w").close()
        os.chown(self.path("ipc.lock"), OTHER, OTHER)
        self.check(4, "this file belongs to another user", "ipc.lock")

    def test_a_directory_that_is_closed_to_ourselves(self):
        os.chown(self.dir, OTHER, OTHER)
        os.chmod(self.dir, 0o500)
        self.check(4, "we may not write here: no server can start", stranger=True)

    @unittest.skipUnless(shutil.which("unshare") and sys.platform == "linux", "needs unshare")
    def test_a_file_system_that_can_only_be_read(self):
        script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$0" doctor x ' \
                 '--dir "$1"'
        done = subprocess.run(["unshare", "-m", "/bin/sh", "-c", script, kit.CORDON, self.dir],
                              capture_output=True, timeout=kit.PATIENCE)
        if b"unshare" in done.stderr or b"mount" in done.stderr:
            self.skipTest("no mounts of one's own here: " + done.stderr.decode())
        self.assertEqual(done.returncode, 4, done.stdout)
        self.assertIn(b"this file system can only be read: no server can start here",
                      done.stdout.splitlines()[0])


if __name__ == "__main__":
    kit.main()
