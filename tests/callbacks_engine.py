#!/usr/bin/env python3
"""What the engine does by itself, as plugins hear of it (the guest and the
plugin are those of tests/callbacks.py): translation, slices of the run, the
beginning and the end, the monitor. And that every callback there is, is
spoilt by some test (callbacks/mutants.txt)."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))
import mutants
import teller
from bare_metal import WORK, run, written
from checks import end, expect
from teller import OPTIONS, heard

ME = "callbacks_engine.py"


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
    for kind, mutant in mutants.of(ME, lambda kind: kind in SLICES or
                                   "codegen" in kind):
        woven = kind not in SLICES
        lines, _ = heard("live", *limit, "-plugin-mutant", mutant,
                         options=options if woven else ",engine=yes")
        expect(complaints(lines, woven), f"noticed: {mutant}")


SLICES = ("top_loop", "after_cpu_exec_enter", "before_cpu_exec_exit")


# -- Once a run, and between slices -------------------------------------------

ONCE = ("before_loadvm", "after_loadvm", "after_machine_init", "pre_shutdown")


def first_pc(*way):
    """Of the first instruction, by the interpreter's log."""
    run(*way, "-accel", "interp", "-limit", "10", "-trace", "trace")
    return written("trace").split(maxsplit=3)[2]


def course_wrong(lines, pc, replay):
    """The beginning and the end, each once and at its place; and
    main_loop_wait, between one slice and the next."""
    names = [line[0] for line in lines]
    begin = (["before_loadvm", "after_loadvm"] if replay else []) + [
        "after_machine_init"]
    once = begin + ["pre_shutdown"]
    if ["torn", "pc"] in lines:
        return "the pc is not the one of the registers"
    if [name for name in names if name in ONCE] != once or \
            names[-2:] != ["pre_shutdown", "uninit"] or \
            names[:len(begin)] != begin:
        return [name for name in names if name in ONCE], names[-2:]
    for line in lines:
        if line[0] in ("after_loadvm", "after_machine_init") and line[1:] != [
                "0", pc, "1"]:
            return line
    turns = [name for name in names if name in SLICES + ("main_loop_wait",)]
    slices = len(turns) // 4 + 1
    want = ([*SLICES, "main_loop_wait"] * slices)[:-1]
    return None if slices > 5 and turns == want else \
        f"{slices} slices: {turns[:12]} ... {turns[-5:]}"


def course():
    chaos = ["-jit", "chaos=9"]
    live = [*OPTIONS, "-kernel", f"{WORK}/events", "-serial", "null"]
    for how, way in ("live", live), ("replay", ["-replay", "rec"]):
        if how == "replay":
            heard("record")
        pc = first_pc(*way)

        def wrong(*more):
            lines, _ = heard(how, *chaos, *more, options=",engine=yes")
            return course_wrong(lines, pc, how == "replay")

        expect(not wrong(), f"{how}: beginning and end, once; main_loop_wait "
               "between slices", wrong())
        for kind, mutant in mutants.of(ME, lambda kind: kind in ONCE or
                                       kind == "main_loop_wait"):
            if how == "replay" or "loadvm" not in kind:
                expect(wrong("-plugin-mutant", mutant),
                       f"noticed: {mutant}, {how}")


# -- The monitor --------------------------------------------------------------

def monitor():
    typed = ["one", "two words", "three = 3", "four"]

    def told(*more):
        """Before the first instruction, so that all come in one order."""
        run(*OPTIONS, "-kernel", f"{WORK}/events", "-serial", "null", "-S",
            "-monitor", "stdio", "-panda", "teller:file=heard,engine=yes",
            *more, typed="".join(f"plugin_cmd {t}\n" for t in typed) +
            "cont\n")
        return [line.split(" ", 3)[3] for line in
                written("heard").splitlines() if line.startswith("monitor ")]

    expect(told() == typed, "what is typed at the monitor", told())
    for _, mutant in mutants.of(ME, lambda kind: kind == "monitor"):
        expect(told("-plugin-mutant", mutant) != typed, f"noticed: {mutant}")


def main():
    teller.build()
    expect(not mutants.missing(), "every callback is spoilt by a test",
           mutants.missing())
    engine_events()
    course()
    monitor()
    end()


main()
