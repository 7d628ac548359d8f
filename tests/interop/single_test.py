"""examples/single: a program that runs once, and what its other starts hand to it."""
import os
import re
import subprocess
import unittest

import kit
from kit import CORDON

SINGLE = kit.program("examples", "single")[0]
STARTS = 8 if kit.IS_WINDOWS else 50


@unittest.skipUnless(os.path.exists(SINGLE), "examples/single is not built")
class Single(kit.Case):
    def single(self, *files, where=None, token=None):
        more = {} if token is None else {"XDG_ACTIVATION_TOKEN": token}
        return self.start(SINGLE, "--dir", kit.native(self.dir), *files, cwd=where or self.dir,
                          env={**os.environ, **more}, stdout=subprocess.PIPE, encoding="utf-8")

    def end_single(self, first):
        """Stopped as any server: all that it said."""
        done = subprocess.run([CORDON, "stop", "single", "--dir", kit.native(self.dir)],
                              capture_output=True, timeout=kit.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = first.stdout.read()
        self.assertEqual(first.wait(kit.PATIENCE), 0)
        return said

    def test_names_are_relative_to_where_the_other_was_started(self):
        below = self.path("below")
        os.mkdir(below)
        first = self.single("a.txt")
        self.assertTrue(first.stdout.readline().strip().endswith("/a.txt"))
        second = self.single("b.txt", "gr\u00fc\u00df e.txt", where=below, token="front 1")
        self.assertEqual(second.communicate(timeout=kit.PATIENCE)[0].strip(), "opened 2")
        self.assertEqual(second.returncode, 0)
        said = self.end_single(first).splitlines()
        self.assertEqual(said[0].strip(), "come to the front with front 1")
        self.assertRegex(said[1], r"^open .*[/\\]below/b\.txt\s*$")
        self.assertRegex(said[2], "^open .*[/\\\\]below/gr\u00fc\u00df e\\.txt\\s*$")
        self.assertEqual(len(said), 3)

    def test_first_starts_at_once_end_with_one_that_opens_all(self):
        starts = [self.single(f"{number}.txt") for number in range(STARTS)]
        firsts = []
        for start in starts:
            line = start.stdout.readline().strip()
            if line == "opened 1":
                start.communicate(timeout=kit.PATIENCE)
                self.assertEqual(start.returncode, 0)
            else:
                firsts.append((start, line))
        self.assertEqual(len(firsts), 1)
        said = firsts[0][1] + "\n" + self.end_single(firsts[0][0])
        opened = sorted(int(number) for number in re.findall(r"(\d+)\.txt", said))
        self.assertEqual(opened, list(range(STARTS)))


if __name__ == "__main__":
    kit.main()
