#!/usr/bin/env python3
"""Runs @NAME@ on a guest of a few instructions, whose blocks are known."""
import os
import re
import struct
import subprocess
import sys
import tempfile

PANDA = os.environ.get("PANDA", "panda-system-x86_64")
ROUNDS = 1000

# A loop (mov ecx, ROUNDS; 1: loop 1b), then the write that ends the run
# (mov dx, 0x501; out dx, al; hlt), behind a multiboot header.
CODE = (struct.pack("<3I", 0x1BADB002, 0, -0x1BADB002 & 0xFFFFFFFF) + b"\xb9" +
        struct.pack("<I", ROUNDS) + b"\xe2\xfe\x66\xba\x01\x05\xee\xf4")
ADDRESS = 0x100000
SIZE = 52 + 32 + len(CODE)
ELF = (b"\x7fELF\1\1\1" + bytes(9) +
       struct.pack("<2H5I6H", 2, 3, 1, ADDRESS + 52 + 32 + 12, 52, 0, 0, 52,
                   32, 1, 0, 0, 0) +
       struct.pack("<8I", 1, 0, ADDRESS, ADDRESS, SIZE, SIZE, 5, 4096) + CODE)


def main():
    with tempfile.NamedTemporaryFile() as guest:
        guest.write(ELF)
        guest.flush()
        done = subprocess.run(
            [PANDA, "-kernel", guest.name, "-m", "4", "-monitor", "null",
             "-serial", "null", "-device", "isa-debug-exit,iobase=0x501",
             "-panda", "@NAME@"], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    found = re.search(r"@NAME@: (\d+) blocks", done.stdout)
    # One up to and with the first loop, the other rounds, and the rest.
    good = found and int(found[1]) == 1 + (ROUNDS - 1) + 1
    if not good:
        print(done.stdout)
    print(f"{int(bool(good))} passed, {int(not good)} failed")
    sys.exit(not good)


main()
