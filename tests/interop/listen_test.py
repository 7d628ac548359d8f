"""Listeners from elsewhere: a service manager's, or a descriptor; what is taken, and what is not."""
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

import kit
from kit import CORDON

# Becomes the server, as a service manager's child does: the socket is descriptor 3, the pid its own.
ACTIVATOR = """
import os, sys
for target, given in enumerate(sys.argv[1].split(","), 3):
    os.dup2(int(given), target, inheritable=True)
os.environ["LISTEN_PID"] = str(os.getpid() + int(os.environ.get("WRONG_PID", "0")))
os.environ.setdefault("LISTEN_FDS", str(len(sys.argv[1].split(","))))
if "BECOME" in os.environ:
    os.setgroups([])
    os.setgid(int(os.environ["BECOME"]))
    os.setuid(int(os.environ["BECOME"]))
os.execv(sys.argv[2], sys.argv[2:])
"""
STRANGER = 65533
needs_root = unittest.skipUnless(hasattr(os, "getuid") and os.getuid() == 0, "needs root")


@unittest.skipIf(kit.IS_WINDOWS, "Windows has no inherited listeners")
class Listen(kit.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(os.umask, os.umask(0o077))

    def listen(self, address=None, mode=0o600, backlog=16):
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(address or self.address)
        os.chmod(address or self.address, mode)
        if backlog is not None:
            listener.listen(backlog)
        return listener

    def activate(self, *listeners, words=(), where=None, binary=CORDON, **how):
        given = [os.dup(listener.fileno()) for listener in listeners]
        for fd in given:
            os.set_inheritable(fd, True)
        line = [sys.executable, "-c", ACTIVATOR, ",".join(map(str, given)), binary, "serve", kit.APP,
                "--dir", where or self.dir, "--echo", "--activated", "--allow-stop", *words]
        server = self.start(*line, stderr=subprocess.PIPE, pass_fds=given, **how)
        for fd in given:
            os.close(fd)
        return server

    def check_answers(self, text="hello"):
        answer = self.cordon("call", text)
        self.assertEqual((answer.status, answer.out), (0, text.encode()), answer.err)

    def check_ended(self, server, status=0):
        told = server.communicate(timeout=kit.PATIENCE)[1].decode()
        self.assertEqual(server.returncode, status, told)
        return told

    def knock(self):
        """A client that waits to be served, whoever will do that."""
        return self.start(CORDON, "call", kit.APP, "woken", "--dir", self.dir, "--timeout", "20000",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def is_knocked(self, listener, seconds):
        return bool(select.select([listener], [], [], seconds)[0])

    def refused(self, listener, *parts, status=4):
        line = [CORDON, "serve", kit.APP, "--dir", self.dir, "--echo", "--listen-fd",
                str(listener.fileno())]
        done = subprocess.run(line, capture_output=True, text=True, timeout=kit.PATIENCE,
                              pass_fds=[listener.fileno()])
        self.assertEqual(done.returncode, status, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertFalse(os.path.exists(self.token_file))

    # ---- taken ----

    def test_it_is_served_and_its_address_stays(self):
        listener = self.listen()
        before = os.lstat(self.address).st_ino
        server = self.activate(listener)
        self.check_answers()
        self.assertEqual(self.cordon("serve", "--echo").status, 7)  # the lock is taken
        server.send_signal(signal.SIGTERM)
        self.check_ended(server)
        self.assertEqual(os.lstat(self.address).st_ino, before)
        self.assertEqual(sorted(os.listdir(self.dir)), ["ipc.lock", "ipc.sock"])

    def test_stop_returns_though_the_address_stays_and_wakes_nobody(self):
        listener = self.listen()
        server = self.activate(listener)
        self.check_answers()
        stopped = self.cordon("stop")
        self.assertEqual(stopped.status, 0, stopped.err)
        self.check_ended(server)
        self.assertFalse(self.is_knocked(listener, 0.05))

    def test_who_knocks_wakes_it_again_and_again(self):
        listener = self.listen()
        for _ in range(3):
            client = self.knock()
            self.assertTrue(self.is_knocked(listener, kit.PATIENCE))
            server = self.activate(listener, words=("--idle-exit", "50"))
            told = client.communicate(timeout=kit.PATIENCE)
            self.assertEqual((client.returncode, told[0]), (0, b"woken"), told[1])
            self.check_ended(server)

    def test_connect_or_start_leaves_it_to_the_manager_to_start_one(self):
        listener = self.listen()
        ensure = self.start(CORDON, "ensure", kit.APP, "--dir", self.dir, "--", "/bin/false",
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertTrue(self.is_knocked(listener, kit.PATIENCE))
        server = self.activate(listener)
        told = ensure.communicate(timeout=kit.PATIENCE)
        self.assertEqual((ensure.returncode, told[0]), (0, b"joined\n"), told[1])
        server.send_signal(signal.SIGTERM)
        self.check_ended(server)

    def test_no_client_is_lost_while_servers_come_and_go(self):
        listener, asked = self.listen(), 40
        over = threading.Event()

        def manage():
            while not over.is_set():
                if self.is_knocked(listener, 0.01):
                    self.check_ended(self.activate(listener, words=("--idle-exit", "3")))

        manager = threading.Thread(target=manage)
        manager.start()
        try:
            for number in range(asked):
                self.check_answers(f"client {number}")
        finally:
            over.set()
            manager.join()

    def test_nobody_behind_it_is_a_deadline_and_not_a_lost_token(self):
        self.listen()
        self.check_error(self.cordon("call", "--timeout", "200"), 5, "no server has started")

    def test_a_killed_server_leaves_it_to_the_next(self):
        listener = self.listen()
        first = self.activate(listener)
        self.check_answers()
        first.kill()
        first.communicate(timeout=kit.PATIENCE)
        client = self.knock()
        second = self.activate(listener)
        told = client.communicate(timeout=kit.PATIENCE)
        self.assertEqual((client.returncode, told[0]), (0, b"woken"), told[1])
        second.send_signal(signal.SIGTERM)
        self.check_ended(second)

    def test_a_descriptor_by_its_number_is_taken_too(self):
        listener = self.listen()
        server = self.start(CORDON, "serve", kit.APP, "--dir", self.dir, "--echo", "--listen-fd",
                            str(listener.fileno()), pass_fds=[listener.fileno()],
                            stderr=subprocess.PIPE)
        self.check_answers()  # it waits for the token
        server.send_signal(signal.SIGTERM)
        self.check_ended(server)
        self.assertTrue(stat.S_ISSOCK(os.lstat(self.address).st_mode))

    def test_the_directory_may_be_spelled_in_another_way(self):
        link = self.dir + ".link"
        os.symlink(self.dir, link)
        self.addCleanup(os.unlink, link)
        server = self.activate(self.listen(os.path.join(link, "ipc.sock")))
        self.check_answers()
        server.send_signal(signal.SIGTERM)
        self.check_ended(server)

    def test_where_the_directory_is_long_the_link_leads_there_and_stays(self):
        where = self.path("d" * 120)
        os.mkdir(where)
        here = {**os.environ, "TMPDIR": self.path("t")}
        address = kit.json.loads(self.cordon("path", "--json", where=where, env=here).out)["address"]
        self.assertTrue(address.startswith(here["TMPDIR"]), address)
        os.makedirs(os.path.dirname(address), mode=0o700)
        server = self.activate(self.listen(address), where=where, env=here)
        elsewhere = {**os.environ, "TMPDIR": self.dir}
        kit.until(lambda: os.path.lexists(os.path.join(where, "ipc.sock")), "the link")
        answer = self.cordon("call", "far", where=where, env=elsewhere)
        self.assertEqual((answer.status, answer.out), (0, b"far"), answer.err)
        server.send_signal(signal.SIGTERM)
        self.check_ended(server)
        self.assertEqual(os.readlink(os.path.join(where, "ipc.sock")), address)

    # ---- not taken ----

    def test_what_is_not_ours_at_our_address_is_unsafe(self):
        os.mkdir(self.path("other"))
        self.refused(self.listen(self.path("other", "ipc.sock")), "bound to another address")
        self.refused(self.listen(self.path("another.sock")), "bound to another address")
        silent = self.listen(backlog=None)
        self.refused(silent, "does not listen")
        os.unlink(self.address)
        self.refused(self.listen(mode=0o666), "0600")
        os.unlink(self.address)
        with socket.create_server(("127.0.0.1", 0)) as internet:
            self.refused(internet, "bound to another address")
        with tempfile.TemporaryFile() as file:
            self.refused(file, "no stream socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as letters:
            self.refused(letters, "no stream socket")

    def test_a_socket_whose_name_another_has_by_now_is_unsafe(self):
        first = self.listen()
        os.unlink(self.address)
        self.refused(first, "system error", status=8)  # nothing there
        self.listen()
        self.refused(first, "another socket has its address")

    def test_what_was_given_to_another_process_is_not_taken(self):
        listener = self.listen()
        server = self.activate(listener, env={**os.environ, "WRONG_PID": "1"})
        self.assertIn("no service manager gave us a socket", self.check_ended(server, 3))
        server = self.activate(listener, listener)
        self.assertIn("several sockets", self.check_ended(server, 2))
        server = self.activate(listener, env={**os.environ, "LISTEN_FDS": "200"})
        self.assertIn("not open", self.check_ended(server, 4))

    # ---- what clients see of who made it ----

    @needs_root
    def test_one_that_root_made_is_ours_once_we_listen_on_it(self):
        build = self.copy_within_reach()
        binary = os.path.join(build, os.path.basename(CORDON))
        os.chown(self.dir, STRANGER, STRANGER)
        listener = self.listen()
        os.chown(self.address, STRANGER, STRANGER)
        env = {**os.environ, "LD_LIBRARY_PATH": build}
        user = {"user": STRANGER, "group": STRANGER, "extra_groups": [], "env": env}
        ask = [binary, "call", kit.APP, "mine", "--dir", self.dir, "--timeout", "20000"]
        # Who came before saw root: nothing was sent to it.
        early = subprocess.run(ask, capture_output=True, timeout=kit.PATIENCE, **user)
        self.assertEqual(early.returncode, 4, early.stderr)
        server = self.activate(listener, binary=binary, env={**env, "BECOME": str(STRANGER)})
        kit.until(lambda: os.path.exists(self.token_file), "the server")
        kit.until(lambda: subprocess.run(ask, capture_output=True, timeout=kit.PATIENCE,
                                         **user).stdout == b"mine", "an answer")
        server.send_signal(signal.SIGTERM)
        self.check_ended(server)


if __name__ == "__main__":
    kit.main()
