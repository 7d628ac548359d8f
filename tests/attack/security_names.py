#!/usr/bin/env python3
"""Every test that docs/security.md names exists and is run, on the system it is named for.

A row of two cells names tests that run on Linux. One of three, in the section on Windows, says
where its tests run: "under Wine" and "by review" (they are skipped there) as Windows programs.
"""
import os
import pathlib
import re
import sys

root = pathlib.Path(os.environ["CORDON_SOURCE"])
PLACES = {"on Linux": "linux", "under Wine": "windows", "by review": "windows"}


def name_of_program(path):
    """As CMake calls it: unit_frame of unit/frame_test.c, life_start_test as it is."""
    subject = path.stem.removesuffix("_test")
    return {f"{path.parent.name}_{subject}", subject, path.stem}


def systems_of(path, left_out):
    """Where the programs with this file are built."""
    if path.stem.startswith(("win32_", "win_")):
        return {"windows"}
    if path.stem.endswith("_posix") or name_of_program(path) & left_out:
        return {"linux"}
    return {"linux", "windows"}


def is_run(name, path, text):
    """Defined, and somewhere else named as a test (Python's need no list)."""
    return path.suffix == ".py" or len(re.findall(rf"\b{name}\b", text)) > 1


def tests_by_name():
    """Of each test, where it is run."""
    listed = (root / "tests/not_on_windows.txt").read_text()
    left_out = set(re.findall(r"^([a-z]\w*)", listed, re.M))
    found = {}
    files = list((root / "tests").rglob("*_test.*"))
    files += (root / "tests").rglob("*_posix.c")
    files += [root / "tests/contract" / name for name in ("common_place.c", "common_line.c")]
    for path in files:
        text = path.read_text()
        for name in re.findall(r"^(?:static void |    def )([a-z]\w+)\(", text, re.M):
            if is_run(name, path, text):
                found.setdefault(name, set()).update(systems_of(path, left_out))
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
    found = tests_by_name()
    made = list(claims())
    wrong = sorted({(name, place) for name, place in made if place not in found.get(name, ())})
    for name, place in wrong:
        print(f"docs/security.md names {name} ({place}): no such test is run there")
    count = {place: sum(1 for _, where in made if where == place) for place in ("linux", "windows")}
    print(f"{count['linux']} named for Linux, {count['windows']} for Windows, {len(wrong)} missing")
    return 1 if wrong or count["linux"] < 60 or count["windows"] < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
