#!/usr/bin/env python3
"""Callbacks in the program itself. A bare-metal guest whose events are known
by what it is (tests/callbacks/events.c) runs live, recorded and replayed; a
plugin (teller.c) writes down what it hears.

What must be heard is said here, by the guest's source and what it prints.
Each check is then made blind on purpose, by faults in the dispatcher
(-plugin-mutant): it must notice."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))
import mutants
import teller
from bare_metal import WORK, run
from checks import end, expect
from teller import console, heard


# -- What the guest does, part by part ----------------------------------------

def parts(lines):
    """What comes behind each mark, in order: number, argument, events."""
    found = []
    for line in lines:
        if line[0] == "guest_hypercall" and line[3] == "4d41524b":
            found.append((int(line[4], 16), int(line[5], 16), line[2], []))
        elif found:
            found[-1][3].append(line)
    return found


# By the snippet: where the guest would resume, and the vector.
SNIPPETS = {"undefined": [(0, 6)], "divide": [(2, 0)],
            "page fault": [(0, 14)], "software": [(2, 0x71)],
            "guarded": [(2, 0x20), (0, 13)], "hidden": [(0, 6)]}


def expected(number, argument, mark_pc, live):
    """Name and arguments of each event of a part, without pc and count where
    these are not known. None: of no interest."""
    if number == 1:
        at = [0xfee00020, 0xfee00080, 0xfee00080, 0xfee00080]
        return [("mmio_after_read", at[0], argument, 4, 0),
                ("mmio_before_write", at[1], argument + 0x60, 4, 0x20),
                ("mmio_after_read", at[2], argument + 0x60, 4, 0x20),
                ("mmio_before_write", at[3], argument + 0x60, 4, 0)]
    if number == 2:
        nobody = [("unassigned_io_read", None, argument, 2),
                  ("unassigned_io_write", None, argument + 0x10, 8,
                   0x123456789abcdef0)]
        there = [("mmio_after_read", argument, argument, 2, 0xffff),
                 ("mmio_before_write", argument + 0x10, argument + 0x10, 8,
                  0x123456789abcdef0)]
        return ([nobody[0], there[0], there[1], nobody[1]] if live else there)
    if number == 4:
        return [("before_handle_interrupt", 0x20)]
    if number == 5:
        return [("asid_changed", argument, argument, argument),
                ("asid_changed", argument, argument | 8, argument),
                ("asid_changed", argument | 8, argument, argument | 8)]
    return None


def strip(lines):
    return [line for line in lines if not line[0].startswith(
        ("replay", "virt", "phys", "before_block", "after_block", "insn",
         "after_insn", "start", "end", "cpu_restore", "before_tcg"))]


def judge(lines, live=True):
    """What is wrong with the guest's own events."""
    if ["torn", "pc"] in lines:
        return ["the pc is not the one of the registers"]
    wrong = []
    marks = parts(lines)
    if [m[0] for m in marks] != [1, 0, 2, 0, 3, 3, 3, 3, 3, 3, 0, 4, 0, 5, 0, 6,
                                 0, 7, 0, 8]:
        wrong.append(f"the marks are {[m[0] for m in marks]}")
    before = 0
    for line in lines:
        if len(line) > 2 and line[0] not in ("pre_shutdown", "before_loadvm",
                                             "main_loop_wait"):
            if int(line[1]) < before:
                wrong.append(f"the count goes back at {line}")
            before = int(line[1])
    for number, argument, pc, events in marks:
        want = expected(number, argument, pc, live)
        got = [(e[0], *(int(x, 16) for x in e[3:])) for e in strip(events)]
        if want is not None:
            same = len(want) == len(got) and all(
                w[0] == g[0] and len(w) == len(g) and
                all(a is None or a == b for a, b in zip(w, g))
                for w, g in zip(want, got))
            if not same:
                wrong.append(f"part {number}: {got}")
        if any(e[0].startswith("unassigned") and e[2] != e[3] or
               e[0] == "asid_changed" and e[3] != e[5] for e in strip(events)):
            wrong.append("the pc, or the address space that is left")
        if pc != marks[0][2]:
            wrong.append("a mark at another pc")
    # Each snippet: the exception at its place, then nothing.
    tried = [m for m in marks if m[0] == 3]
    for (name, want), m in zip(SNIPPETS.items(), tried):
        got = [(e[0], int(e[2], 16), int(e[3], 16)) for e in strip(m[3])]
        if got != [("before_handle_exception", m[1] + offset, vector)
                   for offset, vector in want]:
            wrong.append(f"{name}: {got}")
    # The ends of the loop's snippets, forty of them.
    got = [(e[0], e[3]) for m in marks if m[1] == 0 and m[0] == 0
           for e in strip(m[3]) if e[0] == "before_handle_exception"]
    if got != [("before_handle_exception", "70")] * 40:
        wrong.append(f"the loop: {len(got)}")
    return wrong


