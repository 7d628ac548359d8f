#!/usr/bin/env python3
"""Write the first corpus of the fuzz targets from tests/golden: run it after a change of the bytes.

The last byte of a seed for frame and gate is not of the conversation: see the targets."""
import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
CORPUS = TESTS / "fuzz" / "corpus"
WORD = re.compile(r"#[^\n]*|'([^']*)'|([0-9a-f]{2})")
SERVERS = ("welcome", "refused", "reply", "failure", "event", "pong")


def golden():
    """Name and bytes of each."""
    for path in sorted((TESTS / "golden").glob("*.hex")):
        found = WORD.finditer(path.read_text())
        yield path.stem, b"".join(text.encode() if text is not None else bytes.fromhex(digits or "")
                                  for text, digits in (word.groups() for word in found))


def save(target, name, data):
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    (CORPUS / target / name).write_bytes(data)


def main():
    frames = dict(golden())
    magic, hello, control = frames["opening"][:4], frames["hello"], frames["hello_control"]
    for name, data in frames.items():
        if name.startswith("line_"):
            save("json", name, data.rstrip(b"\n"))
            save("gate", name, data + b"\0")
            continue
        is_server = name.startswith(SERVERS)
        save("frame", name, data + (b"\0" if is_server else b"\1"))
        if not is_server:
            save("gate", name, magic + hello + data + b"\0")
            save("gate", name + "_control", magic + control + data + b"\0")
    save("frame", "all_client", b"".join(data for name, data in frames.items()
         if not name.startswith(("line_", "opening", *SERVERS))) + b"\x07")
    line = frames["line_request_id"]
    save("gate", "blank_4096", b" " * 4096 + line + b"\0")
    save("gate", "blank_4097", b" " * 4097 + line + b"\0")
    fill = b'"' + b"x" * (4096 - len(line) + 1 - 2) + b'"'  # a line of 4,096 bytes, its end beside
    long = line.replace(b'"request":', b'"fill":' + fill + b',"request":')
    over = len(long) - 1 - 4096
    save("gate", "line_4096", long.replace(b"x" * over, b"", 1) + b"\xf8")
    save("gate", "line_4097", long.replace(b"x" * (over - 1), b"", 1) + b"\xf8")
    save("gate", "two_lines", frames["line_request_id"] + frames["line_request"] + b"\x0b")
    return 0


sys.exit(main())
