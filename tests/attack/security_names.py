#!/usr/bin/env python3
"""Every test that docs/security.md names exists and is run."""
import os
import pathlib
import re
import sys

root = pathlib.Path(os.environ["CORDON_SOURCE"])
page = (root / "docs/security.md").read_text()
named = set()
for row in page.splitlines():
    cells = row.split(" | ")
    if row.startswith("| ") and len(cells) == 2:
        named.update(re.findall(r"`([a-z][a-z0-9_]{12,})`", cells[-1]))

written = {}
for path in (root / "tests").rglob("*_test.*"):
    text = path.read_text()
    for name in re.findall(r"^(?:static void |    def )([a-z]\w+)\(", text, re.M):
        # defined, and somewhere else named as a test (Python's need no list)
        is_run = path.suffix == ".py" or len(re.findall(rf"\b{name}\b", text)) > 1
        written[name] = written.get(name, False) or is_run

missing = sorted(name for name in named if not written.get(name))
for name in missing:
    print(f"docs/security.md names {name}: no such test is run")
print(f"{len(named)} tests named, {len(missing)} missing")
sys.exit(1 if missing or len(named) < 60 else 0)
