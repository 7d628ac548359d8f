"""cordon cat: a request a line, a reply a line, in order, many under way."""
import json
import os
import subprocess
import unittest

import kit
from kit import CORDON
from serve_test import MEET


class Cat(kit.Case):
    def test_replies_come_in_the_order_of_the_lines(self):
        self.serve_echo()
        lines = b"".join(b"line %d\n" % i for i in range(20000))
        result = self.cordon("cat", send=lines)
        self.assertEqual(result.status, 0, result.err)
        self.assertTrue(result.out == lines)

    @kit.posix_only(kit.SHELL)
    def test_slow_replies_do_not_overtake(self):
        self.serve_shell('read -r n; sleep 0.$n; echo "$n"')
        self.assertEqual(self.cordon("cat", send=b"3\n2\n1\n0\n").out, b"3\n2\n1\n0\n")

    @kit.posix_only(kit.SHELL)
    def test_requests_are_under_way_together(self):
        """Each waits for all the others: this ends only if they are pipelined."""
        self.serve_shell(MEET, env=dict(os.environ, PLACE=self.dir, COUNT="8"))
        out = self.cordon("cat", send=b"".join(b"%d\n" % i for i in range(8))).out
        self.assertEqual(out, b"".join(b"met %d\n" % i for i in range(8)))

    def test_a_busy_server_gets_fewer_at_a_time(self):
        self.serve_puppet("cat", options=("--max-in-flight", "2"))
        lines = b"".join(b"%d\n" % i for i in range(60))
        result = self.cordon("cat", send=lines)
        self.assertEqual((result.status, result.out), (0, lines), result.err)

    def test_an_answer_comes_before_the_next_question_is_typed(self):
        self.serve_echo()
        client = self.start(CORDON, "cat", kit.APP, "--dir", kit.native(self.dir), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        for line in (b"one\n", b"two\n", b"\n", b"three\n"):
            client.stdin.write(line)
            client.stdin.flush()
            self.assertEqual(client.stdout.readline(), line)
        client.stdin.close()
        self.assertEqual(client.wait(kit.PATIENCE), 0)

    def test_lines_of_any_bytes(self):
        self.serve_echo()
        for send, out in [(b"", b""), (b"\n", b"\n"), (b"no end", b"no end\n"),
                          (b"a\0b\n\xff\xfe\r\n", b"a\0b\n\xff\xfe\r\n"), (b"\n\n\n", b"\n\n\n")]:
            with self.subTest(send=send):
                self.assertEqual(self.cordon("cat", send=send).out, out)

    @kit.posix_only(kit.SHELL)
    def test_a_reply_that_ends_its_line_gets_no_second_end(self):
        self.serve_shell("echo \"<$(cat)>\"")
        self.assertEqual(self.cordon("cat", send=b"a\nb\n").out, b"<a>\n<b>\n")

    @kit.posix_only(kit.SHELL)
    def test_a_failure_is_told_by_its_line_and_the_others_go_on(self):
        self.serve_shell('read -r n; [ "$n" != bad ] || { echo sorry >&2; exit 5; }; echo "$n"')
        result = self.cordon("cat", send=b"one\nbad\nthree\n")
        self.check_error(result, 1, "line 2", "failure 261")
        self.assertEqual(result.err.splitlines()[1], "sorry")
        self.assertEqual(result.out, b"one\nthree\n")

    def test_failures_as_json(self):
        self.serve_puppet("fail", "1", "why")
        told = json.loads(self.cordon("cat", "--json", send=b"x\n").err)
        self.assertEqual((told["app_code"], told["failure"], told["path"]), (257, "why", "line 1"))

    def test_a_line_over_the_servers_limit_is_an_error_and_the_others_go_on(self):
        self.serve("--echo", "--max", "5000")
        result = self.cordon("cat", send=b"one\n" + b"x" * 5001 + b"\nthree\n" + b"y" * 5000)
        self.check_error(result, 2, "over a size limit", "line 2")
        self.assertEqual(result.out, b"one\nthree\n" + b"y" * 5000 + b"\n")

    def test_a_line_over_the_largest_there_is(self):
        self.serve_echo()
        result = self.cordon("cat", send=b"one\n" + b"x" * ((64 << 20) + 1))
        self.check_error(result, 2, "over a size limit", "standard input")
        self.assertEqual(result.out, b"one\n")

    def test_large_lines_do_not_lock_each_other_out(self):
        self.serve("--echo", "--max", str(8 << 20))
        for size, count in ((60000, 300), (3 << 20, 8)):
            with self.subTest(size=size):
                lines = (b"x" * size + b"\n") * count
                result = self.cordon("cat", "--max", str(8 << 20), send=lines)
                self.assertEqual(result.status, 0, result.err)
                self.assertTrue(result.out == lines)

    @kit.posix_only(kit.SHELL)
    def test_small_questions_with_large_answers(self):
        self.serve_shell("head -c 900000 /dev/zero; cat")
        result = self.cordon("cat", send=b"".join(b"%d\n" % i for i in range(40)))
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(result.out.replace(b"\0", b""), b"".join(b"%d\n" % i for i in range(40)))

    def test_a_server_that_dies_is_an_error(self):
        server = self.serve_puppet("sleep")
        client = self.start(CORDON, "cat", kit.APP, "--dir", kit.native(self.dir), stdin=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
        client.stdin.write("one\n")
        client.stdin.close()
        kit.until(lambda: b"in_flight: 1" in self.cordon("status").out, "it is asked")
        server.kill()
        self.assertEqual(client.wait(kit.PATIENCE), 6)
        self.assertIn("went away", client.stderr.read())

    def test_a_deadline_when_told(self):
        self.serve_puppet("sleep")
        self.check_error(self.cordon("cat", "--timeout", "50", send=b"one\n"), 5)

    def test_json_lines(self):
        self.serve_puppet("cat")
        lines = b'{"n": 1}\n[0.10, 1e400]\n"text"\nnull\n'
        result = self.cordon("cat", "--framing", "json", send=lines)
        self.assertEqual((result.status, result.out), (0, lines), result.err)

    def test_a_reader_that_leaves_ends_it(self):
        self.serve_echo()
        client = self.start(CORDON, "cat", kit.APP, "--dir", kit.native(self.dir), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, restore_signals=False)
        client.stdout.close()
        client.stdin.write(b"one\n")
        client.stdin.close()
        self.assertEqual(client.wait(kit.PATIENCE), 8)


if __name__ == "__main__":
    kit.main()
