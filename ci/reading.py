"""reading   what arrows and dialect share: source files without comments and literals."""
import os
import pathlib
import re

ROOT = pathlib.Path(os.environ["root"])
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
failures = []


class Source:
    """A file's text, with blanks where a comment or a literal was."""

    def __init__(self, path):
        self.path = path
        self.text = without_comments_and_strings(path.read_text())
        self.includes = [(m.group(1), m.group(2), m.start()) for m in INCLUDE.finditer(self.text)]

    def complain(self, message, at=0):
        line = self.text.count("\n", 0, at) + 1
        failures.append(f"{self.path.relative_to(ROOT)}:{line}: {message}")


def without_comments_and_strings(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())

    def blank_strings(line):
        return re.sub(r'"((?:\\.|[^"\\])*)"', lambda text: '"' + blank(text)[1:-1] + '"', line.group())

    text = re.sub(r"/\*.*?\*/|//[^\n]*", blank, text, flags=re.S)
    return re.sub(r"^(?![ \t]*#[ \t]*include).*$", blank_strings, text, flags=re.M)


def sources(folder):
    return [Source(path) for path in sorted((ROOT / folder).rglob("*.[ch]"))]


def finish(what):
    for failure in dict.fromkeys(failures):
        print("FAILED:", failure)
    print(what, "looked at")
    return 1 if failures else 0
