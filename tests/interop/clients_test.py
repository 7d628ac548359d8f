"""The clients of fifteen lines."""
import json
import shutil
import subprocess
import sys
import unittest

import kit
from kit import SOURCE

PYTHON = [sys.executable, str(SOURCE / "examples/python/client.py")]
NODE = ["node", str(SOURCE / "examples/node/client.js")]

REQUESTS = [None, True, 0, -1.5, "", "text \u00e4\u4f60\U0001f600 \" \\ \n \0", [], {},
            {"do": "x", "list": [1, 2, {"deep": [None]}]}]


def line_count(path):
    with open(path) as file:
        return sum(1 for _ in file)


class Clients(kit.Case):
    def ask(self, client, request):
        done = subprocess.run([*client, self.address, self.token_file, request],
                              capture_output=True, text=True, timeout=kit.PATIENCE)
        return kit.Result(done.returncode, done.stdout, done.stderr)

    def check_echo(self, client):
        self.serve_echo()
        for request in REQUESTS:
            with self.subTest(request=request):
                result = self.ask(client, json.dumps(request))
                self.assertEqual(result.status, 0, result.err)
                self.assertEqual(json.loads(result.out), request)

    def check_failure(self, client):
        self.serve_shell("echo sorry >&2; exit 3")
        result = self.ask(client, "1")
        self.assertEqual(result.status, 1)
        self.assertIn("259: sorry", result.err)

    def test_python_talks_to_cordon(self):
        self.check_echo(PYTHON)

    def test_python_hears_of_a_failure(self):
        self.check_failure(PYTHON)

    @unittest.skipUnless(shutil.which("node"), "no node here")
    def test_node_talks_to_cordon(self):
        self.check_echo(NODE)

    @unittest.skipUnless(shutil.which("node"), "no node here")
    def test_node_hears_of_a_failure(self):
        self.check_failure(NODE)

    def test_a_large_request_and_reply(self):
        self.serve_echo()
        text = json.dumps("x" * 60000)
        self.assertEqual(json.loads(self.ask(PYTHON, text).out), "x" * 60000)

    def test_they_have_fifteen_lines(self):
        self.assertLessEqual(line_count(PYTHON[1]), 15)
        self.assertLessEqual(line_count(NODE[1]), 15)


if __name__ == "__main__":
    kit.main()
