#!/usr/bin/env python3
"""recctrl: a guest that has a part of itself recorded, and what it is
answered; the recording has that part, and replays without the plugin."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests/shared")
from bare_metal import WORK, build_guests, run, written
from checks import end, expect

LIVE = ["-m", "40", "-kernel", "test_program", "-serial", "file:out",
        "-no-reboot", "-rtc", "base=0", "-icount", "sleep=off"]
ANSWERS = ["close: -1", "open: 1", "open: 0", "nothing: -1", "close: 0",
           f"sum: {sum(range(100000)) % 2 ** 32}"]


def printed():
    return [line for line in written().splitlines() if ": " in line]


def recordings():
    return sorted(f for f in os.listdir(WORK) if "-rr-" in f)


def test_sessions():
    done = run(*LIVE, "-panda", "recctrl:session_rec,nrec=1", apart=True)
    expect(printed()[:len(ANSWERS)] == ANSWERS, "what the guest is answered",
           printed())
    expect(done.returncode == 0 and "not reached" not in printed(),
           "nrec=1 ends the program", done.stderr)
    expect(recordings() == ["part-rr-nondet.log", "part-rr-snp"],
           "one recording, of the first name", recordings())
    steps = set()
    for more in [], ["-panda", "recctrl:session_rec,nrec=1"], \
            ["-unit-insns", "1"]:
        done = run("-replay", "part", *more, apart=True)
        expect(done.returncode == 0 and "identical" in done.stdout and
               "arning" not in done.stderr,
               f"replays {' '.join(more)}", done.stdout + done.stderr)
        steps.add(done.stdout.split("identical, ")[1].split()[0])
    expect(len(steps) == 1 and 300_000 < int(steps.pop()) < 3_000_000,
           "the loop is in it")


def test_without():
    """Without the argument, dry, and without the plugin."""
    for name in recordings():
        os.unlink(f"{WORK}/{name}")
    run(*LIVE, "-panda", "recctrl", "-limit", "3000000")
    expect(printed()[:2] == ["close: -1", "open: -1"],
           "sessions need session_rec", printed())
    done = run(*LIVE, "-panda", "recctrl:session_rec,dry", "-limit", "3000000",
               apart=True)
    expect("begins part_000 (dry)" in done.stdout and not recordings() and
           "close: 2" in printed(), "dry", done.stdout)
    run(*LIVE, "-limit", "3000000")
    expect({row.split()[-1] for row in printed()[:4]} == {"0"},
           "without recctrl it is a CPUID", printed())


def main():
    build_guests(f"{HERE}/test_program.c")
    test_sessions()
    test_without()
    end()


main()
