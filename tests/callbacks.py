#!/usr/bin/env python3
"""Callbacks in the program itself. A bare-metal guest whose events are known
by what it is (tests/callbacks/events.c) runs live, recorded and replayed; a
plugin (teller.c) writes down what it hears.

What must be heard is said here, by the guest's source and what it prints, and
for devices by its console and the recording's log. Each check is then made
blind on purpose, by faults in the dispatcher (-plugin-mutant): it must
notice."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))
import teller
from checks import end, expect
from teller import SOURCES, WORK, console, heard, run, written


def build():
    teller.build()
    subprocess.run(["cc", "-O1", "-std=gnu17", "-D_GNU_SOURCE", "-Isrc", "-o",
                    f"{WORK}/log_notes", SOURCES + "log_notes.c",
                    "src/boundary/log_reader.c", "src/boundary/log_entry.c",
                    "src/boundary/notes.c", "src/base/error.c",
                    "src/base/file.c", "-lzstd", "-lz"], check=True)


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
    teller.run(*teller.OPTIONS, "-kernel", f"{WORK}/events", "-serial",
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
    for how in "drop", "double", "delay", "alter":
        for kind, every in MUTANTS:
            lines, _ = heard("live", "-plugin-mutant", f"{how}:{kind}:{every}")
            expect(judge(lines), f"noticed: {how} {kind}")


MUTANTS = [("mmio_after_read", 2), ("mmio_before_write", 2),
           ("guest_hypercall", 3), ("asid_changed", 3),
           ("unassigned_io_read", 1), ("unassigned_io_write", 1),
           ("before_handle_exception", 2), ("before_handle_interrupt", 1)]


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


# -- Replay events ------------------------------------------------------------

KINDS = {"replay_serial_receive": 3, "replay_serial_read": 4,
         "replay_serial_write": 5, "replay_serial_send": 6}


def notes(lines):
    """As log_notes prints them: count, within, kind, from, to, value."""
    found = []
    for line in lines:
        if line[0] not in KINDS:
            continue
        numbers = [int(x, 16) for x in line[3:]]
        if line[0] == "replay_serial_receive":
            numbers = [0, *numbers]
        elif line[0] == "replay_serial_send":
            numbers = [numbers[0], 0, numbers[1]]
        elif line[0] == "replay_serial_write":
            numbers = [numbers[1], numbers[0], numbers[2]]
        found.append([int(line[1]) - 1, 1, KINDS[line[0]], *numbers])
    return found


def replay_events():
    lines, _ = heard("record")
    expect(not notes(lines), "no replay events while recording")
    listed = [[int(x, 16 if i > 2 else 10) for i, x in
               enumerate(line.split())] for line in subprocess.run(
        [f"{WORK}/log_notes", f"{WORK}/rec-rr-nondet.log"], text=True,
        stdout=subprocess.PIPE).stdout.splitlines()]
    text = "".join(chr(n[5]) for n in listed if n[2] == 6)
    expect(text == written("console").replace("x\n", "x\ny", 1) and
           len(listed) == 2 * len(text) + 2,
           "the log has each byte that was sent", f"{len(listed)}")
    byte = [n for n in listed if n[2] in (3, 4)]
    expect([n[5] for n in byte] == [ord("y")] * 2 and byte[0][4] == byte[1][3],
           "and the one that came back", byte)
    for way in ([], ["-unit-insns", "1"], ["-jit", "chaos=3"],
                ["-accel", "interp"], ["-replay-drive"]):
        lines, said = heard("replay", *way)
        expect(notes(lines) == listed and "identical" in said,
               f"a replay tells them all: {' '.join(way)}", said)
    for kind in KINDS:
        every = 1 if kind in ("replay_serial_receive",
                              "replay_serial_read") else 100
        for how in "drop", "double", "delay", "alter":
            lines, _ = heard("replay", "-plugin-mutant",
                             f"{how}:{kind}:{every}")
            expect(notes(lines) != listed, f"noticed: {how} {kind}")


# -- The engine's events ------------------------------------------------------

def complaints(lines, translated=True):
    if ["torn", "pc"] in lines:
        return ["the pc is not the one of the registers"]
    wrong = []
    names = [line[0] for line in lines]
    if names[-2:] != ["pre_shutdown", "uninit"]:
        wrong.append(f"the end: {names[-3:]}")
    if names.count("pre_shutdown") != 1:
        wrong.append("pre_shutdown")
    pairs = [(n, line) for n, line in zip(names, lines) if n in
             ("after_cpu_exec_enter", "before_cpu_exec_exit", "top_loop")]
    for i, (name, line) in enumerate(pairs):
        order = ("top_loop", "after_cpu_exec_enter", "before_cpu_exec_exit")
        if name != order[i % 3]:
            wrong.append(f"not in turn: {name}")
            break
        if name != "before_cpu_exec_exit" and line[3] != "1":
            wrong.append("no CPU")
        ran = (name == "before_cpu_exec_exit" and
               line[1] != pairs[i - 1][1][1])
        if name == "before_cpu_exec_exit" and (line[3] == "1") != ran:
            wrong.append("ran_block")
        if name == "before_cpu_exec_exit" and line[2] == "0":
            wrong.append("pc")
    if len(pairs) % 3 or not pairs:
        wrong.append("not each one ends")
    # Before a block is seen to run, it is told to have been translated, each
    # of its instructions was asked about, once.
    known, open_ = set(), None
    for line in lines if translated else []:
        if line[0] == "before_block_translate":
            if open_:
                wrong.append("one in another")
            open_ = [int(line[3], 16), [], [], None]
        elif line[0] in ("insn_translate", "after_insn_translate"):
            if not open_:
                wrong.append("an instruction of no block")
                break
            open_[1 + (line[0] == "after_insn_translate")].append(
                int(line[3], 16))
        elif line[0] == "before_tcg_codegen":
            if not open_ or open_[3]:
                wrong.append("codegen of no block")
                break
            open_[3] = line[3:]
        elif line[0] == "after_block_translate":
            pc, size, insns = (int(x, 16) for x in line[3:])
            if (not open_ or open_[0] != pc or open_[3] != line[3:] or
                    len(open_[1]) != insns or len(open_[2]) != insns or
                    open_[1][0] != pc or open_[2][-1] != pc + size or
                    open_[1][1:] != open_[2][:-1]):
                wrong.append(f"the translation of {line}: {open_}")
                break
            known.add((pc, size, insns))
            open_ = None
        elif line[0] == "before_block_exec":
            if tuple(int(x, 16) for x in line[3:]) not in known:
                wrong.append(f"runs untranslated: {line}")
                break
    if translated and len(known) < 100:
        wrong.append("few blocks")
    return wrong


def engine_events():
    options = ",engine=yes,woven=yes"
    limit = ["-limit", "60000"]
    lines, _ = heard("live", *limit, options=options)
    expect(not complaints(lines), "the engine's events, live",
           complaints(lines)[:5])
    expect(lines[0][0] == "after_machine_init" or
           [n[0] for n in lines[:2]] == ["after_machine_init", "top_loop"],
           "the first of them", lines[:3])
    heard("record")
    lines, _ = heard("replay", options=",engine=yes")
    expect([n[0] for n in lines[:3]] == ["before_loadvm", "after_loadvm",
                                         "after_machine_init"] and
           not complaints(lines, False), "and in a replay",
           complaints(lines, False))
    expect(any(n[0] == "main_loop_wait" for n in lines), "main_loop_wait")
    restored = [n for n in lines if n[0] == "cpu_restore_state"]
    expect(len(restored) > 10, "cpu_restore_state")
    done = run("-replay", "none", "-panda", "teller:file=heard,engine=yes")
    text = written("heard").split()
    expect(done.returncode == 1 and text[-4:] ==
           ["pre_shutdown", "0", "0", "uninit"],
           "no such recording: plugins end all the same", text)
    run("-replay", "rec", "-panda", "teller:file=heard,engine=yes;nosuch")
    text = written("heard").split()
    expect(text[-4:] == ["pre_shutdown", "0", "0", "uninit"],
           "a later plugin that is not there, too", text)
    for kind, every in (("before_block_translate", 50),
                        ("after_block_translate", 50),
                        ("before_tcg_codegen", 50), ("insn_translate", 200),
                        ("after_insn_translate", 200),
                        ("after_cpu_exec_enter", 1),
                        ("before_cpu_exec_exit", 1), ("top_loop", 1)):
        for how in "drop", "double", "delay", "alter":
            if how == "alter" and kind in ("top_loop", "after_cpu_exec_enter"):
                continue # nothing but the CPU: its pc is looked at by teller
            lines, _ = heard("live", *limit, "-plugin-mutant",
                             f"{how}:{kind}:{every}", options=options)
            expect(complaints(lines), f"noticed: {how} {kind}")


def main():
    build()
    guest_events()
    steering()
    filters()
    replay_events()
    engine_events()
    end()


main()
