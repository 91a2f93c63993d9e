#!/usr/bin/env python3
"""pc_search against a listing of the starts of blocks with their counts, made
by the interpreter, one instruction a unit; a range of all addresses against
the steps of the run."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests")
sys.path[:0] = [f"{TESTS}/recording", f"{TESTS}/shared"]
from build_plugin import build_plugin
from harness import LIMIT, PANDA, bare_guest, close, expect, path

LISTER = """
#include "panda/plugin.h"
static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu;
    printf("block %" PRIx64 " %" PRIu64 "\\n", tb->pc,
           rr_get_guest_instr_count());
}
bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = on_block};
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}
void uninit_plugin(void *self) { (void)self; }
"""


def run(*command):
    return subprocess.run(command, cwd=path(""), text=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def replay(arguments, *options):
    done = run(PANDA, "-replay", "r", *options, "-panda",
               "pc_search:" + arguments)
    expect(done.returncode == 0 and "identical" in done.stdout,
           f"replayed with {arguments}", done.stdout)
    with open(path("pc_matches.txt")) as file:
        return file.read().splitlines()


def listing():
    """[(pc, count)] of the starts of blocks: the instruction there is the
    next one, and so has the count plus 1."""
    build_plugin(path(""), "lister", LISTER)
    done = run(PANDA, "-replay", "r", "-accel", "interp", "-unit-insns", "1",
               "-panda-plugin", path("panda_lister.so"))
    rows = [line.split() for line in done.stdout.splitlines()
            if line.startswith("block ")]
    return [(int(pc, 16), int(count) + 1) for _, pc, count in rows]


def main():
    run(PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
        "-icount", "sleep=off", "-limit", "1000000", "-record", "r")
    blocks = listing()
    pcs = [pc for pc, _ in blocks]
    times = {pc: [n for p, n in blocks if p == pc] for pc in set(pcs)}
    often = max(times, key=lambda pc: len(times[pc]))
    rare = min(times, key=lambda pc: (len(times[pc]), pc))
    never = 0x12345
    # Instructions may also run in the midst of another block.
    for pc in often, rare, never:
        truth = times.get(pc, [])
        for options in [], ["-unit-insns", "3"], ["-accel", "interp"]:
            rows = replay(f"pc={pc:#x}", *options)
            counts = [int(row.split(":")[2]) for row in rows]
            expect(all(row.startswith(f"PC:{pc:#x} Guest Instr:")
                       for row in rows) and
                   set(truth) <= set(counts) and
                   (pc != never or not rows) and counts == sorted(counts) and
                   len(set(counts)) == len(counts),
                   f"{pc:#x}: {len(rows)} times")
        rows = replay(f"pc={pc:#x},first_last_only")
        expect(rows == ([f"PC:{pc:#x} First Guest Instr:{counts[0]} Last "
                         f"Guest Instr:{counts[-1]}"] if truth else []),
               "the first and the last time")
    test_all_of_a_range(min(pcs), max(pcs))
    with open(path("list"), "w") as file:
        file.write(f"{often:x}\n\n  0x{rare:X}\n{never:x}\n")
    both = sorted(times[often] + times[rare])
    counts = [int(row.split(":")[2]) for row in replay("pc_file=list")]
    expect(set(both) <= set(counts) and counts == sorted(counts), "pc_file")
    for what, *words in (("", "pc_range="), ("pc_range=9-1", "LOW-HIGH"),
                         ("pc_file=nowhere", "nowhere"),
                         ("pc_file=panda_lister.so", "panda_lister.so"),
                         ("pc=1,out_file=no/where", "no/where")):
        done = run(PANDA, "-replay", "r", "-panda", "pc_search:" + what)
        expect(done.returncode == 1 and all(w in done.stdout for w in words),
               f"refused: {what}", done.stdout)
    close()


def test_all_of_a_range(low, high):
    """Every instruction of the run lies in it or in the last block: each
    count comes once, but for what REP and interrupts count."""
    rows = replay(f"pc_range={low:#x}-{high + 4096:#x}")
    counts = [int(row.split(":")[2]) for row in rows]
    expect(all(row.startswith(f"PC Range:{low:#x}-{high + 4096:#x} Guest")
               for row in rows) and
           len(counts) > 990000 and len(set(counts)) == len(counts) and
           counts == sorted(counts) and counts[0] == 1,
           f"pc_range: {len(counts)} of 1000000 steps are instructions")


main()
