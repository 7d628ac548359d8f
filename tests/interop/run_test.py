"""cordon run: a child with a channel. What needs shells and terminals is in terminal_test."""
import os
import unittest

import kit
from kit import CORDON, PUPPET_NATIVE
from puppet_test import puppet


class Child(kit.Case):
    def run_child(self, *words, send=b"", command):
        done = kit.run([CORDON, "run", *words, "--", *command], send)
        return kit.Result(done.returncode, done.stdout, done.stderr.decode())


class Run(Child):
    def run_puppet(self, *words, options=(), **how):
        return self.run_child(*options, command=[PUPPET_NATIVE, *words], **how)

    def check_said(self, result, *lines):
        self.assertEqual((result.status, result.out), (0, b"".join(line + b"\n" for line in lines)),
                         result.err)

    def test_the_status_is_the_childs(self):
        for status in (0, 3, 42):
            with self.subTest(status=status):
                result = self.run_puppet("fail", str(status), "for no reason")
                self.assertEqual((result.status, result.out, result.err.strip()),
                                 (status, b"", "for no reason"))

    def test_the_message_is_the_go_signal_and_what_the_child_says_is_printed(self):
        self.check_said(self.run_puppet("echo", options=["--message", "hello"]), b"hello")
        self.check_said(self.run_puppet("echo"), b"")

    def test_a_message_from_standard_input_of_any_bytes(self):
        body = bytes(range(256)) * 100
        self.check_said(self.run_puppet("echo", options=["--message", "-"], send=body), body)

    def test_what_waits_for_ever_is_ended_at_the_deadline(self):
        key = os.path.basename(self.dir) if kit.IS_WINDOWS else self.dir
        result = self.run_puppet("family", key, "1", options=["--timeout", "2000"])
        self.check_error(result, 5, "the deadline passed")
        self.assertEqual(puppet("alive", key)[1].strip(), b"0")

    def test_files_go_to_the_child(self):
        names = [self.path("one"), self.path("gr\u00fc\u00df e")]
        options, lines = ["--message", "x"], []
        for name in names:
            with open(name, "wb") as file:
                file.write(b"of " + os.path.basename(name).encode())
            options += ["--fd", kit.native(name)]
            lines.append(f"{kit.native(name)}: of {os.path.basename(name)}".encode())
        self.check_said(self.run_puppet("files", str(len(names)), options=options), *lines)

    def test_a_file_that_does_not_open_starts_no_child(self):
        none = kit.native(self.path("none"))
        result = self.run_puppet("say", "made", options=["--fd", none])
        self.check_error(result, 8, "open file", none)
        self.assertEqual(result.out, b"")

    def test_what_makes_no_sense(self):
        none = kit.native(self.path("none"))
        self.check_error(self.run_child(command=[none]), 9, none)
        for words in (("--dir", "/tmp"), ("--echo",), ("word",), ("--fd",)):
            with self.subTest(words=words):
                done = kit.run([CORDON, "run", *words])
                self.assertEqual(done.returncode, 2, done.stderr)


if __name__ == "__main__":
    kit.main()
