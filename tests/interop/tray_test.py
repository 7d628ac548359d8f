"""The tray and its tool."""
import json
import os
import shutil
import signal
import socket
import subprocess
import unittest

import kit
from clients_test import NODE, PYTHON, line_count
from kit import SOURCE

TRAY = kit.program("examples", "tray")[0]
TRAYCTL = kit.program("examples", "trayctl")[0]


@unittest.skipUnless(kit.built_at("examples", "tray").exists(), "examples/tray was not built: no jansson")
class Tray(kit.Case):
    def setUp(self):
        super().setUp()
        self.tray = self.start(TRAY, kit.native(self.dir), stdout=subprocess.PIPE)
        self.assertEqual(self.tray.stdout.readline().rstrip(), b"ready")

    def ctl(self, *words):
        done = kit.run([TRAYCTL, *words], env=dict(os.environ, TRAY_DIR=kit.native(self.dir)))
        return kit.Result(done.returncode, done.stdout.decode(), done.stderr.decode())

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
        self.assertEqual(self.ask_json(request, app="tray")["code"], 258)
        self.assertEqual(self.told("settings", "get", "volume"), {"volume": 50})
        request["set"].pop("update_url")
        self.assertEqual(self.ask_json(request, app="tray")["data"], {"volume": 1, "notifications": False})

    def test_requests_that_make_no_sense(self):
        for request, code in ((1, 256), ([], 256), ({}, 256), ({"do": 5}, 256),
                              ({"do": "explode"}, 257), ({"do": "pause"}, 256),
                              ({"do": "pause", "seconds": "60"}, 256),
                              ({"do": "settings", "get": 5}, 256),
                              ({"do": "settings", "set": 5}, 256),
                              ({"do": "settings", "get": "volume", "set": {}}, 256)):
            with self.subTest(request=request):
                self.assertEqual(self.ask_json(request, app="tray")["code"], code)
        for body in (b"", b"{", b"\0", b'{"do":"status","do":"resume"}', b"[" * 5000):
            with self.subTest(body=body[:40]):
                self.assertEqual(self.cordon("call", "-", app="tray", send=body).status, 1)
        self.assertFalse(self.told("status")["paused"])

    def test_scripts_and_programs_get_the_same(self):
        request = '{"do": "settings"}'
        told = self.told("settings")
        for client in (PYTHON, NODE):
            if shutil.which(client[0]) and not kit.IS_WINDOWS:
                done = subprocess.run([*client, self.address, self.token_file, request],
                                      capture_output=True, timeout=kit.PATIENCE, check=True)
                self.assertEqual(json.loads(done.stdout), told)
        self.assertEqual(json.loads(self.cordon("call", request, app="tray").out), told)

    def test_wrong_words_are_usage(self):
        for words in ([], ["pause"], ["pause", "1", "2"], ["settings", "set", "volume"],
                      ["settings", "set", "volume", "{"], ["status", "now"]):
            if words != ["pause"]:
                self.assertEqual(self.ctl(*words).status, 2, words)

    @unittest.skipIf(os.name == "nt", "Ctrl-C goes to a whole console, and Ctrl-Break it does not take")
    def test_it_ends_cleanly(self):
        kit.ask_to_end(self.tray)
        self.assertEqual(self.tray.wait(kit.PATIENCE), 0)
        self.check_gone()
        self.refused("not running", "status")

    @kit.posix_only(kit.PEER)
    def test_a_client_that_stays_does_not_keep_it(self):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self.address)
            self.tray.send_signal(signal.SIGINT)
            self.assertEqual(self.tray.wait(kit.PATIENCE), 0)

    def test_the_tool_is_short(self):
        self.assertLess(line_count(SOURCE / "examples/tray/trayctl.c"), 80)


if __name__ == "__main__":
    kit.main()
