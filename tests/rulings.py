#!/usr/bin/env python3
"""The compatibility page's rulings: rulings/table.txt names for each sentence
the test that shows it, and those that no other test shows are shown here, on a
bare-metal guest of which it is known where blocks end and what is accessed."""
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, folder) for folder in
                ("shared", "rulings")]
import bare_metal
from bare_metal import WORK, boot, build_guests
from build_plugin import STRICT, build_plugin
import checks
from checks import PANDA, end
import table

FOLDER = os.path.join(HERE, "rulings")
WAYS = ([], ["-unit-insns", "1"], ["-unit-insns", "7"], ["-jit", "chaos=5"],
        ["-accel", "interp"])
ENDS = """jump not_taken call loop mov_cr0 mov_cr3 mov_cr4 mov_dr clts lmsw
    wrmsr mov_ss pop_fs popf cld std cli sti in out cpuid iret""".split()
GOES_ON = "from_cr pushf rdmsr rdtsc lock movs invlpg cmov x87".split()


def expect(good, what, detail=""):
    table.shown.add(what)
    checks.expect(good, what, detail)


def build(name, *flags, source=None):
    with open(f"{FOLDER}/{source or name}.c") as file:
        build_plugin(WORK, name, file.read(), *STRICT, *flags, compiler="cc")


def run(*options, env=None):
    done = bare_metal.run(*options, apart=True, env=env)
    return done.returncode, done.stdout, done.stderr


def live(*options):
    return run(*boot("guest", "-monitor", "none", "-display", "none",
                     "-icount", "sleep=off", *options, serial="stdio"))


def rule(*options):
    """What ruler hears, a list of words each."""
    spec = f"ruler:file=heard,first={at('cases'):#x},last={at('based_end'):#x}"
    done = (run if "-replay" in options else live)(
        "-panda", spec, *options)
    with open(f"{WORK}/heard") as file:
        return [line.split() for line in file], done


def at(name):
    return SYMBOLS[name]


# -- Blocks --------------------------------------------------------------------


class Heard:
    def __init__(self, lines):
        self.blocks = [(int(l[1], 16), int(l[2]), int(l[3]))
                       for l in lines if l[0] == "B"]
        self.ended = [int(l[1], 16) for l in lines if l[0] == "E"]
        self.lines = lines

    def is_block(self, start, end, insns=None):
        return any(pc == start and pc + size == end and
                   insns in (None, icount)
                   for pc, size, icount in self.blocks)

    def ends(self, start):
        return start in self.ended


def test_blocks(lines):
    heard = Heard(lines)
    wrong = [n for n in ENDS
             if not heard.is_block(at("z_" + n), at("a_" + n)) or
             at("a_" + n) not in {b[0] for b in heard.blocks} or
             not heard.ends(at("z_" + n))]
    expect(not wrong, f"a block ends behind {len(ENDS)} instructions", wrong)
    wrong = [n for n in GOES_ON
             if not heard.is_block(at("z_" + n), at(n + "_over"))]
    expect(not wrong, f"and not behind {len(GOES_ON)} others", wrong)
    shadow = [n for n in ("mov_ss", "sti")
              if not heard.is_block(at("a_" + n), at("a_" + n) + 1, 1)]
    expect(not shadow, "an interrupt shadow ends with the next one", shadow)
    expect(heard.is_block(at("z_long"), at("z_long") + 512, 512) and
           heard.is_block(at("z_long") + 512, at("edge"), 89),
           "512 instructions")
    edge = at("b_edge")
    expect(heard.is_block(at("z_edge"), edge, 3) and
           heard.is_block(edge, at("a_edge"), 1) and edge % 4096 == 4093,
           "the page's end, and an instruction across it")
    rep = at("a_rep") - 2
    blocks = [b for b in heard.blocks if at("z_rep") <= b[0] < at("a_rep")]
    insns = [l for l in lines if l[0] == "I" and int(l[1], 16) == rep]
    expect(blocks == [(at("z_rep"), 3, 2)] + 4 * [(rep, 2, 1)] and
           len(insns) == 5, "five iterations of REP", (blocks, len(insns)))