def guest_events():
    run(*teller.OPTIONS, "-kernel", f"{WORK}/events", "-serial",
               f"file:{WORK}/console")
    plain = console()
    lines, _ = heard("live")
    expect(not judge(lines), "the guest's events, live", judge(lines))
    expect(console() == plain and len(plain) > 10,
           "a guest that is watched does not notice",
           [pair for pair in zip(console(), plain) if pair[0] != pair[1]])
    live = [line for line in lines if line[0] != "uninit"]
    lines, said = heard("record")
    expect(not judge(lines) and console() == plain and
           [line for line in lines if line[0] != "uninit"] == live,
           "and recorded: the same", judge(lines))
    lines, said = heard("replay")
    expect(not judge(lines, False) and "identical" in said,
           "and replayed", str(judge(lines, False)) + said)
    for _, mutant in mutants.of("callbacks.py"):
        lines, _ = heard("live", "-plugin-mutant", mutant)
        expect(judge(lines), f"noticed: {mutant}")


# -- Steering, live -----------------------------------------------------------

def steering():
    heard("live")
    plain = console()
    heard("live", options=",answer=yes")
    said = console()
    answers = [line for line in said if " answer " in line]
    expect([line for line in said if " answer " not in line] == plain and
           len(answers) == 20 and all(
               re.match(r"part (\d+) answer 1 ([0-9a-f]+) [0-9a-f]+$", a) and
               int(a.split()[4], 16) == int(a.split()[1]) + 1
               for a in answers),
           "an answer to a hypercall", answers)
    lines, _ = heard("live", options=",steer=yes")
    said = {line.split()[0]: line for line in console()}
    expect(said["device"] == "device ee000000", "the value of a device",
           said["device"])
    expect(said["nobody"] == "nobody 1234", "an answer where nobody is",
           said["nobody"])
    expect(said["undefined:"].startswith("undefined: vector 3 error 0"),
           "another exception", said["undefined:"])
    expect(said["timer:"].startswith("timer: vector 33 "),
           "another interrupt", said["timer:"])
    changes = [line[3:5] for line in lines if line[0] == "asid_changed"]
    expect(changes[-1][0] == changes[-1][1] and changes[-2][1][-1] == "8",
           "an address space that stays", changes)


# -- Filters -------------------------------------------------------------------

BLOCKS = ("before_block_exec", "before_block_exec_invalidate_opt",
          "after_block_exec", "start_block_exec", "end_block_exec")
INSNS = ("insn_exec", "after_insn_exec")


def is_access(line):
    return line[0].startswith(("virt_mem", "phys_mem"))


def is_device(line):
    return line[0].startswith("mmio")


def filters():
    limit = ["-limit", "65000"]
    tail = 46000 # before it, memory is only made ready

    def ours(**filter):
        text = "".join(f",{k}={v}" for k, v in filter.items())
        lines, _ = heard("live", *limit, options=",woven=yes" + text)
        return [line for line in lines if len(line) > 1 and
                int(line[1]) > tail and (line[0] in BLOCKS + INSNS or
                                         is_access(line) or is_device(line))]

    def same(what, want, got):
        expect(got == want and got and len(got) < len(every), what,
               f"{len(got)} and {len(want)}, of {len(every)}; " + str(
                   [(a, b) for a, b in zip(got, want) if a != b][:1]))

    def apart(what, one, other):
        key = lambda line: (int(line[1]), str(line))
        expect(one and other and
               sorted(one + other, key=key) == sorted(every, key=key), what,
               f"{len(one)}, {len(other)}, {len(every)}")

    every = ours()
    low, high = 0x101b40, 0x101bff
    # After an instruction its own pc is not told.
    same("code addresses", [
        line for line in every if line[0] != "after_insn_exec" and
        low <= int(line[2 if is_device(line) else 3], 16) <= high],
        [line for line in ours(filter="yes", first_pc=low, last_pc=high)
         if line[0] != "after_insn_exec"])
    first, last = 0x803000, 0x8060ff
    same("data addresses", [
        line for line in every if not is_device(line) and
        (not is_access(line) or first <= int(line[4], 16) <= last)],
        ours(filter="yes", first=first, last=last))
    same("sizes", [
        line for line in every if not (is_access(line) or is_device(line)) or
        int(line[5], 16) in (1, 4)], ours(filter="yes", sizes=5))
    apart("either privilege, and both are all", ours(filter="yes", where=1),
          ours(filter="yes", where=2))
    apart("address spaces", ours(filter="yes", asid=0x104000),
          ours(filter="yes", asid=0x104008))


def main():
    teller.build()
    guest_events()
    steering()
    filters()
    end()


main()
