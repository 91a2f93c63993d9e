#!/usr/bin/env python3
"""memsavep: at the start its file is the memory of the recording's snapshot,
read here without the program; later it is what a replay by other means has,
and differs where the guest has written."""
import os
import re
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../tests/recording"))
from harness import LIMIT, PANDA, bare_guest, close, expect, path

PAGE = 4096
SIZE = 4 << 20


def run(*command):
    return subprocess.run(command, cwd=path(""), text=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


def save(arguments, *options):
    """The memory; and what the program said, status first."""
    if os.path.exists(path("memsavep.raw")):
        os.remove(path("memsavep.raw"))
    done = run(PANDA, "-replay", "r", "-panda", "memsavep:" + arguments,
               *options)
    text = f"{done.returncode} {done.stdout}"
    if not os.path.exists(path("memsavep.raw")):
        return None, text
    with open(path("memsavep.raw"), "rb") as file:
        return file.read(), text


def snapshot():
    """Memory as the snapshot has it (src/snapshot/format.h): pages that are
    not all zeros, in blocks of which the first one is the RAM."""
    with open(path("r-rr-snp"), "rb") as file:
        text = file.read()
    _, _, n, table, pages = struct.unpack_from("<IIQQQ", text, 8)
    memory = bytearray(SIZE)
    for i in range(n):
        block, number = struct.unpack_from("<II", text, table + 16 * i)
        if block == 0:
            at = pages + PAGE * i
            memory[number * PAGE:(number + 1) * PAGE] = text[at:at + PAGE]
    memory[0xa0000:0x100000] = bytes(0x60000) # no memory is mapped there
    return bytes(memory)


def main():
    run(PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
        "-icount", "sleep=off", "-limit", "3000000", "-record", "r")
    memory, said = save("percent=0,regfile=regs")
    truth = snapshot()
    # Firmware lies in the hole of the map, as it does in the machine.
    blank = lambda m: m[:0xa0000] + m[0x100000:]
    expect(memory and len(memory) == SIZE and blank(memory) == blank(truth)
           and any(truth), "at the start, memory is the snapshot's",
           f"{said} {memory and len(memory)}")
    with open(path("regs")) as file:
        first = file.read()
    expect(re.search(r"^rip=0*100000 ", first, re.M) and
           "rax=0000000000000000" in first,
           "and the CPU is about to start the kernel", first)
    expect(said.startswith("0 ") and "ended at request" in said,
           "and that ends the replay", said)
    expect(os.stat(path("memsavep.raw")).st_blocks * 512 < SIZE / 2,
           "pages of zeros are holes")
    half, said = save("percent=50,regfile=regs")
    at = int(re.search(r"at instruction (\d+)", said)[1])
    expect(1500000 <= at < 1500600 and half != memory and
           len(half) == SIZE, f"half way, at {at}")
    with open(path("regs")) as file:
        expect(file.read() != first, "with other registers")
    for options in (["-accel", "interp"], ["-unit-insns", "3"]):
        expect(save(f"instrcount={at}", *options)[0] == half,
               "the same by other means")
    part, _ = save("percent=50,size=1050001")
    expect(part == half[:1050001], "size")
    nothing, said = save("instrcount=4000000")
    expect(nothing is None and "nothing is saved" in said and
           "identical" in said, "the run ends before", said)
    nothing, said = save("size=1")
    expect(nothing is None and said.startswith("1 ") and
           "percent=P or instrcount=N" in said, "no moment is given", said)
    nothing, said = save("percent=0,file=no/where")
    expect("no/where cannot be written" in said and said.startswith("1 "),
           "a file that cannot be "
           "written", said)
    close()


main()
