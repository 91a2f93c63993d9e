#!/usr/bin/env python3
"""What a plugin hears of the guest is one and the same: live, recorded and
replayed, however the engine cuts and chooses, alone and beside every other
plugin of the tree that only watches.

The guest of tests/callbacks raises all that there is; a digest of count, pc,
arguments and bytes stands for all events. The list of plugins is that of
plugins/config.panda: a new one must say how it is loaded (shared/watchers.py).
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))
import teller
import watchers
from bare_metal import WORK, written
from build_plugin import NEIGHBOURS, STRICT, build_plugin
from checks import FULL, TOP, end, expect
from teller import heard

ENGINES = [[], ["-unit-insns", "1"], ["-unit-insns", "7"],
           ["-unit-insns", "64"], ["-jit", "chaos=1"], ["-jit", "chaos=2"],
           ["-accel", "interp"], ["-accel", "lockstep"],
           ["-jit", "chaos=3", "-unit-insns", "7"]]
SEEDS = [["-jit", f"chaos={seed}"] for seed in range(4, 20)]


def is_same(truth, way, engine, others=""):
    """Whether the digest is the one; and what was said."""
    lines, said = heard(way, *engine, options=",woven=yes,digest=yes",
                        others=others)
    good = (lines and lines[0] == truth and
            (way != "replay" or "identical" in said))
    return good, f"{lines[:2]} instead of {truth}\n{said[-2000:]}"


def alone(truth):
    ways = [(way, engine) for engine in ENGINES + (SEEDS if FULL else [])
            for way in ("live", "replay")]
    for way, engine in ways:
        good, said = is_same(truth, way, engine)
        expect(good, f"alone, {way} {' '.join(engine)}", said)


def beside(truth, rows):
    """Each one in some ways, or in all."""
    for i, (name, load, sign) in enumerate(rows):
        engines = ENGINES + SEEDS[:4] if FULL else [
            ENGINES[(i + k) % len(ENGINES)] for k in (0, 4)]
        ways = [(way, engine) for k, engine in enumerate(engines)
                for way in ("live", "replay") if FULL or (k + i) % 2 ==
                (way == "live")]
        ways += [("record", [])] if FULL or i % 5 == 0 else []
        for way, engine in ways:
            if isinstance(sign, tuple) and os.path.exists(
                    f"{WORK}/{sign[0]}"):
                os.unlink(f"{WORK}/{sign[0]}")
            good, said = is_same(truth, way, engine, ";" + load)
            did = watchers.worked(sign, said, written)
            expect(good and did, f"beside {load.split(';')[0]}, {way} "
                   f"{' '.join(engine)}", f"did something: {did}\n{said}")


def together(truth, rows):
    """All at once: of each name the first."""
    first = {}
    for name, load, _ in rows:
        first.setdefault(name, load.split(";")[0])
    others = ";" + ";".join(first.values())
    for way, engine in [("record", [])] + [
            (way, engine) for way in ("live", "replay")
            for engine in (ENGINES if FULL else ENGINES[1:3] + ENGINES[4:5])]:
        good, said = is_same(truth, way, engine, others)
        expect(good, f"beside all {len(first)}, {way} {' '.join(engine)}",
               said)


def main():
    teller.build()
    with open(f"{TOP}/tests/plugin_sources/neighbour.c") as file:
        build_plugin(WORK, "neighbour", file.read(), *NEIGHBOURS, *STRICT)
    expect(not watchers.unknown(), "every plugin of plugins/config.panda has "
           "its line in tests/shared/watchers.py", watchers.unknown())
    rows = watchers.rows()
    lines, _ = heard("record", options=",woven=yes,digest=yes")
    truth = lines[0]
    expect(int(truth[1]) > 200000, f"many events: {truth}")
    alone(truth)
    beside(truth, rows)
    together(truth, rows)
    end()


main()
