#!/usr/bin/python3
"""What plugins hear of blocks, instructions and accesses, against a truth that
has passed no plugin: the interpreter's log (-trace), cut into blocks by a
script with capstone (shared/cut.py). Each event must be there, in order, with
count, pc and all arguments, of bare-metal guests and of pieces of a Linux.

Then events are spoilt on purpose (-plugin-mutant), one kind at a time: each
fault must be noticed."""
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
import cut
import mutants
import teller
from bare_metal import WORK, build_guests, run, written
from build_plugin import build_plugin
from checks import FULL, TOP, end, expect
from teller import OPTIONS

ME = "plugins_truth.py"
BARE = ["breakpoints", "delivery", "device", "faults", "floats", "legacy",
        "modify", "paging", "real", "segments", "steps", "strings", "system",
        "transfers"]
READY = 46000  # until then these guests make their memory ready, all alike
FROM = {"system": 120000}  # where it unmasks floating point exceptions


def trace(way, first=0, base=None):
    """The truth, and the lines of the log."""
    done = run(*way, "-accel", "interp", "-trace", "trace")
    lines = written("trace").splitlines()
    unknown = set()
    truth = cut.events_of(lines, unknown, first, base)
    expect(not unknown, "capstone knows all of its instructions", unknown)
    return truth, lines, done.stdout


def hear(way, *more, options=""):
    run(*way, "-panda", f"teller:file=heard,woven=yes{options}", *more)
    return [line.split() for line in written("heard").splitlines()]


def compare(what, way, engines, first=0, base=None):
    truth, _, said = trace(way, first, base)
    for engine in engines:
        lines = hear(way, *engine, options=f",from={first}")
        why = cut.difference(lines, truth)
        expect(truth and not why, f"{what}: {len(truth)} events are the truth "
               f"{' '.join(engine)}", f"{why}\n{said[-500:]}")
    return truth


# -- Guests -------------------------------------------------------------------

def live(guest, limit):
    return [*OPTIONS, "-kernel", f"{WORK}/{guest}", "-serial", "null",
            "-limit", str(limit)]


def bare_metal():
    build_guests(*BARE)
    ways = [[], ["-jit", "chaos=1", "-unit-insns", "7"]] if FULL else [[]]
    for guest in ["events", *BARE]:
        first = READY if FULL else FROM.get(guest, READY)
        compare(guest, live(guest, 250000 if FULL else first + 22000), ways,
                first, 0)


def linux():
    """As it boots, and (FULL) when its userland runs."""
    guest = f"{TOP}/build/guest"
    boot = ["-m", "256", "-kernel", f"{guest}/vmlinuz", "-initrd",
            f"{guest}/initrd", "-append", "console=ttyS0 panic=-1",
            "-serial", "null", "-display", "none",
            "-rtc", "base=2024-01-01T00:00:00"]
    build_plugin(WORK, "conductor")
    for block, steps in ((2000000, 8000), (15000000, 20000)) + (
            ((60000000, 100000), (120000000, 300000)) if FULL else ()):
        teller.remove_recording()
        run(*boot, "-panda", "conductor:name=rec,"
            f"do={block}-record+{block + steps // 4}-quit")
        truth = compare(f"Linux, behind {block} blocks", ["-replay", "rec"],
                        [[]] if not FULL else [[], ["-jit", "chaos=1"]])
        expect(len(truth) > 4 * steps, f"{len(truth)} events")


# -- Faults on purpose --------------------------------------------------------

def spoilt():
    first, last = READY + 8000, READY + 10500
    way = live("events", last)
    truth, _, _ = trace(way, first, 0)
    kinds = {event[0] for event in truth}
    expect(kinds == cut.NAMES, "all kinds of events", cut.NAMES - kinds)
    lines = hear(way, options=f",from={first}")
    expect(not cut.difference(lines, truth), "nothing is wrong unspoilt")
    for _, mutant in mutants.of(ME, lambda kind: kind in kinds):
        lines = hear(way, "-plugin-mutant", mutant, options=f",from={first}")
        expect(cut.difference(lines, truth), f"noticed: {mutant}")


# -- Translation --------------------------------------------------------------

# Loads the teller in the midst of a run, and later has all translated anew.
LATECOMER = """
#include "panda/plugin.h"
static uint64_t load, flush;
static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    uint64_t count = rr_get_guest_instr_count();

    (void)cpu, (void)tb;
    if (load && count >= load) {
        char *path = panda_plugin_path("teller");

        load = 0;
        assert(panda_load_plugin(path, "teller"));
        free(path);
    }
    if (flush && count >= flush) {
        flush = 0;
        panda_do_flush_tb();
        printf("flushed at %" PRIu64 "\\n", count);
    }
}
bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("latecomer");
    panda_cb pcb = {.before_block_exec = on_block};

    load = panda_parse_uint64(args, "load", 0);
    flush = panda_parse_uint64(args, "flush", 0);
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}
void uninit_plugin(void *self) { (void)self; }
"""


