#!/usr/bin/env python3
"""Plugins of the tree that come and go, and are switched, at random moments
of a replay (plugin_sources/shaker.c): the replay stays the same, and nothing
that is held for them grows. FULL: 10,000 steps, and a running Linux."""
import os
import re
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
import harness
from harness import (BUILD, CHECKED, FULL, PANDA, TOP, Guest, Replay,
                     bare_guest, close, expect, path)
from build_plugin import build_plugin

# Steps after which all are taken out, and what is left is looked at.
EVERY = 100 if FULL else 50
# What some need to be loaded, or to do something.
ARGUMENTS = {
    "stringsearch": "str=abcd,callers=4",
    "pc_search": "pc_range=0x100000-0x100040,first_last_only",
    "coverage": "mode=edge",
    "memsavep": "instrcount=1000000000000",
    "sample": "every=5",
}

# Each time, this one fails to load, and must leave nothing.
REFUSER = """
#include "panda/plugin.h"
static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu, (void)tb;
    abort();
}
bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = on_block};
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    panda_require("callstack_instr");
    return false;
}
void uninit_plugin(void *self) { (void)self; }
"""


def plugins():
    with open(os.path.join(TOP, "plugins/config.panda")) as file:
        return [line.strip() for line in file
                if line.strip() and not line.startswith("#")]


def record():
    for name in plugins():
        file = f"panda_{name}.so"
        os.symlink(f"{BUILD}/x86_64-softmmu/panda/plugins/{file}", path(file))
    build_plugin(path("."), "refuser", REFUSER)
    build_plugin(path("."), "conductor")
    build_plugin(path("."), "shaker")
    subprocess.run(
        [PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
         "-panda", f"{path('panda_conductor.so')}:name={path('soak')},"
         "do=100-record+270000-quit"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=60, check=True)


def record_linux():
    guest = Guest(linux=True)
    guest.run_steps(300_000_000)
    guest.begin("linux")
    guest.run_steps(4_000_000)
    guest.end_record()
    guest.end()


def table(text):
    """The lines of numbers that were said at rest: a dictionary each."""
    return [{key: int(number) for key, number in
             re.findall(r"(\w+) (\d+)", line)}
            for line in re.findall(r"^shaker: (step \d+ heap .*)$", text,
                                   re.M)]


def soak(program, recording, seed, steps):
    os.environ["PANDA_PLUGIN_DIR"] = path(".")
    os.environ["ASAN_OPTIONS"] = "detect_leaks=1:quarantine_size_mb=16"
    # What the library has in store would count as held.
    os.environ["GLIBC_TUNABLES"] = "glibc.malloc.tcache_count=0"
    given = "".join(f"{name}:{text};" for name, text in ARGUMENTS.items())
    names = "+".join([*plugins(), "refuser"])
    harness.LIMIT = 3600
    return Replay(recording, "-panda", f"{given}{path('panda_shaker.so')}:"
                  f"names={names},seed={seed},steps={steps},every={EVERY},"
                  "gap=160", program=program)


def judge(replay, steps, first, checked):
    rows = table(replay.err)
    done = re.search(r"^shaker: done (\d+) loads (\d+) unloads (\d+) "
                     r"switches (\d+) most (\d+) wrong (\d+)$", replay.err,
                     re.M)
    busy = [int(n) for n in re.findall(r"busy translations (\d+)",
                                       replay.err)]
    if not expect(replay.identical() and done and len(rows) == steps // EVERY,
                  f"{'checked: ' * checked}the replay is the same",
                  replay.said[-3000:]):
        return
    n_loads = int(done[2])
    expect(int(done[6]) == 0 and int(done[5]) >= 6 and
           min(n_loads, int(done[3]), int(done[4])) > steps // 10,
           f"{steps} steps, up to {done[5]} plugins at once", done[0])
    # Code at rest is what the guest happens to be at, so these must come down
    # to what they were. The sanitizer keeps some bytes of each load of a
    # plugin in C++.
    code = ("heap", "blocks", "translations")
    slack = {"heap": 2000 + 8 * n_loads if checked else 512,
             "mappings": 4}  # of the allocator; a plugin has five
    n = first // EVERY
    for key in rows[0]:
        if key != "step":
            before = max(row[key] for row in rows[:n])
            after = (min if key in code else max)(
                row[key] for row in rows[n:][-n:])
            expect(after <= before + slack.get(key, 0),
                   f"{key}: {before}, then {after}",
                   "\n".join(str(row) for row in rows))
    early, late = map(statistics.median, (busy[:n], busy[n:]))
    expect(late <= 2 * early + 20,
           f"translations while they run: {early}, then {late}")


def soak_with(steps, first, seed, name="soak", checked=False):
    judge(soak(CHECKED if checked else PANDA, name, seed, steps), steps, first,
          checked)


def main():
    os.chdir(harness.work)
    record()
    if not FULL:
        soak_with(3000, 1000, 1)
        soak_with(1000, 400, 2, checked=True)
        return
    soak_with(10_000, 1_000, 1)
    soak_with(10_000, 1_000, 2, checked=True)
    record_linux()
    soak_with(10_000, 1_000, 3, "linux", checked=True)


try:
    main()
finally:
    close()
