#!/usr/bin/env python3
"""coverage: filters and modules against a full listing of the same replay,
edges against what follows on what in it, drcov by a parser of its own."""
import os
import re
import signal
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../tests/recording"))
from harness import LIMIT, PANDA, bare_guest, close, expect, path


def live(*options):
    return [PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
            "-icount", "sleep=off", *options]


def run(*command):
    return subprocess.run(command, cwd=path(""), text=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def rows_of(file):
    with open(path(file)) as text:
        lines = text.read().splitlines()
    return [line for line in lines if line.startswith("0x")]


def replay(arguments, *options):
    """The rows that coverage writes, with these arguments."""
    done = run(PANDA, "-replay", "r", "-panda",
               "coverage:filename=out.csv," + arguments, *options)
    expect(done.returncode == 0 and "identical" in done.stdout,
           f"replayed with {arguments}", done.stdout)
    return rows_of("out.csv")


def once(rows):
    return list(dict.fromkeys(rows))


def block_of(row):
    _, _, pc, size = row.split(",")
    return int(pc, 16), int(size)


def parse_drcov(file):
    """{module: (base, end)}, [(module, offset, size)], as its readers do."""
    with open(path(file), "rb") as log:
        lines = [log.readline().decode().rstrip("\n") for _ in range(4)]
        count = int(re.fullmatch(r"Module Table: version 2, count (\d+)",
                                 lines[2])[1])
        good = (lines[0] == "DRCOV VERSION: 2" and
                lines[1].startswith("DRCOV FLAVOR: ") and
                lines[3] == "Columns: id, base, end, entry, path")
        modules = {}
        for number in range(count):
            row = log.readline().decode().rstrip("\n").split(", ")
            good &= int(row[0]) == number and len(row) == 5
            modules[row[4]] = int(row[1], 16), int(row[2], 16)
        table = re.fullmatch(r"BB Table: (\d+) bbs\n",
                             log.readline().decode())
        rest = log.read()
    names = list(modules)
    blocks = [(names[module], start, size) for start, size, module in
              struct.iter_unpack("<IHH", rest[:len(rest) // 8 * 8])]
    return good, modules, blocks, int(table[1])


def test_modules(full):
    addresses = sorted({block_of(row)[0] for row in full})
    middle = addresses[len(addresses) // 2]
    ranges = {"low part": (addresses[0] - 16, middle),
              "with:colon++": (middle, addresses[-1] + 1)}
    given = "|".join(f"{name}:{low:#x}-{high}"
                     for name, (low, high) in ranges.items())
    rows = replay(f"drcov=out.drcov,module={given}")
    good, modules, blocks, count = parse_drcov("out.drcov")
    expect(good and modules == ranges and count == len(blocks),
           "drcov: the head, and as many blocks as it says")
    truth = set()
    for pc, size in map(block_of, full):
        for name, (low, high) in ranges.items():
            if low <= pc < high:
                truth.add((name, pc - low, min(size, high - pc)))
    expect(len(blocks) == len(set(blocks)) and set(blocks) == truth and
           {name for name, _, _ in blocks} == set(ranges),
           f"drcov: {len(truth)} blocks of two modules, each once")
    expect(rows == once(full), "and the CSV beside it")


def test_filters(full):
    pcs = [block_of(row) for row in full]
    often = max(set(pcs), key=pcs.count)
    other = max(set(pcs) - {often}, key=pcs.count)
    # A pc within a block will do.
    begin, end = often[0] + often[1] - 1, other[0]
    passing, truth = False, []
    for row, (pc, size) in zip(full, pcs):
        if pc <= begin < pc + size:
            passing = True
        if pc <= end < pc + size:
            passing = False
        if passing:
            truth.append(row)
    expect(0 < len(truth) < len(full), f"{len(truth)} of {len(full)} blocks "
           "between two addresses")
    expect(replay(f"full,hook_filter={begin:#x}-{end}") == truth,
           "hook_filter, each time")
    expect(replay(f"hook_filter={begin:#x}-{end}") == once(truth),
           "hook_filter, the first time")
    asid = full[0].split(",")[0]
    expect(replay(f"asid={asid}") ==
           once(r for r in full if r.startswith(asid + ",")) and
           replay("asid=0x123") == [], "asid")


def test_edges(full):
    rows = replay("mode=edge")
    pairs = [f"{a[0]:#x},{a[1]},{b[0]:#x},{b[1]}" for a, b in
             zip(map(block_of, full), map(block_of, full[1:]))]
    kinds = set(pairs)
    expect(len(rows) == len(set(rows)) and set(rows) <= kinds,
           f"{len(rows)} edges, of {len(kinds)} pairs that follow on another")
    # Only interrupts, which come everywhere, make pairs that are no edges.
    missing = sum(pair not in set(rows) for pair in pairs)
    expect(rows and missing < len(pairs) / 50,
           f"no more than {missing} of {len(pairs)} steps are none")
    times = replay("mode=edge,full")
    expect(once(times) == rows, "each time, and the first time")


def test_refusals():
    for what, *words in (
            ("mode=osi-block", "osi-block", "processes"),
            ("process_name=sh", "process_name", "processes"),
            ("summary", "summary", "processes"),
            ("pc=5-3", "pc=5-3", "LOW-HIGH"), ("asid=x", "asid=x"),
            ("hook_filter=7", "hook_filter=7", "PASS-BLOCK"),
            ("drcov=x", "module="), ("drcov=x,module=a:9-1", "a:9-1"),
            ("drcov=x,module=1-2", "module=1-2"),
            ("drcov=x,module=a:1-2,mode=edge", "mode=edge"),
            ("filename=no/where", "no/where")):
        done = run(PANDA, "-replay", "r", "-panda", "coverage:" + what)
        expect(done.returncode == 1 and all(w in done.stdout for w in words),
               f"refused: {what}", done.stdout)


def test_kill():
    process = subprocess.Popen(
        live("-panda", "coverage:filename=killed.csv,full,drcov=killed.drcov,"
             "module=all:0-0xffffffff"), cwd=path(""),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    until = time.monotonic() + LIMIT
    def arrived():
        return (os.path.exists(path("killed.drcov")) and
                os.path.getsize(path("killed.csv")) > 1000000 and
                os.path.getsize(path("killed.drcov")) > 400)
    while time.monotonic() < until and not arrived():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with open(path("killed.csv")) as file:
        text = file.read()
    good, _, blocks, count = parse_drcov("killed.drcov")
    row = r"0x[0-9a-f]+,[01],0x[0-9a-f]+,\d+"
    expect(all(re.fullmatch(row, line) for line in text.split("\n")[4:-1]),
           "after a kill the CSV has its rows, all but the last one whole")
    expect(good and 10 < count <= len(blocks) and
           len(set(blocks)) == len(blocks),
           f"and drcov the {count} blocks that its head says")


def main():
    run(*live("-limit", "3000000", "-record", "r"))
    full = replay("full", "-accel", "interp", "-unit-insns", "1")
    expect(len(full) > 10000, f"a full listing of {len(full)} blocks")
    expect(replay("mode=asid-block") == once(full), "each block once")
    test_modules(full)
    test_filters(full)
    test_edges(full)
    test_refusals()
    test_kill()
    close()


main()
