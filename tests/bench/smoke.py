"""The benchmark still runs, and tells no figure that is wrong: one short round of all peers, and
what it must refuse."""

import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = sys.argv.pop()


def drive(*options, spoil=None, peers=None):
    """(exit status, what it said); peers: a table of its own."""
    environment = dict(os.environ)
    if spoil is not None:
        environment["BENCH_SPOIL"] = spoil
    with tempfile.NamedTemporaryFile("w") as table:
        if peers is not None:
            table.write(peers)
            table.flush()
            options = ("--peers", table.name, *options)
        done = subprocess.run(
            [sys.executable, "-B", os.path.join(HERE, "drive.py"), PROGRAMS, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    return done.returncode, done.stdout, done.stderr


BRIEF = ("--rounds", "1", "--ms", "5", "--no-counts", "--same-core")
RAW = "raw bench_server_raw bench_client_raw -pipe -active -idle\n"


class Bench(unittest.TestCase):
    def test_every_peer_has_a_figure_in_every_mode(self):
        status, said, trouble = drive(*BRIEF)
        self.assertEqual(status, 0, trouble)
        for mode in ("rtt 64 B", "rtt 16 MiB", "pipe 64 B", "active 64 B", "bulk 1 MiB", "cycle 64 B"):
            self.assertRegex(said, f"(?m)^{mode} +\\S")

    def test_an_unknown_option_is_refused(self):
        status, said, trouble = drive("--fast")
        self.assertEqual((status, said), (2, ""))
        self.assertIn("--fast", trouble)

    def test_the_client_refuses_an_unknown_option_and_mode(self):
        for options in (["--fast", "1"], ["--mode"], ["--mode", "x", "--place", "/tmp", "--ms", "1"], ["--ms", "1x"]):
            done = subprocess.run(
                [os.path.join(PROGRAMS, "bench_client_raw"), *options], capture_output=True, text=True, check=False
            )
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertNotEqual(done.stderr, "")

    def test_a_peer_that_does_not_start_is_named(self):
        status, said, trouble = drive(*BRIEF, peers=RAW + "ghost bench_server_ghost bench_client_raw\n")
        self.assertEqual((status, said), (1, ""))
        self.assertIn("peer ghost does not start", trouble)

    def test_a_server_that_ends_at_once_is_named(self):
        status, said, trouble = drive(*BRIEF, peers=RAW + "dud bench_count bench_client_raw\n")
        self.assertEqual((status, said), (1, ""))
        self.assertIn("peer dud does not start", trouble)

    def test_a_wrong_byte_leaves_no_figure(self):
        for mode in ("rtt", "bulk", "cycle"):
            status, said, trouble = drive(*BRIEF, "--only", mode, spoil="2", peers=RAW)
            self.assertEqual((status, said), (1, ""))
            self.assertIn("peer raw", trouble)
            self.assertIn("wrong byte", trouble)

    def test_a_lost_reply_leaves_no_figure(self):
        status, said, trouble = drive(*BRIEF, "--only", "rtt", spoil="-2", peers=RAW)
        self.assertEqual((status, said), (1, ""))
        self.assertIn("the server has gone", trouble)


if __name__ == "__main__":
    unittest.main()
