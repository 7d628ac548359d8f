"""as_windows.py FILE [words]   run a test with what Python has on Windows, and nothing more
as_windows.py --import         only import everything of Python that is run there

Python for Linux drives the programs of Windows under Wine, so nobody else would notice a name that
only POSIX has. The tests see modules with that left out; Python's own see theirs."""
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import runpy
import select
import signal
import socket
import subprocess
import sys
import types

import json  # these import what is taken away below, or ask for it
import shutil
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
NO_MODULES = ("crypt", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")
NO_NAMES = {
    os: r"([gs]et(e|re|res)?[ug]id|([gs]et|init)groups|[gs]et(p?gid|pgrp|sid|priority)|fork(pty)?"
        r"|kill(pg)|l?chown|fchown|chroot|mkfifo|mknod|nice|wait[34]?|waitid|W[A-Z]{2,}|P_(PID|PGID|ALL)"
        r"|uname|getloadavg|sched_.*|pipe2|openpty|ttyname|ctermid|tc.*pgrp|p(read|write)v?|readv|writev"
        r"|sysconf.*|f?pathconf.*|confstr.*|f?statvfs|.*xattr|posix_.*|register_at_fork|sync|lockf|memfd_.*"
        r"|sendfile|splice|eventfd.*|O_(NONBLOCK|CLOEXEC|NOCTTY|DIRECTORY|NOFOLLOW|SYNC|ASYNC|PATH|TMPFILE))",
    signal: r"(?!SIG(ABRT|FPE|ILL|INT|SEGV|TERM|_DFL|_IGN)$)SIG[A-Z_0-9]+|pthread_.*|alarm|pause"
            r"|sig(interrupt|pending|timedwait|wait|waitinfo)|[gs]etitimer|ITIMER_.*",
    socket: r"AF_(UNIX|PACKET|NETLINK)|SCM_.*|SO_PEERCRED|SOCK_(CLOEXEC|NONBLOCK)|MSG_(DONTWAIT|NOSIGNAL)"
            r"|CMSG_.*|(send|recv)_fds",
    select: r"e?poll|EPOLL.*|POLL.*",
}
NO_WORDS = ("preexec_fn", "pass_fds", "umask", "user", "group", "extra_groups")


def poorer(module, pattern):
    made = types.ModuleType(module.__name__)
    made.__dict__.update({name: value for name, value in vars(module).items()
                          if not re.fullmatch(pattern, name)})
    return made


def refusing(begin):
    def init(self, *words, **how):
        wrong = [name for name in NO_WORDS if how.get(name) not in (None, -1, ())]
        if wrong:
            raise ValueError(f"{wrong[0]} is not supported on Windows")
        begin(self, *words, **how)
    return init


def leave_out():
    """From now on whoever imports gets less."""
    for name in NO_MODULES:
        sys.modules[name] = None
    for module, pattern in NO_NAMES.items():
        sys.modules[module.__name__] = poorer(module, pattern)
    subprocess.Popen.__init__ = refusing(subprocess.Popen.__init__)


def files_of_windows():
    left_out = re.findall(r"(?m)^interop_(\w+)", (TESTS / "not_on_windows.txt").read_text(encoding="utf-8"))
    yield from (file for file in sorted(HERE.glob("*_test.py")) if file.stem[:-5] not in left_out)
    yield from (TESTS / name for name in ("unit/json_corpus.py", "unit/wire_docs.py",
                                          "attack/security_names.py", "model/check"))


def import_all():
    """As Windows itself would: there is no emulator."""
    system, signals = sys.modules["os"], sys.modules["signal"]
    system.name = "nt"
    signals.CTRL_C_EVENT, signals.CTRL_BREAK_EVENT, signals.SIGBREAK = 0, 1, 21
    subprocess.CREATE_NEW_PROCESS_GROUP = 0x200
    os.environ["CORDON_BIN"] = "cordon.exe"
    count = failures = 0
    for file in files_of_windows():
        loader = importlib.machinery.SourceFileLoader(file.stem, str(file))
        made = importlib.util.module_from_spec(importlib.util.spec_from_loader(file.stem, loader))
        sys.modules[file.stem] = made
        count += 1
        try:
            loader.exec_module(made)
        except (AttributeError, ImportError, ValueError) as error:
            failures += 1
            print(f"FAILED  {file.name}: {type(error).__name__}: {error}")
    print(f"{count} files imported as on Windows, {failures} failures")
    return 1 if failures or count < 10 else 0


def main():
    sys.dont_write_bytecode = True
    sys.path[0] = str(HERE)
    leave_out()
    if sys.argv[1:] == ["--import"]:
        return import_all()
    sys.argv = sys.argv[1:]
    sys.path[0] = str(pathlib.Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
