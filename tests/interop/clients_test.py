"""The clients of fifteen lines, and the tray with its tool."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import unittest

import kit
from kit import SOURCE

PYTHON = [sys.executable, str(SOURCE / "examples/python/client.py")]
NODE = ["node", str(SOURCE / "examples/node/client.js")]
TRAY = kit.BUILD / "examples/tray"
TRAYCTL = kit.BUILD / "examples/trayctl"

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


@unittest.skipUnless(TRAY.exists(), "examples/tray was not built: no jansson")
class Tray(kit.Case):
    def setUp(self):
        super().setUp()
        self.tray = self.start(TRAY, self.dir, stdout=subprocess.PIPE)
        self.assertEqual(self.tray.stdout.readline(), b"ready\n")

    def ctl(self, *words):
        done = subprocess.run([TRAYCTL, *words], capture_output=True, text=True,
                              timeout=kit.PATIENCE, env=dict(os.environ, TRAY_DIR=self.dir))
        return kit.Result(done.returncode, done.stdout, done.stderr)

    def told(self, *words):
        result = self.ctl(*words)
        self.assertEqual(result.status, 0, result.err)
        return json.loads(result.out)

    def refused(self, text, *words):
        result = self.ctl(*words)
        self.assertEqual((result.status, result.out), (1, ""))
        self.assertIn(text, result.err)

    def test_status_pause_and_resume(self):
        self.assertEqual(self.told("status"), {"paused": False, "seconds_left": 0})
        paused = self.told("pause", "60")
        self.assertTrue(paused["paused"])
        self.assertIn(paused["seconds_left"], range(30, 61))
        self.assertTrue(self.told("status")["paused"])
        self.assertEqual(self.told("resume"), {"paused": False, "seconds_left": 0})

    def test_a_pause_is_clamped(self):
        self.assertIn(self.told("pause", "-5")["seconds_left"], (0, 1))
        self.assertIn(self.told("pause", "999999999")["seconds_left"], range(86000, 86401))

    def test_settings_are_read_and_written(self):
        self.assertEqual(self.told("settings", "get", "volume"), {"volume": 50})
        self.assertEqual(self.told("settings", "set", "volume", "30"), {"volume": 30})
        self.assertEqual(self.told("settings", "set", "greeting", '"gr\u00fc\u00df"'),
                         {"greeting": "gr\u00fc\u00df"})
        shown = self.told("settings")
        self.assertEqual((shown["volume"], shown["greeting"]), (30, "gr\u00fc\u00df"))

    def test_numbers_are_clamped(self):
        for given, stands in ((101, 100), (-1, 0), (9223372036854775807, 100), (55, 55)):
            with self.subTest(given=given):
                self.assertEqual(self.told("settings", "set", "volume", str(given)),
                                 {"volume": stands})

    def test_the_denied_settings_are_neither_written_nor_shown(self):
        for name in ("update_url", "account_key"):
            with self.subTest(name=name):
                self.refused("not for the line", "settings", "set", name, '"https://evil.example"')
                self.refused("not for the line", "settings", "get", name)
                self.assertNotIn(name, self.told("settings"))

    def test_unknown_and_misfit_settings_are_refused(self):
        self.refused("no such setting", "settings", "set", "colour", "1")
        self.refused("no such setting", "settings", "get", "")
        for name, value in (("volume", '"loud"'), ("volume", "1.5"), ("notifications", "1"),
                            ("greeting", json.dumps("x" * 201)), ("greeting", "null")):
            with self.subTest(name=name, value=value):
                self.refused("does not fit", "settings", "set", name, value)

    def test_all_changes_stand_or_none(self):
        request = {"do": "settings", "set": {"volume": 1, "update_url": "x", "notifications": False}}
        self.assertEqual(self.ask_json(request)["code"], 258)
        self.assertEqual(self.told("settings", "get", "volume"), {"volume": 50})
        request["set"].pop("update_url")
        self.assertEqual(self.ask_json(request)["data"], {"volume": 1, "notifications": False})

    def test_requests_that_make_no_sense(self):
        for request, code in ((1, 256), ([], 256), ({}, 256), ({"do": 5}, 256),
                              ({"do": "explode"}, 257), ({"do": "pause"}, 256),
                              ({"do": "pause", "seconds": "60"}, 256),
                              ({"do": "settings", "get": 5}, 256),
                              ({"do": "settings", "set": 5}, 256),
                              ({"do": "settings", "get": "volume", "set": {}}, 256)):
            with self.subTest(request=request):
                self.assertEqual(self.ask_json(request)["code"], code)
        for body in (b"", b"{", b"\0", b'{"do":"status","do":"resume"}', b"[" * 5000):
            with self.subTest(body=body[:40]):
                self.assertEqual(self.cordon("call", "-", app="tray", send=body).status, 1)
        self.assertFalse(self.told("status")["paused"])

    def test_scripts_and_programs_get_the_same(self):
        request = '{"do": "settings"}'
        told = self.told("settings")
        for client in (PYTHON, NODE):
            if shutil.which(client[0]):
                done = subprocess.run([*client, self.address, self.token_file, request],
                                      capture_output=True, timeout=kit.PATIENCE, check=True)
                self.assertEqual(json.loads(done.stdout), told)
        self.assertEqual(json.loads(self.cordon("call", request, app="tray").out), told)

    def test_wrong_words_are_usage(self):
        for words in ([], ["pause"], ["pause", "1", "2"], ["settings", "set", "volume"],
                      ["settings", "set", "volume", "{"], ["status", "now"]):
            if words != ["pause"]:
                self.assertEqual(self.ctl(*words).status, 2, words)

    def test_it_ends_cleanly(self):
        self.tray.send_signal(signal.SIGTERM)
        self.assertEqual(self.tray.wait(kit.PATIENCE), 0)
        self.assertEqual(sorted(os.listdir(self.dir)), ["ipc.lock"])
        self.refused("not running", "status")

    def test_a_client_that_stays_does_not_keep_it(self):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self.address)
            self.tray.send_signal(signal.SIGINT)
            self.assertEqual(self.tray.wait(kit.PATIENCE), 0)

    def test_the_tool_is_short(self):
        self.assertLess(line_count(SOURCE / "examples/tray/trayctl.c"), 80)


if __name__ == "__main__":
    kit.main()
