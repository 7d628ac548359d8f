#!/usr/bin/env python3
"""Every test that docs/security.md names exists and is run, on the system it is named for.

A row of two cells names tests that run on Linux. One of three, in the section on Windows, says
where its tests run: "under Wine", or "by review": as Windows programs that are SKIPPED under Wine.
Which those are is seen in their text. With an argument, a file with the names of what a run under
Wine has left out, it is seen there too.
"""
import os
import pathlib
import re
import sys

root = pathlib.Path(os.environ["CORDON_SOURCE"])
PLACES = {"on Linux": "linux", "under Wine": "wine", "by review": "windows alone"}


def name_of_program(path):
    """As CMake calls it: unit_frame of unit/frame_test.c, life_start_test as it is."""
    subject = path.stem.removesuffix("_test")
    return {f"{path.parent.name}_{subject}", subject, path.stem}


def systems_of(path, left_out):
    """Where the programs with this file are built and run."""
    if path.stem.startswith(("win32_", "win_")):
        return {"wine"}
    if path.stem.endswith("_posix") or name_of_program(path) & left_out:
        return {"linux"}
    return {"linux", "wine"}


def words_that_need_windows():
    """What a test says that is left out under Wine."""
    words = {"SUPPORT_NEEDS_WINDOWS", "support_is_wine"}
    for path in (root / "tests").rglob("*.h"):
        words |= set(re.findall(r"^#define (\w+) +SUPPORT_NEEDS_WINDOWS\b", path.read_text(), re.M))
    return re.compile(r"\b(" + "|".join(words) + r")\b")


def needs_windows(name, text, words):
    body = re.search(rf"^static void {name}\(.*?^}}$", text, re.M | re.S)
    return body is not None and words.search(body[0]) is not None


def is_run(name, path, text):
    """Defined, and somewhere else named as a test (Python's need no list)."""
    return path.suffix == ".py" or len(re.findall(rf"\b{name}\b", text)) > 1


def tests_by_name(left_out_by_wine):
    """Of each test, where it is run."""
    words = words_that_need_windows()
    listed = (root / "tests/not_on_windows.txt").read_text()
    left_out = set(re.findall(r"^([a-z]\w*)", listed, re.M))
    found = {}
    files = list((root / "tests").rglob("*_test.*"))
    files += (root / "tests").rglob("*_posix.c")
    files += [root / "tests/contract" / name for name in ("common_place.c", "common_line.c")]
    for path in files:
        text = path.read_text()
        for name in re.findall(r"^(?:static void |    def )([a-z]\w+)\(", text, re.M):
            if not is_run(name, path, text):
                continue
            places = systems_of(path, left_out)
            if name in left_out_by_wine or needs_windows(name, text, words):
                places = {"windows alone" if place == "wine" else place for place in places}
            found.setdefault(name, set()).update(places)
    return found


def claims():
    """(test, where it is said to run)"""
    for row in (root / "docs/security.md").read_text().splitlines():
        cells = [cell.strip(" |") for cell in row.split(" | ")]
        if not row.startswith("| ") or len(cells) not in (2, 3):
            continue
        place = PLACES.get(cells[1]) if len(cells) == 3 else "linux"
        for name in re.findall(r"`([a-z][a-z0-9_]{12,})`", cells[-1]):
            yield name, place


def main():
    """0 when every claim has its test."""
    left_out = set(pathlib.Path(sys.argv[1]).read_text().split()) if len(sys.argv) > 1 else set()
    found = tests_by_name(left_out)
    made = list(claims())
    wrong = sorted({(name, place) for name, place in made if place not in found.get(name, ())})
    for name, place in wrong:
        there = ", ".join(sorted(found.get(name, {"no system"})))
        print(f"docs/security.md names {name} for {place}: it is run on {there}")
    count = {place: sum(1 for _, where in made if where == place) for place in PLACES.values()}
    print(", ".join(f"{count[place]} named for {place}" for place in count), f"{len(wrong)} wrong")
    return 1 if wrong or count["linux"] < 60 or count["wine"] < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
