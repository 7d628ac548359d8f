#!/usr/bin/env python3
"""wire_docs.py   docs/wire.md shows the golden bytes, and its Python client works

Every file of tests/golden stands in the document once, to the letter, and nothing else does;
so does the child of a channel, which is tested by channel_foreign_test.
The client is run as it stands there, against the real command ($CORDON_BIN).
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["CORDON_SOURCE"])
DOCUMENT = (SOURCE / "docs/wire.md").read_text(encoding="utf-8")


def blocks(kind):
    """All fenced blocks of a kind: what stands behind the word, and the text."""
    return re.findall(rf"(?ms)^```{kind}\b[ ]?(.*?)\n(.*?)^```$", DOCUMENT)


def check_golden():
    files = {f.stem: f.read_text(encoding="utf-8") for f in (SOURCE / "tests/golden").glob("*.hex")}
    shown = blocks("golden")
    names = [name for name, _ in shown]
    problems = [f"{name}: stands there {names.count(name)} times" for name in files
                if names.count(name) != 1]
    problems += [f"{name}: no such file in tests/golden" for name in names if name not in files]
    problems += [f"{name}: the document and the file differ" for name, text in shown
                 if files.get(name, text) != text]
    return problems, len(files)


def start_server(directory):
    read_end, write_end = os.pipe()
    server = subprocess.Popen([os.environ["CORDON_BIN"], "serve", "wire", "--dir", directory,
                               "--echo", "--ready-fd", str(write_end)], pass_fds=[write_end])
    os.close(write_end)
    with os.fdopen(read_end) as ready:
        ready.readline()  # or the end, when it could not start: the call will tell
    return server


def check_child():
    shown = [text for word, text in blocks("python") if word == "child"]
    file = (SOURCE / "tests/system/channel_child.py").read_text(encoding="utf-8")
    return [] if shown == [file] else ["the child is not tests/system/channel_child.py"]


def check_client():
    program, = (text for word, text in blocks("python") if word == "")
    names = {}
    exec(compile(program, "docs/wire.md", "exec"), names)
    request = {"do": "status", "text": "größe \n\"", "list": [1, 2.5, None, True]}
    with tempfile.TemporaryDirectory() as directory:
        server = start_server(directory)
        try:
            answer = names["call"](directory, request)
            return [] if answer == request else [f"the client heard {answer!r}"]
        finally:
            server.terminate()
            server.wait(10)


def main():
    problems, count = check_golden()
    problems += check_child()
    if not os.path.exists(os.environ.get("CORDON_BIN", "")):
        print("the client was not run: no command was built")
    elif not sys.platform.startswith("linux") or os.environ["CORDON_BIN"].endswith(".exe"):
        print("the client was not run: it asks for the peer as Linux does, at a socket")
    else:
        problems += check_client()
    for line in problems:
        print(f"docs/wire.md: {line}", file=sys.stderr)
    print(f"{count} golden files")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
