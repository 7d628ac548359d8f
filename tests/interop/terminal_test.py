"""cordon run with children in sh and Python, and terminals: run_test has what runs everywhere."""
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

import kit
from kit import CORDON
from run_test import Child

# The beginning of the child of docs/wire.md: it has receive() and send().
CHILD = (kit.SOURCE / "tests/system/channel_child.py").read_text().partition("while message")[0]
ECHO_ONCE = [sys.executable, "-c", CHILD + "send(0, receive()[1])"]
READ_TWO = [sys.executable, "-c", CHILD + """
receive()
for _ in range(2):
    tag, name, (descriptor,) = receive()
    assert tag == 1
    send(0, name + b": " + os.read(descriptor, 100))
"""]
PTY = str(kit.BUILD / "examples/pty")
HAS_PTY = unittest.skipUnless(os.path.exists(PTY), "examples were not built")


class Terminal:
    """A terminal as a person has one, and a program that runs in it."""

    def __init__(self, rows, columns, *line):
        self.seen = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
                os.execvp(line[0], line)
            finally:
                os._exit(99)
        self.status = None

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text)

    def read(self):
        """More of what is shown; False at the end."""
        if not select.select([self.master], [], [], kit.PATIENCE)[0]:
            raise AssertionError(f"nothing more came after {self.seen!r}")
        try:
            more = os.read(self.master, 4096)
        except OSError:  # nobody holds it any more
            more = b""
        self.seen += more
        return bool(more)

    def wait_for(self, text):
        while text not in self.seen:
            if not self.read():
                raise AssertionError(f"{text!r} is not in {self.seen!r}")
        self.seen = self.seen.partition(text)[2]

    def end(self):
        """Its exit status, 128 + n for a signal."""
        while self.read():
            pass
        os.close(self.master)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return status if status >= 0 else 128 - status


class Terminals(Child):
    def test_the_status_is_the_childs(self):
        for script, status in (("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137),
                               ("kill -15 $$", 143)):
            with self.subTest(script=script):
                result = self.run_child(command=["/bin/sh", "-c", script])
                self.assertEqual((result.status, result.out, result.err), (status, b"", ""))

    def test_the_message_is_the_go_signal_and_what_the_child_says_is_printed(self):
        result = self.run_child("--message", "hello", command=ECHO_ONCE)
        self.assertEqual((result.status, result.out), (0, b"hello\n"), result.err)

    def test_what_waits_for_ever_is_ended_at_the_deadline(self):
        pid = self.path("pid")
        result = self.run_child("--timeout", "300", "--message", "x",
                                command=["/bin/sh", "-c", f"echo $$ >{pid}; exec sleep 600"])
        self.check_error(result, 5, "receive")
        with open(pid) as file, self.assertRaises(ProcessLookupError):
            os.kill(int(file.read()), 0)

    def test_files_go_to_the_child(self):
        with open(self.path("file"), "wb") as file:
            file.write(b"from the file")
        result = self.run_child("--fd", self.path("file"), "--fd", "/dev/null", "--message", "x",
                                command=READ_TWO)
        self.assertEqual((result.status, result.out.decode()),
                         (0, f"{self.path('file')}: from the file\n/dev/null: \n"), result.err)

    def test_it_ends_with_a_child_whose_own_children_hold_the_channel(self):
        result = self.run_child(command=["/bin/sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!; exit 6"])
        self.assertEqual(result.status, 6)
        os.kill(int(result.out), signal.SIGKILL)

    @HAS_PTY
    def test_bytes_alone_where_there_is_no_terminal(self):
        result = self.run_child("--pty", send=b"one\ntwo", command=[PTY, "/bin/cat"])
        self.assertEqual(result.status, 0, result.err)
        self.assertIn(b"two", result.out)

    def in_terminal(self, *command, rows=50, columns=132, by_itself=False):
        line = [PTY, *command] if by_itself else [CORDON, "run", "--pty", "--", PTY, *command]
        return Terminal(rows, columns, *line)

    @HAS_PTY
    def test_size_at_the_start_and_when_it_changes(self):
        for by_itself in (False, True):
            terminal = self.in_terminal("/bin/sh", "-c", "tty; stty size; read line; stty size; exit 4",
                                        by_itself=by_itself)
            terminal.wait_for(b"/dev/pts/")
            terminal.wait_for(b"50 132\r\n")
            terminal.resize(20, 70)
            time.sleep(0.2)  # nobody tells when the size has arrived
            terminal.type(b"\n")
            terminal.wait_for(b"20 70\r\n")
            self.assertEqual(terminal.end(), 4)

    @HAS_PTY
    def test_keys_go_to_the_program_and_so_does_interrupt(self):
        terminal = self.in_terminal("/bin/sh", "-c", "echo there; exec cat")
        terminal.wait_for(b"there\r\n")
        terminal.type(b"typed\r")
        terminal.wait_for(b"typed\r\ntyped\r\n")
        terminal.type(b"\x03")
        self.assertEqual(terminal.end(), 130)

    @HAS_PTY
    def test_the_terminal_is_as_it_was_after_any_end(self):
        shell = "before=$(stty -g); {}; after=$(stty -g); test \"$before\" = \"$after\" && echo same"
        run = f"{CORDON} run --pty -- {PTY} /bin/sh -c "
        for script in (run + "'exit 1'", run + "'kill -9 $PPID'",
                       f"{CORDON} run --pty --timeout 300 -- {PTY} sleep 600",
                       "sh -c 'echo $$; exec " + run + "\"echo up; read x\"'"):
            with self.subTest(script=script):
                terminal = Terminal(24, 80, "/bin/sh", "-c", shell.format(script))
                if "echo up" in script:
                    terminal.wait_for(b"\r\nup")
                    os.kill(self.pid_of_run(terminal.pid), signal.SIGTERM)
                terminal.wait_for(b"same")
                self.assertEqual(terminal.end(), 0)

    def pid_of_run(self, shell):
        """The one child of the shell in the terminal."""
        with open(f"/proc/{shell}/task/{shell}/children") as file:
            return int(file.read().split()[0])

    @HAS_PTY
    def test_programs_that_use_the_whole_screen(self):
        for name, quit in (("vi", b":q!\r"), ("top", b"q")):
            if shutil.which(name) is None:
                continue
            with self.subTest(name=name):
                terminal = Terminal(24, 80, "env", "TERM=xterm", CORDON, "run", "--pty", "--", PTY, name)
                terminal.wait_for(b"\x1b[")
                while select.select([terminal.master], [], [], 0.5)[0]:  # it has drawn itself
                    terminal.read()
                terminal.type(quit)
                self.assertEqual(terminal.end(), 0)


if __name__ == "__main__":
    unittest.main()
