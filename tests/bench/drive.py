#!/usr/bin/env python3
"""Runs the peers of tests/bench side by side and prints one table; ci/bench starts it."""

import argparse
import ctypes
import os
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

KIB, MIB = 1024, 1024 * 1024
FLIGHT = {"pipe": 64, "bulk": 4, "active": 64}  # requests of one step, else 1

# What is measured: mode, size, and for the same core the bar that cordon must keep.
CELLS = [
    ("rtt", 64, 1.20),
    ("rtt", 4 * KIB, None),
    ("rtt", 64 * KIB, 1.20),
    ("rtt", MIB, 1.30),
    ("rtt", 16 * MIB, None),
    ("pipe", 64, 9.0),
    ("active", 64, None),
    ("bulk", 64 * KIB, None),
    ("bulk", MIB, None),
    ("cycle", 64, 0.75),
]
HELP = {
    "rtt": "ask and wait, again and again",
    "pipe": "64 requests in flight, sent together; compared with raw's lone round trips",
    "active": "64 connections, each asks, then each is heard; compared likewise",
    "bulk": "requests of that size with little replies, 4 in flight",
    "cycle": "connect, ask, close",
}


class Failed(Exception):
    pass


class Peer:
    def __init__(self, name, server, client, without):
        self.name, self.server, self.client, self.without = name, server, client, without

    def has(self, mode):
        return mode not in self.without


def read_peers(path, programs):
    peers = []
    with open(path, encoding="utf-8") as table:
        for number, line in enumerate(table, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) < 3 or any(word[0] != "-" for word in words[3:]):
                raise Failed(f"{path}:{number}: a name, a server, a client, and -mode for each it lacks")
            server, client = (os.path.join(programs, word) for word in words[1:3])
            peers.append(Peer(words[0], server, client, [word[1:] for word in words[3:]]))
    if not peers:
        raise Failed(f"{path}: no peer in it")
    return peers


# ---- processes ------------------------------------------------------------------

_prctl = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1


def prepare(cpu):
    """Pinned, and gone when we are."""

    def in_child():
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    return in_child


def environment(memory, is_preloaded, programs):
    made = dict(os.environ)
    if is_preloaded:
        made["LD_PRELOAD"] = os.path.join(programs, "bench_memory.so")
        made["BENCH_MEMORY"] = memory
    return made


class Server:
    """One peer's server, in a directory of its own."""

    def __init__(self, peer, cpu, env=None, before=()):
        self.peer = peer
        self.place = tempfile.mkdtemp(prefix="cordon-bench.")
        self.said = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                [*before, peer.server, self.place],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self.said,
                env=env,
                preexec_fn=prepare(cpu),
            )
        except OSError as error:
            shutil.rmtree(self.place)
            raise Failed(f"peer {peer.name} does not start: {peer.server}: {error.strerror}") from error
        word = self.process.stdout.readline().split()
        if len(word) != 2 or word[0] != b"ready":
            self.close()
            raise Failed(f"peer {peer.name} does not start: {peer.server}: {self.words()}")
        self.pid = int(word[1])

    def words(self):
        self.said.seek(0)
        return self.said.read().decode(errors="replace").strip() or "it said nothing"

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.place, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def name_of(mode, size=None):
    if size is None:
        return mode
    unit, divisor = ("MiB", MIB) if size >= MIB else ("KiB", KIB) if size >= KIB else ("B", 1)
    return f"{mode} {size // divisor} {unit}"