def test_left_early(lines):
    heard = Heard(lines)
    for name in "fault", "modified":
        start = at("z_" + name)
        expect(start in {b[0] for b in heard.blocks} and
               not heard.ends(start) and
               at("b_" + name) in {b[0] for b in heard.blocks},
               f"a block left early, by what is {name}")
    rounds = [b[0] for b in heard.blocks
              if at("z_timer") <= b[0] < at("long_block_end")]
    ended = [pc for pc in heard.ended
             if at("z_timer") <= pc < at("long_block_end")]
    middle = [pc for pc in rounds if at("z_timer") < pc <
              at("z_timer") + 500]
    hit = [int(l[2], 16) for l in lines if l[0] == "H"]
    expect(len(hit) == 1 and middle == hit and
           rounds.count(at("z_timer")) == ended.count(at("z_timer")) + 1,
           "a block left early, by an interrupt", (hit, middle))


# -- pc and count --------------------------------------------------------------


def test_counts(lines):
    wrong = [l for l in lines if l[0] == "WRONG"]
    based = {l[0] for l in lines if l[0] in "BIwr" and
             at("based") <= int(l[1], 16) < at("based_end")}
    expect(not wrong and based == set("BIwr"),
           "pc and count agree however they are asked for", wrong[:3])
    pairs = [(e, b) for e, b in zip(
        [l for l in lines if l[0] in "BE"], [l for l in lines if l[0] in "BE"]
        [1:]) if e[0] == "E" and b[0] == "B" and at("cases") <=
        int(e[2], 16) < at("long_block_end")]
    wrong = [(e, b) for e, b in pairs if e[2] != b[1]]
    expect(not wrong and len(pairs) > 100,
           "at a block's end, the pc of the next one", wrong[:2])
    wrong, last = [], None
    for line in lines:
        if line[0] == "B":
            start = int(line[4])
            last = start
        elif line[0] == "I" and last is not None:
            if int(line[2]) != last + 1:
                wrong.append(line)
            last += 1
        elif line[0] == "X" and line[1] == "14":
            fault = int(line[3])
    fault_pc = at("b_fault") - 8
    told = [int(l[2]) for l in lines if l[0] == "I" and
            int(l[1], 16) == fault_pc]
    resumed = [int(l[4]) for l in lines if l[0] == "B" and
               int(l[1], 16) == at("b_fault")]
    expect(not wrong, "each instruction counts one, with itself", wrong[:3])
    # The delivery, and ADD, MOV, IRET of the handler.
    expect(len(told) == len(resumed) == 1 and fault == told[0] - 1 and
           resumed[0] == fault + 4, "a delivery counts as a step",
           (told, fault, resumed))


# -- Memory --------------------------------------------------------------------


def pieces(kind, address, total, size=8):
    return [(kind, address + i, size) for i in range(0, total, size)]


def accesses():
    """NAME: what is told of it."""
    top, words, area = at("small_top"), at("words"), at("area")
    return {
        "push": [("w", top - 8, 8)], "pop": [("r", top - 8, 8)],
        "call": [("w", top - 8, 8)], "ret": [("r", top - 8, 8)],
        "enter": [("w", top - 8, 8)],
        "movs": [("r", words, 8), ("w", area, 8)],
        "cmps": [("r", area, 4), ("r", words, 4)],
        "add": [("r", words, 4), ("w", words, 4)],
        "byte": [("w", words + 5, 1)],
        "vector": pieces("r", words, 16),
        "store": pieces("w", area + 8, 16),
        "crossing": [("w", words + 4092, 8)],
        "segment": [],
        "walk": [("r", words, 4)],
        "device": [("r", 0xfee00080, 4)],
        "quiet": [("w", 0xfee00080, 4)],
    }


def of(lines, name, kinds, which=0):
    """What the instruction accesses in one of the guest's three rounds."""
    rounds, heard = -1, []
    for line in lines:
        if line[0] == "I":
            here = int(line[1], 16) == at("m_" + name)
            rounds += here
        if line[0] in kinds and int(line[1], 16) == at("m_" + name) and \
                rounds == which:
            heard.append((line[0], int(line[2], 16), int(line[3]),
                          int(line[4], 16)))
    return heard


