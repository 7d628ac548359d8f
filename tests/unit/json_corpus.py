#!/usr/bin/env python3
"""json_corpus.py VERDICT   our verdict on the texts of tests/json against Python's

VERDICT is the program json_verdict. Python's json is made strict: no NaN, no broken
UTF-8, no lone surrogates.
"""
import json
import os
import pathlib
import subprocess
import sys

AT_LEAST = 300
LINES = 3000  # enough for the deepest text that Python may read

# Where Python decides otherwise, and why we do not follow.
DIFFERENCES = {
    "n_depth_65_arrays": "our limit is 64 levels; the RFC allows limits",
    "n_depth_65_objects": "likewise",
    "n_depth_65_mixed": "likewise",
    "n_depth_65_second": "likewise",
    "n_depth_500": "likewise",
}


def refuse(word):
    raise ValueError(word)


def is_good_to_python(data):
    try:
        # Numbers stay texts: we keep them as sent, too. Pairs: no member is lost.
        value = json.loads(data.decode("utf-8", "strict"), parse_constant=refuse, parse_int=str,
                           parse_float=str, object_pairs_hook=list)
        repr(value)  # as deep as it was read
        left = [value]
        while left:
            item = left.pop()
            if isinstance(item, str):
                item.encode("utf-8", "strict")  # a lone surrogate cannot be
            elif isinstance(item, (list, tuple)):
                left += item
        return True
    except (ValueError, RecursionError):
        return False


def ours(program, files):
    names = "".join(f"{file}\n" for file in files)
    result = subprocess.run([program], input=names, text=True, capture_output=True, check=True)
    return [line.startswith("y ") for line in result.stdout.splitlines()]


def main():
    sys.setrecursionlimit(LINES)
    folder = pathlib.Path(os.environ["CORDON_SOURCE"]) / "tests/json"
    files = sorted(folder.glob("*.json"))
    verdicts = ours(sys.argv[1], files)
    wrong = []
    if len(files) < AT_LEAST or len(verdicts) != len(files):
        wrong.append(f"{len(files)} texts, {len(verdicts)} verdicts, at least {AT_LEAST} expected")
    seen = set()
    for file, is_good in zip(files, verdicts):
        agrees = is_good == is_good_to_python(file.read_bytes())
        if not agrees:
            seen.add(file.stem)
        if agrees == (file.stem in DIFFERENCES):
            wrong.append(f"{file.stem}: Python " + ("agrees now" if agrees else "decides otherwise"))
    wrong += [f"{name}: no such text" for name in set(DIFFERENCES) - seen - {f.stem for f in files}]
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(files)} texts, {sum(verdicts)} of them good, {len(seen)} justified differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
