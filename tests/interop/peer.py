"""A cordon server in Python, written from docs/wire.md alone: both framings, one thread a client.

It behaves as told, well or badly, so that the command's answer to each can be looked at.
"""
import contextlib
import json
import os
import secrets
import socket
import struct
import threading

HELLO, WELCOME, REFUSED, REQUEST, REPLY, FAILURE, EVENT, CANCEL = range(1, 9)
FINISH, STOP, STATUS = 11, 12, 13
MORE = 1
UNAUTHORIZED, VERSION, BUSY, TOO_LARGE, MALFORMED, UNSUPPORTED, TIMED_OUT = range(1, 8)
CANCELED, STOPPING, NOT_READY, INTERNAL = range(8, 12)


class Left(Exception):
    """The other side is gone."""


def frame(kind, payload=b"", number=0, flags=0):
    return struct.pack("<IBBHI", len(payload), kind, flags, 0, number) + payload


def failure(code, text=b"", number=0):
    return frame(FAILURE, struct.pack("<H", code) + text, number)


class Hello:
    def __init__(self, payload):
        self.least, self.most, self.features, self.largest, size = struct.unpack_from("<HHIIB",
                                                                                      payload)
        self.token = payload[13:13 + size]
        named = 13 + size
        self.program = payload[named + 1:named + 1 + payload[named]].decode()


class Peer:
    """`with Peer(directory) as peer:` serves until the end of the block.

    Override what it does by assigning: on_hello(peer, stream, hello) -> True to go on,
    on_request(peer, stream, number, body), on_json(peer, stream, line).
    """

    def __init__(self, directory, name="ipc"):
        self.address = os.path.join(directory, f"{name}.sock")
        self.token_file = os.path.join(directory, f"{name}-token")
        self.token = secrets.token_bytes(32)
        self.instance = secrets.randbits(64) or 1
        self.hellos, self.requests, self.stopped = [], [], threading.Event()
        self.received = b""
        self.on_hello = lambda peer, stream, hello: True
        self.on_request = Peer.echo
        self.on_json = Peer.echo_json

    def __enter__(self):
        descriptor = os.open(self.token_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.write(descriptor, self.token.hex().encode())
        os.close(descriptor)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.address)
        os.chmod(self.address, 0o600)
        self.listener.listen(64)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.withdraw()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)

    def withdraw(self):
        for path in (self.address, self.token_file):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream):
        with stream, contextlib.suppress(Left, ConnectionError, OSError):
            stream.settimeout(30)
            first = stream.recv(1, socket.MSG_PEEK)
            if first == b"\xc0":
                self._serve_binary(stream)
            elif first == b"{":
                self._serve_json(stream)

    # -- binary

    def read(self, stream, size):
        got = b""
        while len(got) < size:
            more = stream.recv(size - len(got))
            if not more:
                raise Left
            got += more
        return got

    def read_frame(self, stream):
        size, kind, flags, handles, number = struct.unpack("<IBBHI", self.read(stream, 12))
        assert flags == 0 and handles == 0, "the command sends no flags and no handles"
        return kind, number, self.read(stream, size)

    def welcome(self, hello, largest=1 << 20):
        program = b"peer.py 1"
        version = 1 if hello.most else 0
        return frame(WELCOME, struct.pack("<HIIQIB", version, 0, largest, self.instance,
                                          os.getpid(), len(program)) + program)

    def refuse(self, stream, code, text=b"", least=1, most=1):
        stream.sendall(frame(REFUSED, struct.pack("<HHH", code, least, most) + text))
        with contextlib.suppress(OSError):
            while stream.recv(4096):  # the client closes first, so that nothing is lost
                pass

    def _serve_binary(self, stream):
        assert self.read(stream, 4) == b"\xc0CRD"
        kind, number, payload = self.read_frame(stream)
        assert (kind, number) == (HELLO, 0)
        hello = Hello(payload)
        self.hellos.append(hello)
        if not self.on_hello(self, stream, hello):
            return
        if hello.token != self.token:
            self.refuse(stream, UNAUTHORIZED, b"unauthorized")
            return
        stream.sendall(self.welcome(hello))
        while True:
            kind, number, body = self.read_frame(stream)
            if kind == REQUEST:
                self.requests.append(body)
                self.on_request(self, stream, number, body)
            elif kind == STATUS:
                status = {"version": 1, "program": "peer.py 1", "pid": os.getpid(),
                          "instance": f"{self.instance:016x}", "uptime_ms": 5, "sessions": 0,
                          "requests": len(self.requests), "in_flight": 0}
                stream.sendall(frame(REPLY, json.dumps(status).encode(), number))
            elif kind == STOP:
                stream.sendall(frame(REPLY, b"", number))
                self.withdraw()
                self.stopped.set()
            elif kind == FINISH:
                stream.sendall(frame(FINISH))

    def echo(self, stream, number, body):
        stream.sendall(frame(REPLY, body, number))

    # -- JSON lines

    def _serve_json(self, stream):
        for raw in stream.makefile("rb"):
            self.received += raw
            line = json.loads(raw)
            if line.get("token") != self.token.hex():
                answer = {"ok": False, "error": "unauthorized", "code": "UNAUTHORIZED"}
                stream.sendall(json.dumps(answer).encode() + b"\n")
                return
            self.on_json(self, stream, line)
            if "id" not in line:
                return

    def answer_json(self, stream, line, **members):
        if "id" in line:
            members["id"] = line["id"]
        stream.sendall(json.dumps(members).encode() + b"\n")

    def echo_json(self, stream, line):
        self.answer_json(stream, line, ok=True, data=line["request"])