def test_accesses(lines):
    known = accesses()
    wrong = [(name, want, got) for name, want in known.items()
             if (got := [x[:3] for x in of(lines, name, "rw")]) != want]
    expect(not wrong, f"accesses of {len(known)} instructions", wrong[:3])
    expect(of(lines, "push", "w")[0][3] == 0x1122334455667788 and
           of(lines, "byte", "w")[0][3] == 0xcd and
           of(lines, "pop", "r", 1)[0][3] != 0x5a5a5a5a5a5a5a5a,
           "values, in a copy")
    saved = of(lines, "fxsave", "w")
    area = at("area")
    ends = [area] + [x[1] + x[2] for x in saved]
    expect([x[1] for x in saved] == ends[:-1] and ends[-1] >= area + 416 and
           {x[2] for x in saved} <= {1, 2, 4, 8},
           "more than 8 bytes in pieces, upwards", saved[:9])
    masked = of(lines, "masked", "w")
    touched = {x[1] + i for x in masked for i in range(x[2])}
    expect(touched == set(range(area, area + 16)), "MASKMOV", masked)
    crossing = [x[1:3] for x in of(lines, "crossing", "RW")]
    expect(crossing == [(at("words") + 4092, 4), (at("words") + 4096, 4)],
           "one event by linear and two by physical address", crossing)
    pushes = [(int(l[2], 16), int(l[3])) for l in lines if l[0] == "w" and
              int(l[1], 16) == at("m_int")]
    top = at("small_top") & ~15
    expect(pushes[:5] == [(top - 8 * i, 8) for i in range(1, 6)],
           "what a delivery pushes, at the interrupted instruction", pushes)
    devices = [(l[0], int(l[1], 16), int(l[2])) for l in lines
               if l[0] in "dD"]
    expect(devices == 3 * [("D", 0xfee00080, 4), ("d", 0xfee00080, 4),
                           ("D", 0xfee00080, 4)],
           "devices alone, with the physical address", devices[:4])


def test_ruler():
    lines, done = rule()
    expect(done[0] == 1 and "end" in done[1], "the guest runs", done)
    test_blocks(lines)
    test_left_early(lines)
    test_counts(lines)
    test_accesses(lines)
    rule("-record", "ruled")
    first = None
    for way in WAYS:
        again, done = rule("-replay", "ruled", *way)
        first = first or again
        expect(done[0] == 0 and again == first and len(again) == len(lines),
               "the engine's units are never seen", way)
    counts = [int(l[4]) for l in first if l[0] == "B"]
    expect(counts == [int(l[4]) for l in lines if l[0] == "B"],
           "the count runs live as in a recording")
    again, _ = rule("-replay", "ruled", "-panda-arg", "ruler:switches")
    expect(again == first, "switches of pc and chaining change nothing")


# -- Steering ------------------------------------------------------------------


def test_steering():
    build("judge")
    status, out, err = live("-panda", "judge:pool=0x800000")
    expect("judge: exceptions 1 1 1 spaces 1 1 1" in out and
           "cr3 stays" in out, "all are called, one veto is enough", out)
    expect("exception came as 61" in out, "the first other number counts",
           out)
    expect("dr0 0" in out, "system registers are only shown", out)
    expect("judge: disassembled 1 1" in out,
           "panda_disas of bytes, and of the guest", out)
    expect("judge: memory, 0 wrong" in out and "memory stays" in out,
           "what fails has done nothing", out + err)
    for answer, what in ("0x100", "changes"), ("0x101", "stays"), \
            ("0x80", "stays"):
        build("vetoer", "-DPANDA_MANUAL_SIGNATURES", f"-DANSWER={answer}")
        out = live("-panda", "vetoer")[1]
        expect(f"cr3 {what}" in out, "an int vetoes by its low byte",
               answer + out)
    build("one", "-DANSWER=0xa", source="claimer")
    build("two", "-DANSWER=0xb", source="claimer")
    _, out, err = live("-panda", "one")
    expect("claimed: a" in out and "answer one hypercall" not in err,
           "a claimed hypercall is no CPUID", out + err)
    _, out, err = live("-panda", "one;two")
    expect("claimed: b" in out and
           err.count("plugins one and two both answer one hypercall") == 1,
           "two that claim one are named", out + err)


def test_phases():
    truth = {"never": "1 1 1", "late": "0 1 1", "early": "1 0 0",
             "insert": "1 1 0"}
    where = f"pc={at('m_push'):#x}"
    for name in truth:
        build(name, f"-D{name.upper()}", source="phases")
    for names in [[n] for n in truth] + [list(truth), list(truth)[::-1]]:
        out = live("-panda", ";".join(f"{n}:{where}" for n in names))[1]
        wrong = [n for n in names if f"{n}: {truth[n]}\n" not in out]
        expect(not wrong, "calls stay in blocks without their callback"
               if names == ["insert"] else
               "memory callbacks belong to who switches them", (wrong, out))


