#!/usr/bin/env python3
"""Plugins of the tree that come and go, and are switched, at random moments
of a replay (plugin_sources/shaker.c): the replay stays the same, and nothing
that is held for them grows. FULL: 10,000 steps, in the checked program."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
import harness
from harness import (BUILD, CHECKED, FULL, PANDA, Replay, TOP, bare_guest,
                     close, expect, path)
from build_plugin import build_plugin

STEPS, FIRST, EVERY = (10_000, 1_000, 100) if FULL else (600, 200, 50)
# What some need to be loaded, or to do something.
ARGUMENTS = {"stringsearch": "str=abcd,callers=4", "pc_search":
             "pc_range=0x100000-0x100040,first_last_only",
             "coverage": "mode=edge", "memsavep": "instrcount=1000000000000", "sample": "every=5"}


def plugins():
    with open(os.path.join(TOP, "plugins/config.panda")) as file:
        return [line.strip() for line in file
                if line.strip() and not line.startswith("#")]


def record(blocks):
    build_plugin(path("."), "conductor")
    build_plugin(path("."), "shaker")
    subprocess.run(
        [PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
         "-panda", f"{path('panda_conductor.so')}:name={path('soak')},"
         f"do=100-record+{blocks}-quit"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=60, check=True)


def table(text):
    """The lines of numbers that were said at rest: a dictionary each."""
    return [{key: int(number) for key, number in
             re.findall(r"(\w+) (\d+)", line)}
            for line in re.findall(r"^shaker: (step \d+ heap .*)$", text,
                                   re.M)]


def soak(program, seed, steps, gap):
    names = plugins()
    os.environ["PANDA_PLUGIN_DIR"] = f"{BUILD}/x86_64-softmmu/panda/plugins"
    os.environ["ASAN_OPTIONS"] = "detect_leaks=1:quarantine_size_mb=16"
    given = "".join(f"{name}:{text};" for name, text in ARGUMENTS.items())
    harness.LIMIT = 3600
    return Replay("soak", "-panda", f"{given}{path('panda_shaker.so')}:"
                  f"names={'+'.join(names)},seed={seed},steps={steps},"
                  f"every={EVERY},gap={gap}", program=program)


def judge(replay, steps, first):
    rows = table(replay.err)
    done = re.search(r"^shaker: done (\d+) loads (\d+) unloads (\d+) "
                     r"switches (\d+) most (\d+) wrong (\d+)$", replay.err,
                     re.M)
    busy = [int(n) for n in re.findall(r"busy translations (\d+)",
                                       replay.err)]
    if not expect(replay.identical() and done and len(rows) == steps // EVERY,
                  "the replay is the same", replay.said[-3000:]):
        return
    said = " ".join(done.groups())
    expect(int(done[6]) == 0 and int(done[5]) >= 6 and
           min(map(int, done.groups()[1:4])) > steps // 10,
           f"{steps} steps, up to {done[5]} plugins at once", said)
    early = [row for row in rows if row["step"] <= first]
    late = [row for row in rows if row["step"] > first]
    for key in rows[0]:
        if key == "step":
            continue
        # Threads and allocators take a little more or less.
        slack = {"heap": 1.02, "mappings": 1.02}.get(key, 1)
        before = max(row[key] for row in early)
        after = max(row[key] for row in late)
        expect(after <= before * slack, f"{key}: {before}, then {after}",
               "\n".join(str(row) for row in rows))
    n = first // EVERY
    expect(max(busy[n:]) <= 2 * max(busy[:n]),
           f"translations while they run: {max(busy[:n])}, then "
           f"{max(busy[n:])}")


def main():
    os.chdir(harness.work)
    record(STEPS * 24)
    program = CHECKED if FULL and not os.environ.get("RELEASE") else PANDA
    judge(soak(program, 1, STEPS, 160), STEPS, FIRST)
    if not FULL:
        judge(soak(CHECKED, 2, 200, 160), 200, 100)


try:
    main()
finally:
    close()
