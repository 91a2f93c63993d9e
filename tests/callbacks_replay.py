#!/usr/bin/env python3
"""What plugins hear in replays of what devices did: in every replay the same,
and what log_notes.c lists of the log without replaying it.

Today's machine has a serial port, of which bytes come and go; those who type
at it, and its own loop, raise all events of it. What a machine without disks,
networks and devices that write memory cannot raise, is raised by a device of
tests/plugins/transfers.c, and is here looked for in vain."""
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
import harness
import mutants
import teller
from bare_metal import WORK, run, written
from checks import FULL, end, expect
from teller import SOURCES, heard

# By the numbers of base/transfer.h, as log_notes.c has them.
KINDS = {"replay_serial_receive": 3, "replay_serial_read": 4,
         "replay_serial_write": 5, "replay_serial_send": 6}
NOT_RAISED = {  # and why not
    "replay_hd_transfer": "the machine has no disk",
    "replay_net_transfer": "the machine has no network card",
    "replay_handle_packet": "the machine has no network card",
    "replay_before_dma": "no device of the machine writes memory",
    "replay_after_dma": "no device of the machine writes memory",
}
WAYS = [[], ["-unit-insns", "1"], ["-unit-insns", "7"], ["-jit", "chaos=3"],
        ["-accel", "interp"]]
DRIVEN = WAYS + [["-replay-drive"]]


def build():
    teller.build()
    subprocess.run(["cc", "-O1", "-std=gnu17", "-D_GNU_SOURCE", "-Isrc", "-o",
                    f"{WORK}/log_notes", SOURCES + "log_notes.c",
                    "src/boundary/log_reader.c", "src/boundary/log_entry.c",
                    "src/boundary/notes.c", "src/base/error.c",
                    "src/base/file.c", "-lzstd", "-lz"], check=True)


def listed(name="rec", first=0):
    """Of the log: count when it is heard, kind, from, to, value."""
    text = subprocess.run(
        [f"{WORK}/log_notes", f"{WORK}/{name}-rr-nondet.log"], text=True,
        check=True, stdout=subprocess.PIPE).stdout
    rows = [line.split() for line in text.splitlines()]
    return [[int(count) + int(within) - first, int(kind),
             *(int(x, 16) for x in numbers)]
            for count, within, kind, *numbers in rows]


def notes(lines):
    """The same of what was heard."""
    found = []
    for line in lines:
        if line[0] in NOT_RAISED:
            found.append(line)
        if line[0] not in KINDS:
            continue
        numbers = [int(x, 16) for x in line[3:]]
        if line[0] == "replay_serial_receive":
            numbers = [0, *numbers]
        elif line[0] == "replay_serial_send":
            numbers = [numbers[0], 0, numbers[1]]
        elif line[0] == "replay_serial_write":
            numbers = [numbers[1], numbers[0], numbers[2]]
        found.append([int(line[1]), KINDS[line[0]], *numbers])
    return found


def of_kind(rows, *names):
    return [chr(row[4]) for row in rows if row[1] in [KINDS[n] for n in names]]


def known_guest():
    """Its console says what it sent; its loop has sent one byte to itself."""
    lines, _ = heard("record")
    expect(not notes(lines), "no replay events while recording")
    log = listed()
    text = "".join(of_kind(log, "replay_serial_send"))
    expect(text == written("console").replace("x\n", "x\ny", 1) and
           len(log) == 2 * len(text) + 2,
           "the log has each byte that was sent", f"{len(log)}")
    byte = [row for row in log if row[1] in (3, 4)]
    expect([row[4] for row in byte] == [ord("y")] * 2 and
           byte[0][3] == byte[1][2], "and the one that came back", byte)
    for way in DRIVEN:
        lines, said = heard("replay", *way)
        expect(notes(lines) == log and "identical" in said,
               f"a replay tells them all: {' '.join(way)}", said)
    for _, mutant in mutants.of("callbacks_replay.py"):
        lines, _ = heard("replay", "-plugin-mutant", mutant)
        expect(notes(lines) != log, f"noticed: {mutant}")


def wait_for(guest, text):
    """Until the guest has said that."""
    said = b""
    guest.socket.settimeout(harness.LIMIT)
    while text.encode() not in said:
        piece = guest.socket.recv(4096)
        if not piece:
            raise EOFError(f"the guest ended: {guest.errors()}")
        said += piece


def typed_at(name, text, guest):
    """Somebody types at a guest that is recorded, and gets it echoed."""
    guest.begin(name)
    guest.type(text)
    wait_for(guest, text)
    guest.end_record()
    guest.end()
    for end_of in "-rr-snp", "-rr-nondet.log":
        shutil.move(harness.path(name) + end_of, WORK)
    log = listed(name, harness.begun[name])
    expect("".join(of_kind(log, "replay_serial_receive")) == text and
           {row[1] for row in log} == set(KINDS.values()),
           f"{name}: the log has what was typed, and of all kinds",
           log[:50])
    for way in WAYS:
        done = run("-replay", name, "-panda", "teller:file=heard", *way)
        lines = [line.split() for line in written("heard").splitlines()]
        expect(notes(lines) == log and "identical" in done.stdout,
               f"{name}, replayed {' '.join(way)}: all {len(log)}",
               done.stdout[-1000:])


def typing():
    typed_at("bare", "hwhw", harness.Guest())
    if FULL:
        guest = harness.Guest(linux=True)
        guest.type("")
        wait_for(guest, "USERLAND UP")
        typed_at("linux", "xyzzy", guest)


def main():
    build()
    try:
        known_guest()
        typing()
    finally:
        shutil.rmtree(harness.work, ignore_errors=True)
    end()


main()