def instructions_of(truth):
    """Of each block that ran to its end, by pc, size, number: its own."""
    found, pcs = {}, None
    for event in truth:
        if event[0] == "before_block_exec":
            pcs = []
        elif event[0] == "insn_exec" and pcs is not None:
            pcs.append(event[3])
        elif event[0] == "end_block_exec" and pcs is not None:
            found[event[3:]] = pcs
            pcs = None
    return found


def translations_wrong(heard, insns, flushed):
    """Each block is translated, instruction by instruction, before it is seen
    to run, and again behind a flush."""
    known, asked, seen, later, count = set(), None, set(), 0, 0
    for line in heard:
        if count <= flushed < int(line[1]):
            known = set()
        count = int(line[1])
        arguments = [int(x, 16) for x in line[3:]]
        if line[0] == "before_block_translate":
            if asked:
                return f"{line} within another"
            asked = {"insn_translate": [], "after_insn_translate": [],
                     "pc": arguments[0]}
        elif line[0] in (asked or ()):
            asked[line[0]] += arguments
        elif line[0] == "after_block_translate":
            pc, size, _ = shape = tuple(arguments)
            pcs = insns.get(shape)
            if not asked or asked["pc"] != pc or pcs and (
                    asked["insn_translate"] != pcs or
                    asked["after_insn_translate"] != pcs[1:] + [pc + size]):
                return f"{line}: {asked}, not {pcs}"
            known.add(shape)
            asked = None
        elif line[0] == "before_block_exec":
            if tuple(arguments) not in known:
                return f"{line} is not known"
            seen.add(tuple(arguments))
            later += count > flushed
    whole = len(seen & insns.keys())
    return f"few: {whole}, {later}" if whole < 50 or later < 50 else None


def translated():
    first, last = READY + 8000, READY + 12500
    way = live("events", last)
    truth, _, _ = trace(way, READY, 0)
    insns = instructions_of(truth)
    build_plugin(WORK, "latecomer", LATECOMER)

    def wrong(flush, *more):
        done = run(*way, "-panda", f"latecomer:load={first},flush={flush}",
                   "-panda-arg", "teller:file=heard", "-panda-arg",
                   "teller:woven=yes", "-panda-arg", "teller:engine=yes",
                   *more)
        heard = [line.split() for line in written("heard").splitlines()
                 if "translate" in line or line.startswith("before_block")]
        found = re.search(r"flushed at (\d+)", done.stdout)
        return translations_wrong(heard, insns, int(found[1]) if found
                                  else 0) or (None if flush == 0 or found
                                              else done.stdout)

    expect(not wrong(0), "blocks are translated before they are seen to run, "
           "by a plugin that came late", wrong(0))
    for way_of in [], ["-accel", "interp"], ["-unit-insns", "1"]:
        why = wrong(first + 1500, *way_of)
        expect(not why, f"and again behind a flush {' '.join(way_of)}", why)
    for _, mutant in mutants.of(ME, lambda kind: "translate" in kind):
        expect(wrong(0, "-plugin-mutant", mutant), f"noticed: {mutant}")


# -- What the engine does -----------------------------------------------------

def restored_wrong(heard, truth, left):
    """cpu_restore_state: whenever an instruction was left, with the block
    that it is in."""
    starts = [event for event in truth if event[0] == "before_block_exec"]
    told = [[int(line[1]), *(int(x, 16) for x in line[2:])] for line in heard
            if line[0] == "cpu_restore_state"]
    if [event[:2] for event in told] != left:
        return f"{len(told)} events, of {len(left)}"
    for count, pc, *block in told:
        begun = [s for s in starts if s[1] < count][-1]
        if list(begun[3:]) != block or not 0 <= pc - block[0] < block[1]:
            return f"at {count} the block {block} instead of {begun}"
    return None


def restored():
    """The log is written by the same run: how often the engine leaves
    instructions is its own affair."""
    way = live("events", READY + 18000)

    def wrong(*more):
        done = run(*way, "-accel", "interp", "-trace", "trace", "-panda",
                   "teller:file=heard,woven=yes,engine=yes", *more)
        lines = written("trace").splitlines()
        left = [[int(w[1]) + 1, int(w[2], 16)] for w in map(str.split, lines)
                if w[0] == "L"]
        heard = [line.split() for line in written("heard").splitlines()]
        return restored_wrong(heard, cut.events_of(lines, set()), left), \
            len(left), done.stdout

    why, n, said = wrong()
    expect(not why and n > 10, f"cpu_restore_state, {n} times", f"{why}{said}")
    for _, mutant in mutants.of(ME, lambda kind: "restore" in kind):
        expect(wrong("-plugin-mutant", mutant)[0], f"noticed: {mutant}")


def main():
    teller.build()
    bare_metal()
    linux()
    spoilt()
    translated()
    restored()
    end()


main()
