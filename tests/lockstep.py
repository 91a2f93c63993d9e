#!/usr/bin/env python3
"""What no guest may see, on the stock kernel: how long units are, which backend
runs them, the engine's random choices (-jit chaos), the host's load. Equal
hashes of the state at equal counts; lockstep over the same stretches; and a
miscompiled op, which lockstep has to notice and to name.

Two stretches: the first steps of the boot (decompression), and a recording of
the kernel's own start. FULL=1: 300 million steps of the first, whole boots.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))
from checks import FULL, PANDA, TOP, end, expect

GUEST = f"{TOP}/build/guest"
BOOT = ["-m", "256", "-kernel", f"{GUEST}/vmlinuz", "-initrd",
        f"{GUEST}/initrd", "-append", "console=ttyS0 panic=-1", "-serial",
        "null", "-rtc", "base=2024-01-01"]
WORK = tempfile.mkdtemp(prefix="panda-lockstep-")
SEEDS = range(1, 6)
FIRST = 300_000_000 if FULL else 30_000_000
# The kernel proper runs from about 4.5 billion steps on.
RECORD_FROM, RECORD_TO = 4_600_000_000, 4_650_000_000
# A process at nice 19 may get next to nothing of a busy host.
LOADED_COUNTS = ([RECORD_FROM, 7_000_000_000] if FULL
                 else [1_000_000, 50_000_000, 300_000_000])


def run(*options, prefix=()):
    """The program's status and all that it wrote."""
    done = subprocess.run([*prefix, PANDA, *map(str, options)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=7200,
                          cwd=WORK)
    return done.returncode, done.stdout


def hashes(output):
    return dict(re.findall(r"^count (\d+) hash (\w+)$", output, re.MULTILINE))


def live(*options, counts, prefix=()):
    """The hashes at these counts."""
    status, output = run(*BOOT, "-monitor", "none", "-limit", counts[-1],
                         "-hash-at", ",".join(map(str, counts)), *options,
                         prefix=prefix)
    return hashes(output) if status == 0 else {"status": status,
                                               "output": output}


# -- The first steps of the boot ---------------------------------------------

def ways():
    """Options that must not make a difference."""
    for n in 1, 7:
        yield f"{n} instructions a unit", ["-unit-insns", n]
    for seed in SEEDS:
        yield f"chaos, seed {seed}", ["-jit", f"chaos={seed}"]
    plugins = ["-panda", f"coverage:filename={WORK}/coverage.csv;asidstory"]
    yield "plugins", plugins
    yield "plugins, chaos", [*plugins, "-jit", "chaos=6"]
    yield "the interpreter", ["-accel", "interp"]
    yield "the interpreter, 1 instruction a unit", ["-accel", "interp",
                                                    "-unit-insns", 1]


def first_steps():
    counts = [1, 1000, FIRST // 3 + 1, FIRST // 2, FIRST]
    plain = live(counts=counts)
    expect(len(plain) == len(counts), f"{FIRST} steps of a boot", plain)
    for name, options in ways():
        other = live(*options, counts=counts)
        expect(other == plain, f"equal states: {name}", other)
    other = live("-seed", 1, counts=counts)
    expect(other != plain and len(other) == len(plain),
           "another seed is another run", other)
    status, output = run(*BOOT, "-monitor", "none", "-accel", "lockstep",
                         "-limit", FIRST)
    expect(status == 0 and "limit" in output, "lockstep agrees", output)
    status, output = run(*BOOT, "-monitor", "none", "-limit", 3_000_000,
                         "-accel", "lockstep,step=1777", "-jit", "chaos=9")
    expect(status == 0 and "limit" in output,
           "lockstep agrees, other steps and chaos", output)


# -- Does lockstep notice? ---------------------------------------------------

BROKEN = [  # an op, from which use on, what the instruction named must be
    ("add", 300, r"add|lea|push|pop|ret|call|inc|cmp|mov"),
    ("shl", 10, r"sh[lr]|sa[lr]|lea|mov"),
    ("xor", 20, r"xor|not"),
    ("ld", 200, r"\[|pop|ret|leave|movs|lods|rep|iret"),
]


def broken():
    for op, first, instruction in BROKEN:
        status, output = run(*BOOT, "-monitor", "none", "-limit", FIRST,
                             "-accel", "lockstep", "-jit",
                             f"broken={op},first={first}")
        named = re.search(r"^at count \d+, pc 0x\w+: (.*)$", output,
                          re.MULTILINE)
        expect(status != 0 and named and re.search(instruction,
                                                   named.group(1)) and
               re.search(r"^ +\S+ +code \w+, interpreter \w+$", output,
                         re.MULTILINE) and
               re.search(r"instruction \d+ of the unit", output) and
               f" = {op}" in output,
               f"a miscompiled {op} is noticed and named: "
               f"{named.group(1) if named else '-'}", output)
    status, output = run(*BOOT, "-monitor", "none", "-limit", FIRST,
                         "-accel", "lockstep", "-jit",
                         "broken=add,first=300,last=300")
    expect(status != 0 and "the unit that begins at count" in output,
           "so is one that only one unit has", output)
    status, output = run("-replay", f"{WORK}/kernel", "-accel", "lockstep",
                         "-jit", "broken=sub,first=100")
    expect(status != 0 and "interpreter" in output,
           "so it is in a replay", output)


# -- A recording of the kernel's start ---------------------------------------

def record():
    """A boot with a recording in it: begun by the monitor, ended by -limit."""
    guest = subprocess.Popen(
        [PANDA, *BOOT, "-monitor", "stdio", "-limit", str(RECORD_TO)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, bufsize=0)
    output, count = "", 0
    while count < RECORD_FROM and guest.poll() is None:
        guest.stdin.write("info status\n")
        line = ""
        while not line.startswith("count: "):
            line = guest.stdout.readline()
            if not line:
                break
            output += line
        count = int(line.split()[1]) if line else RECORD_TO
        time.sleep(0.01)
    guest.stdin.write(f"begin_record {WORK}/kernel\n")
    output += guest.stdout.read()
    return guest.wait(), output


def replay(*options):
    status, output = run("-replay", f"{WORK}/kernel", *options)
    return status == 0 and "identical" in output, output


def kernel():
    status, output = record()
    expect(status == 0, f"a boot of {RECORD_TO} steps, with a recording",
           output)
    good, output = replay()
    steps = re.search(r"identical, (\d+) steps", output)
    expect(good and int(steps.group(1)) > 1_000_000, "it replays", output)
    print("  " + (steps.group(0) if steps else "?"))
    for name, options in ways():
        good, output = replay(*options)
        expect(good, f"it replays: {name}", output)
    good, output = replay("-accel", "lockstep")
    expect(good, "it replays in lockstep", output)


# -- A loaded host -----------------------------------------------------------

def loaded():
    plain = live(counts=LOADED_COUNTS)
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        other = live(counts=LOADED_COUNTS, prefix=["nice", "-n", "19"])
    finally:
        burner.kill()
        burner.wait()
    expect(other == plain, "equal states on a loaded host, unrecorded", other)


def whole_boots():
    counts = [1_000_000_000 * i for i in range(1, 8)]
    plain = live(counts=counts)
    for name, options in ways():
        other = live(*options, counts=counts)
        expect(other == plain, f"whole boot, equal states: {name}", other)
    status, output = run(*BOOT, "-monitor", "none", "-accel", "lockstep")
    expect(status == 0 and "nothing can wake it" in output,
           "whole boot in lockstep", output)


def main():
    try:
        first_steps()
        kernel()
        broken()
        loaded()
        if FULL:
            whole_boots()
    finally:
        shutil.rmtree(WORK)
    end()


if __name__ == "__main__":
    main()
