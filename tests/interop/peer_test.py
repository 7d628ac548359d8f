"""The command talks to a server that shares no line of code with it (peer.py)."""
import json
import os
import threading
import unittest

import kit
import peer


class Peers(kit.Case):
    def test_call_in_both_framings(self):
        with peer.Peer(self.dir) as served:
            for body in (b"", b"x", bytes(range(256)) * 250, b"\xc0CRD"):
                with self.subTest(size=len(body)):
                    self.assertEqual(self.cordon("call", "-", send=body).out, body)
            for body in ("null", "[1,2]", '"text"'):
                out = self.cordon("call", body, "--framing", "json").out
                self.assertEqual(json.loads(out), json.loads(body))
            self.assertEqual(served.requests[1], b"x")

    def test_the_hello_is_as_documented(self):
        with peer.Peer(self.dir) as served:
            self.cordon("call", "x", "--max", "8192")
            self.cordon("status")
        told, control = served.hellos
        self.assertEqual((told.least, told.most, told.token), (1, 1, served.token))
        self.assertEqual(told.largest, 8192)
        self.assertRegex(told.program, r"^cordon \d")
        self.assertEqual((control.least, control.most), (0, 0), "status is a control session")

    def test_a_json_request_is_sent_as_typed(self):
        typed = '{"a":1e400,  "b" : 0.10, "c":"\\u00e4"}'
        with peer.Peer(self.dir) as served:
            served.on_json = lambda s, stream, line: s.answer_json(stream, line, ok=True, data=None)
            self.assertEqual(self.cordon("call", typed, "--framing", "json").status, 0)
            self.assertIn(typed.encode(), served.received)

    def test_cat_puts_replies_in_order(self):
        """Answers to groups of four come in reverse."""
        waiting = []

        def reverse(served, stream, number, body):
            waiting.append((number, body))
            if len(waiting) == 4:
                for number, body in reversed(waiting):
                    stream.sendall(peer.frame(peer.REPLY, body.upper(), number))
                waiting.clear()

        with peer.Peer(self.dir) as served:
            served.on_request = reverse
            lines = b"".join(b"line %d\n" % i for i in range(40))
            result = self.cordon("cat", send=lines)
        self.assertEqual((result.status, result.out), (0, lines.upper()), result.err)

    def test_cat_in_json_lines_puts_replies_in_order(self):
        waiting = []

        def reverse(served, stream, line):
            waiting.append(line)
            if len(waiting) == 2:
                for line in reversed(waiting):
                    served.answer_json(stream, line, ok=True, data=line["request"])
                waiting.clear()

        with peer.Peer(self.dir) as served:
            served.on_json = reverse
            lines = b"".join(b"%d\n" % i for i in range(10))
            result = self.cordon("cat", "--framing", "json", send=lines)
        self.assertEqual((result.status, result.out), (0, lines), result.err)

    def test_a_reply_in_parts_is_put_together(self):
        def parts(served, stream, number, body):
            for part in (b"one ", b"two "):
                stream.sendall(peer.frame(peer.REPLY, part, number, peer.MORE))
            stream.sendall(peer.frame(peer.REPLY, b"three", number))

        with peer.Peer(self.dir) as served:
            served.on_request = parts
            self.assertEqual(self.cordon("cat", send=b"x\n").out, b"one two three\n")

    def test_a_reply_that_comes_byte_by_byte(self):
        def slowly(served, stream, number, body):
            for byte in peer.frame(peer.REPLY, body, number):
                stream.sendall(bytes([byte]))

        with peer.Peer(self.dir) as served:
            served.on_request = slowly
            self.assertEqual(self.cordon("call", "piece by piece").out, b"piece by piece")

    def test_status_stop_and_token(self):
        with peer.Peer(self.dir) as served:
            told = json.loads(self.cordon("status", "--json").out)
            self.assertEqual((told["program"], told["pid"]), ("peer.py 1", os.getpid()))
            self.assertIn(b"running: yes\n", self.cordon("status").out)
            self.assertEqual(self.cordon("token").out.decode(), served.token.hex() + "\n")
            self.assertEqual(self.cordon("stop").status, 0)
            self.assertTrue(served.stopped.wait(kit.PATIENCE))

    def test_stop_waits_until_it_has_gone(self):
        with peer.Peer(self.dir) as served:
            served.withdraw, later = (lambda: None), served.withdraw
            timer = threading.Timer(0.3, later)
            timer.start()
            result = self.cordon("stop")
            self.assertFalse(os.path.exists(self.address), "it returned when it had gone")
            timer.join()
            self.assertEqual(result.status, 0, result.err)

    def test_stop_ends_at_its_deadline_when_it_stays(self):
        with peer.Peer(self.dir) as served:
            served.withdraw, later = (lambda: None), served.withdraw
            self.check_error(self.cordon("stop", "--timeout", "200"), 5)
            served.withdraw = later

    def test_status_that_is_no_status(self):
        for text in (b"", b"[]", b'{"a":', b"x", b'{"a":{}}', b"\x1b[2J"):
            with self.subTest(text=text):
                def lie(served, stream, hello, text=text):
                    stream.sendall(served.welcome(hello))
                    _, number, _ = served.read_frame(stream)
                    stream.sendall(peer.frame(peer.REPLY, text, number))
                    return False

                with peer.Peer(self.dir) as served:
                    served.on_hello = lie
                    result = self.cordon("status")
                self.check_error(result, 6, "protocol")
                self.assertNotIn(b"\x1b", result.out)

    def test_the_token_is_read_again_when_the_server_has_a_new_one(self):
        """A server that came back between our look at the token and our hello."""
        with peer.Peer(self.dir) as served:
            old = served.token

            def renew(served, stream, hello):
                if len(served.hellos) > 1:
                    return True
                served.token = bytes(32)
                with open(served.token_file, "w") as file:
                    file.write(served.token.hex())
                return True

            served.on_hello = renew
            result = self.cordon("call", "x")
        self.assertEqual((result.status, result.out), (0, b"x"), result.err)
        self.assertEqual([hello.token for hello in served.hellos], [old, bytes(32)])

    def test_busy_at_the_door_is_tried_again(self):
        def first_busy(served, stream, hello):
            if len(served.hellos) > 2:
                return True
            served.refuse(stream, peer.BUSY, b"full")
            return False

        with peer.Peer(self.dir) as served:
            served.on_hello = first_busy
            self.assertEqual(self.cordon("call", "x").out, b"x")
        self.assertEqual(len(served.hellos), 3)

    def test_a_json_failure(self):
        table = [("BUSY", 5), ("TIMED_OUT", 5), ("INTERNAL", 1), (300, 1), ("TOO_LARGE", 2)]
        for code, status in table:
            with self.subTest(code=code):
                def fail(served, stream, line, code=code):
                    served.answer_json(stream, line, ok=False, error="so there", code=code)

                with peer.Peer(self.dir) as served:
                    served.on_json = fail
                    result = self.cordon("call", "1", "--framing", "json")
                self.check_error(result, status)
                self.assertIn("so there", result.err)

    def test_json_that_is_none(self):
        for text in (b"{}\n", b"[]\n", b"ok\n", b'{"ok":true}\n', b'{"ok":true,"data":01}\n'):
            with self.subTest(text=text):
                with peer.Peer(self.dir) as served:
                    served.on_json = lambda s, stream, line, text=text: stream.sendall(text)
                    self.check_error(self.cordon("call", "1", "--framing", "json"), 6, "protocol")


if __name__ == "__main__":
    kit.main()