def run_client(peer, place, cpu, mode, size, options, env=None, before=(), patience=60):
    """What the client found, as numbers; it writes them only if every reply was right."""
    command = [*before, peer.client, "--place", place, "--mode", mode, "--size", str(size), *options]
    what = f"peer {peer.name}, {name_of(mode, size)}"
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
            env=env,
            preexec_fn=prepare(cpu),
            check=False,
        )
    except OSError as error:
        raise Failed(f"peer {peer.name} does not start: {peer.client}: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise Failed(f"{what}: no end within {patience} s") from None
    if done.returncode != 0 or not done.stdout.startswith("ok "):
        raise Failed(f"{what}: {done.stderr.strip() or 'it ended without a word'}")
    found = {key: int(value) for key, value in re.findall(r"(\w+)=(-?\d+)", done.stdout)}
    found["said"] = done.stderr
    return found


# ---- times, in rounds -------------------------------------------------------------


def measure(peers, cells, rounds, ms, server_cpu, client_cpus, tell):
    """{placement: {cell: {peer: [ns a request, a round each]}}}"""
    times = {where: {cell[:2]: {peer.name: [] for peer in peers} for cell in cells} for where in client_cpus}
    servers = {}
    try:
        for peer in peers:
            servers[peer.name] = Server(peer, server_cpu)
        for turn in range(rounds):
            tell(f"round {turn + 1} of {rounds}")
            order = peers[turn % len(peers) :] + peers[: turn % len(peers)]
            for where, cpu in client_cpus.items():
                for mode, size, _ in cells:
                    for peer in order:
                        if not peer.has(mode):
                            continue
                        place = servers[peer.name].place
                        found = run_client(peer, place, cpu, mode, size, ["--ms", str(ms)])
                        times[where][mode, size][peer.name].append(found["ns"] / found["count"])
    finally:
        for server in servers.values():
            server.close()
    return times


def figure(mode, size, ns):
    if mode == "bulk":
        return f"{size / MIB / (ns / 1e9):.0f} MiB/s"
    if mode in ("pipe", "active"):
        return f"{1e6 / ns:.0f} k/s"
    return f"{ns / 1000:.1f} us" if ns < 1e6 else f"{ns / 1e6:.2f} ms"


def ratio(mode, mine, base):
    """As the bars say it: times for rtt, rates for the others."""
    return mine / base if mode == "rtt" else base / mine


def base_of(cell, table, first):
    """What a cell is compared with: the first peer in it, or in the lone round trip of that size."""
    return table[cell][first] or table.get(("rtt", cell[1]), {}).get(first) or []


def is_met(mode, value, bar):
    return value <= bar if mode == "rtt" else value >= bar


def print_times(where, table, cells, peers, print_row):
    first = peers[0].name
    print_row([where] + [peer.name for peer in peers] + [f"cordon to {first}", "bar"])
    for mode, size, bar in cells:
        row, spread = [name_of(mode, size)], ""
        base = base_of((mode, size), table, first)
        for peer in peers:
            mine = table[mode, size][peer.name]
            if not mine:
                row.append("-")
                continue
            ratios = [ratio(mode, a, b) for a, b in zip(mine, base)]
            text = figure(mode, size, statistics.median(mine))
            if ratios and peer.name != first:
                text += f" {statistics.median(ratios):.2f}"
            row.append(text)
            if peer.name == "cordon" and ratios:
                spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
                value = statistics.median(ratios)
        says = ""
        if bar is not None and where == "same core" and spread:
            sign = "at most" if mode == "rtt" else "at least"
            says = f"{sign} {bar:.2f}: {'met' if is_met(mode, value, bar) else 'MISSED'}"
        print_row(row + [spread, says])


# ---- what is counted -----------------------------------------------------------------


def count_calls(peer, programs, mode, size, count):
    """System calls a request, both sides; by ptrace."""
    place = tempfile.mkdtemp(prefix="cordon-bench.")
    command = [os.path.join(programs, "bench_count"), peer.server, peer.client, place]
    command += ["--mode", mode, "--size", str(size), "--count", str(count)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    found = re.search(r"^calls=(\d+)", done.stdout, re.MULTILINE)
    if "does not let us trace" in done.stderr:
        return None
    if done.returncode != 0 or not found or not re.search(r"^ok ", done.stdout, re.MULTILINE):
        raise Failed(f"peer {peer.name}, {name_of(mode, size)}, system calls: {done.stderr.strip()}")
    return int(found.group(1)) / count


def count_memory(peer, programs, mode, size, count):
    """(allocations a request on both sides, bytes of malloc and of pages of an idle session)"""
    with tempfile.TemporaryDirectory(prefix="cordon-bench.") as place:
        memory = os.path.join(place, "memory")
        preloaded = environment(memory, True, programs)
        with Server(peer, None, preloaded) as server:
            with open(memory, "rb") as file:
                counted = struct.unpack("Q", file.read(8))[0]
            if counted == 0:
                return None
            options = ["--count", str(count), "--memory", memory]
            if mode == "idle":
                options += ["--server", str(server.pid)]
                found = run_client(peer, server.place, None, mode, size, options)
                return found["bytes"] / count, found["resident"] / count
            found = run_client(peer, server.place, None, mode, size, options, preloaded)
            return found["allocations"] / count


def steps(count, flight):
    """Requests that a client makes for --count, warming up included."""
    return sum(-(-part // flight) * flight for part in (count, count // 4 + 16))


def instructions(peer, mode, size, count):
    """User instructions a request, both sides; by valgrind."""
    under = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    sums = []
    for times in (1, 3):
        with Server(peer, None, None, under) as server:
            options = ["--count", str(times * count)]
            found = run_client(peer, server.place, None, mode, size, options, None, under)
            server.close()
            both = re.findall(r"Collected : (\d+)", found["said"] + server.words())
        if len(both) != 2:
            raise Failed(f"peer {peer.name}: valgrind counted nothing: {server.words()}")
        sums.append(sum(map(int, both)))
    flight = FLIGHT.get(mode, 1)
    return (sums[1] - sums[0]) / (steps(3 * count, flight) - steps(count, flight))


def count_all(peers, programs, tell, print_row):
    def row(title, mode, bar, count_one, show="{:.2f}"):
        tell(title)
        cells, mine = [], None
        for peer in peers:
            value = count_one(peer) if peer.has(mode) else None
            cells.append("-" if value is None else show.format(value))
            mine = value if peer.name == "cordon" else mine
        says = ""
        if bar is not None and mine is not None:
            says = f"at most {bar:g}: {'met' if mine <= bar else 'MISSED'}"
        print_row([title, *cells, "", says])

    def calls(mode, size, count):
        return lambda peer: count_calls(peer, programs, mode, size, count)

    def memory(mode, size, count):
        return lambda peer: count_memory(peer, programs, mode, size, count)

    idle = {peer.name: count_memory(peer, programs, "idle", 64, 1000) if peer.has("idle") else None for peer in peers}
    print_row(["a request"] + [peer.name for peer in peers] + ["", "bar"])
    row("system calls, rtt 64 B", "rtt", 5, calls("rtt", 64, 2000))
    row("system calls, rtt 1 MiB", "rtt", None, calls("rtt", MIB, 200))
    row("system calls, pipe 64 B", "pipe", 0.10, calls("pipe", 64, 6400))
    row("system calls, cycle 64 B", "cycle", None, calls("cycle", 64, 500))
    row("allocations, rtt 64 B", "rtt", 0, memory("rtt", 64, 2000))
    row("allocations, pipe 64 B", "pipe", 0, memory("pipe", 64, 6400))
    row("allocations, rtt 1 MiB", "rtt", 0, memory("rtt", MIB, 400))
    if shutil.which("valgrind"):
        for mode, count in (("rtt", 1024), ("pipe", 6400), ("cycle", 256)):
            row(f"user instructions, {name_of(mode, 64)}", mode, None,
                lambda peer, mode=mode, count=count: instructions(peer, mode, 64, count), "{:.0f}")
    print_row(["an idle session"] + [peer.name for peer in peers] + ["", "bar"])
    row("bytes of malloc", "idle", 640, lambda peer: idle[peer.name] and idle[peer.name][0], "{:.0f}")
    row("bytes of resident pages", "idle", None, lambda peer: idle[peer.name] and idle[peer.name][1], "{:.0f}")


# ---- the table ------------------------------------------------------------------------


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    count = len(os.sched_getaffinity(0))
    return f"{model}, {count} core{'s' * (count > 1)}, {os.uname().sysname} {os.uname().release}"


def print_row(cells):
    widths = [31] + [19] * (len(cells) - 3) + [25, 0]
    print("".join(str(cell).ljust(width) for cell, width in zip(cells, widths)).rstrip(), flush=True)


def whole_number(text):
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def read_options():
    parser = argparse.ArgumentParser(prog="ci/bench", allow_abbrev=False, description=__doc__)
    parser.add_argument("programs", help="the directory of the built programs")
    parser.add_argument("--peers", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
    parser.add_argument("--rounds", type=whole_number, default=7)
    parser.add_argument("--ms", type=whole_number, default=120, help="of each measurement")
    parser.add_argument("--only", action="append", metavar="MODE", choices=sorted(HELP), help="this mode; again for more")
    parser.add_argument("--same-core", action="store_true", help="not on two cores")
    parser.add_argument("--no-counts", action="store_true", help="only times")
    return parser.parse_args()


def run(options):
    def tell(text):
        print(f"... {text}", file=sys.stderr, flush=True)

    begin = time.monotonic()
    peers = read_peers(options.peers, options.programs)
    cells = [cell for cell in CELLS if not options.only or cell[0] in options.only]
    if options.only and "rtt" not in options.only and {"pipe", "active"} & set(options.only):
        cells = [("rtt", 64, None)] + cells
    cpus = sorted(os.sched_getaffinity(0))
    places = {"same core": cpus[0]}
    if len(cpus) > 1 and not options.same_core:
        places["two cores"] = cpus[1]
    load = os.getloadavg()[0]
    times = measure(peers, cells, options.rounds, options.ms, cpus[0], places, tell)
    print(machine())
    print(f"{options.rounds} rounds, {options.ms} ms each, medians; beside each figure its ratio to {peers[0].name} "
          f"within the round; load before {load:.1f}, after {os.getloadavg()[0]:.1f}")
    print("rtt and cycle: ratio of times and of rates. " +
          "; ".join(f"{mode}: {text}" for mode, text in HELP.items() if mode in {cell[0] for cell in cells}))
    for where, table in times.items():
        print()
        print_times(where, table, cells, peers, print_row)
    if not options.no_counts:
        print()
        count_all(peers, options.programs, tell, print_row)
    print(f"\n{time.monotonic() - begin:.0f} s")


def main():
    options = read_options()
    try:
        run(options)
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
