#!/usr/bin/env python3
"""Write the first corpus of the fuzz targets from tests/golden: run it after a change of the bytes.

The last byte of a seed for frame and gate is not of the conversation: see the targets."""
import pathlib
import re
import struct
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


def message(told, body, tag=7):
    """A frame of a channel that says it has so many handles."""
    return struct.pack("<IBBHII", 4 + len(body), 4, 0, told, 0, tag) + body


def act(data, handles=0):
    return bytes([len(data), handles]) + data


def channels():
    """How the peer begins, and what it does: see channel_fuzz.c."""
    one, none = message(1, b"one"), message(0, b"none")
    word = struct.pack("<IBBHI", 16, 10, 0, 0, 0) + bytes(16)
    yield "none", b"\1" + act(none) + act(none)
    yield "one", b"\1" + act(one, 1) + act(none)
    yield "one_to_a_child", b"\4" + act(one, 1) + act(one, 1)
    yield "sixteen", b"\1" + act(message(16, b""), 16)
    yield "twenty", b"\1" + act(message(16, b""), 20)
    yield "too_few", b"\1" + act(message(2, b"x"), 1)
    yield "too_many", b"\1" + act(one, 2)
    yield "unexpected", b"\1" + act(none, 1)
    yield "cut", b"\1" + act(one[:5], 1) + act(one[5:14]) + act(one[14:])
    yield "in_the_middle", b"\1" + act(one[:13], 1) + act(one[13:], 1)
    yield "two_in_one_send", b"\1" + act(none + one, 1)
    yield "credentials", b"\3" + act(none)
    yield "wrong_word", b"\0" + act(word) + act(none)
    yield "word_with_handle", b"\0" + act(word, 1)
    yield "no_word", b"\0" + act(none)
    yield "request", b"\1" + act(none[:8] + b"\1\0\0\0" + none[12:])
    yield "over_the_limit", b"\1" + act(struct.pack("<IBBHI", 4101, 4, 0, 0, 0))


def main():
    frames = dict(golden())
    magic, hello, control = frames["opening"][:4], frames["hello"], frames["hello_control"]
    for name, data in frames.items():
        if name.startswith("channel_"):
            continue
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
         if not name.startswith(("line_", "channel_", "opening", *SERVERS))) + b"\x07")
    line = frames["line_request_id"]
    save("gate", "blank_4096", b" " * 4096 + line + b"\0")
    save("gate", "blank_4097", b" " * 4097 + line + b"\0")
    fill = b'"' + b"x" * (4096 - len(line) + 1 - 2) + b'"'  # a line of 4,096 bytes, its end beside
    long = line.replace(b'"request":', b'"fill":' + fill + b',"request":')
    over = len(long) - 1 - 4096
    save("gate", "line_4096", long.replace(b"x" * over, b"", 1) + b"\xf8")
    save("gate", "line_4097", long.replace(b"x" * (over - 1), b"", 1) + b"\xf8")
    save("gate", "two_lines", frames["line_request_id"] + frames["line_request"] + b"\x0b")
    for name, data in channels():
        save("channel", name, data)
    return 0


sys.exit(main())