def test_inserted():
    """Calls in blocks may do what callbacks may."""
    where = f"pc={at('m_push'):#x}"
    build("leaver", "-DINSERT", "-DUNLOAD", source="phases")
    out = live("-panda", f"leaver:{where}")[1]
    expect("leaver: 1 1 0" in out and "end\n" in out,
           "calls in blocks go with their plugin", out)
    build("writer", "-DINSERT", "-DWRITE", source="phases")
    stored = []
    for options in (["-record", "written"], ["-replay", "written"],
                    ["-replay", "written", "-unit-insns", "1"]):
        spec = [] if "-unit-insns" in options else \
            ["-panda", f"writer:{where}"]
        lines, done = rule(*spec, *options)
        stored.append([x[3] for i in range(3)
                       for x in of(lines, "push", "w", i)])
        expect("-record" in options or
               (done[0] == 0 and "identical" in done[1] and
                "writes" not in done[2]),
               "what an inserted call writes is recorded", done)
    expect(stored == 3 * [[0x4242, 0x4242, 0x1122334455667788]],
           "and takes effect before the instruction", stored)
    build("ender", "-DINSERT", "-DLEAVE", source="phases")
    _, out, err = run("-replay", "ruled", "-panda", f"ender:{where}")
    expect("ender: 1 0 0" in out and "ended at request" in out,
           "a request of an inserted call is served", out + err)


# -- Names, places -------------------------------------------------------------


def test_names():
    build("claimer", "-DANSWER=1")
    build("names", f'-DOTHER="{WORK}/panda_claimer.so"')
    _, out, err = run("-replay", "ruled", "-panda-arg", "names_more:text=no",
                      "-panda-arg", "name:other=no", "-panda",
                      "names:text=none", "-panda-arg", "names_:other=no")
    expect(re.findall("^names: (.*)$", out, re.M) ==
           ["None nothing", "1 1 1", "loads", "loaded 1"],
           "names of older sources", out + err)


def test_enclosed():
    with open(f"{FOLDER}/enclosed.cpp") as file:
        text = file.read()
    for compiler in "g++", "clang++":
        build_plugin(WORK, "enclosed", text, *STRICT, compiler=compiler)
        out = run("-replay", "ruled", "-panda", "enclosed")[1]
        expect("enclosed: 5 1" in out, 'headers within extern "C", a point by '
               "its type alone", out)


def test_places():
    os.makedirs(f"{WORK}/root/x86_64-softmmu/panda/plugins")
    os.makedirs(f"{WORK}/mine")
    shutil.copy(f"{WORK}/panda_one.so",
                f"{WORK}/root/x86_64-softmmu/panda/plugins/panda_here.so")
    shutil.copy(f"{WORK}/panda_two.so", f"{WORK}/mine/panda_here.so")
    env = {**os.environ, "PANDA_DIR": f"{WORK}/root"}
    env.pop("PANDA_PLUGIN_DIR")
    machine = ["-m", "40", "-kernel", "guest", "-serial", "stdio", "-monitor",
               "none", "-display", "none", "-no-reboot", "-device",
               "isa-debug-exit,iobase=0x501", "-icount", "sleep=off",
               "-panda"]
    out = run(*machine, "here", env=env)[1]
    expect("claimed: a" in out, "$PANDA_DIR is looked in", out)
    env["PANDA_PLUGIN_DIR"] = f"{WORK}/mine"
    out = run(*machine, "here", env=env)[1]
    expect("claimed: b" in out, "after $PANDA_PLUGIN_DIR", out)
    out = run(*machine, "sample:help", env=env)[1]
    expect("sample " in out, "and beside the program", out)
    out = run(*machine, f"{WORK}/root/x86_64-softmmu/panda/plugins/"
              "panda_here.so", env=env)[1]
    expect("claimed: a" in out, "with a / it is a file", out)
    _, out, err = run(*machine, "nosuch", env=env)
    places = [err.find(p) for p in (
        f"{WORK}/mine", f"{WORK}/root/x86_64-softmmu/panda/plugins",
        os.path.dirname(os.path.realpath(PANDA)) + "/panda/plugins",
        "/panda/x86_64\n")]
    expect(-1 not in places and places == sorted(places),
           "all places are named, in their order", err)


def main():
    global SYMBOLS
    build_guests(f"{FOLDER}/guest.c")
    symbols = subprocess.run(["nm", f"{WORK}/guest"], text=True,
                             check=True, stdout=subprocess.PIPE).stdout
    SYMBOLS = {name: int(value, 16) for value, name in re.findall(
        r"^(\w+) \w (\S+)$", symbols, re.M)}
    build("ruler")
    test_ruler()
    test_steering()
    test_phases()
    test_inserted()
    test_names()
    test_enclosed()
    test_places()
    table.check(checks.expect)
    end()


main()
