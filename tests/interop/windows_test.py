"""What the command is on Windows alone: its places, and how its programs end with it."""
import json
import os
import subprocess

import kit
from kit import CORDON
from puppet_test import Family


class Ends(Family):
    def test_when_the_server_is_killed(self):
        server = self.serve_family("--timeout", "none")
        self.client("--timeout", "none")
        self.check_all_there()
        server.kill()
        self.check_ended()


class Places(kit.Case):
    def test_path_tells_all_places(self):
        lines = self.cordon("path").out.decode().splitlines()
        places = dict(line.split(": ", 1) for line in lines)
        self.assertEqual(list(places), ["directory", "address", "token", "lock", "start-lock"])
        self.assertRegex(places["address"], r"^\\\\\.\\pipe\\interop-[A-Za-z0-9_-]+-[0-9a-f]{8}$")
        tag = places["address"][-8:]
        for key, name in (("token", f"ipc-{tag}-token"), ("lock", f"ipc-{tag}.lock"),
                          ("start-lock", f"ipc-{tag}.start")):
            self.assertEqual(places[key], places["directory"] + "\\" + name)
        self.assertEqual(json.loads(self.cordon("path", "--json").out), places)

    def test_a_variable_for_the_name_of_the_user_changes_nothing(self):
        changed = dict(os.environ, USERNAME="mallory", LOCALAPPDATA="C:\\mallory")
        for where in ([], ["--dir", kit.native(self.dir)]):
            line = [CORDON, "path", kit.APP, *where]
            told = [subprocess.run(line, capture_output=True, timeout=kit.PATIENCE, env=env).stdout
                    for env in (None, changed)]
            self.assertTrue(told[0])
            self.assertEqual(told[0], told[1])


if __name__ == "__main__":
    kit.main()
