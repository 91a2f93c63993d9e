#!/usr/bin/env python3
"""What goes wrong while recording, and what is wrong with a recording: a
killed recorder, a full disk, files cut short or with bits changed, and bits
changed in a replay's registers, memory and logged values. Nothing wrong is
ever called identical."""
import os
import re
import resource
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "recording"))
from harness import (CHECKED, FULL, Guest, Replay, begun, close, copy, dice,
                     expect, files, path)

pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))


def killed(i):
    """Records, is killed at a random moment, replays. None, or a complaint.

    The recording must go at least as far as the last count that was seen a
    second or more before the end."""
    name = f"killed{i}"
    guest = Guest()
    guest.type("i")
    guest.begin(name)
    end = time.monotonic() + dice.uniform(1.05, 1.5)
    seen = []
    while time.monotonic() < end:
        count = int(re.search(r"count (\d+)", guest.ask("info record"))[1])
        seen.append((time.monotonic(), count))
        time.sleep(0.01)
    guest.process.kill()
    at = time.monotonic()
    guest.end(signal.SIGKILL)
    must = [count for when, count in seen if when <= at - 1]
    replay = Replay(name)
    reached = begun[name] + replay.steps
    if not must or replay.status != 1 or replay.verdict != "torn" or \
            reached < must[-1] or "sound up to count" not in replay.err:
        return f"{must[-1:]} not reached: {reached}\n{replay.said}"
    return None


def test_killed():
    n = 100 if FULL else 20
    complaints = [c for c in pool.map(killed, range(n)) if c]
    expect(not complaints, f"{n} recorders killed: all replay up to at most a "
           "second before", "\n".join(complaints))


def limit_files(guest, size):
    """As a full disk is: files end there."""
    resource.prlimit(guest.process.pid, resource.RLIMIT_FSIZE, (size, size))


def test_full_disk():
    guest = Guest()
    limit_files(guest, 20_000)
    told = guest.ask(f"begin_record {path('nowhere')}")
    expect("cannot write the snapshot" in told and
           not any(map(os.path.exists, files("nowhere"))),
           "no room for the snapshot: said, and no file is left", told)
    guest.run_steps(100_000)
    guest.end()

    guest = Guest()
    guest.begin("full")
    while open(files("full")[0], "rb").read(8) == bytes(8):
        time.sleep(0.01)  # its head comes last
    limit_files(guest, 100_000)
    guest.type("i")
    limit = time.monotonic() + 30
    while "cannot write" not in (told := guest.ask("info record")) and \
            time.monotonic() < limit:
        time.sleep(0.05)
    expect("cannot write" in told, "a full disk is in info record", told)
    guest.run_steps(300_000)
    told = guest.end_record()
    expect("cannot write the recording's log" in told, "and in end_record",
           told)
    guest.run_steps(300_000)
    guest.ask("info status")
    status = guest.end()
    expect(status == 0 and "the guest runs on" in guest.errors(),
           "the guest lives on, and a warning is printed", guest.errors())
    replay = Replay("full")
    expect(replay.status == 1 and replay.verdict == "torn" and
           replay.steps > 100_000 and "sound up to" in replay.err,
           "what was written before replays", replay.said)


def record_small():
    guest = Guest()
    guest.type("w")
    guest.run_steps(200_000)
    guest.begin("small")
    guest.type("ihw")
    guest.run_steps(50_000)
    guest.type("w")
    guest.run_steps(150_000)
    guest.end_record()
    guest.end()
    replay = Replay("small", program=CHECKED)
    return expect(replay.identical(), "a small recording, checked build",
                  replay.said)


def damage(job):
    """One cut or flip of one file. None, or a complaint."""
    number, which, how = job
    name = f"damaged{number}"
    copy("small", name)
    with open(files(name)[which], "r+b") as file:
        size = os.path.getsize(file.name)
        if how == "cut":
            where = dice.randrange(size)
            file.truncate(where)
        else:
            where = dice.randrange(8 * size)
            file.seek(where // 8)
            byte = file.read(1)[0]
            file.seek(where // 8)
            file.write(bytes([byte ^ 1 << where % 8]))
    replay = Replay(name, program=CHECKED)
    for file in files(name):
        os.remove(file)
    if replay.status != 1 or "Sanitizer" in replay.err or \
            not re.search(r"^panda: .{15}", replay.err, re.M) or \
            "runtime error" in replay.err:
        return f"{how} of file {which} at {where}: {replay.said}"
    return None


def test_damage():
    times = 4 if FULL else 1
    for how, n in ("cut", 50 * times), ("flip", 200 * times):
        jobs = [(f"{how}{i}", i % 2, how) for i in range(n)]
        complaints = [c for c in pool.map(damage, jobs) if c]
        expect(not complaints, f"{n} replays with a {how} in a file: refused "
               "or noticed, in a sentence", "\n".join(complaints[:5]))


NAMES = {"register": "register", "ram": "byte", "value": "the value"}


def flipped(what):
    """One bit changed at a random count: the replay, and where it says that it
    flipped the bit; None: nowhere. Its status is 3 for a bit proved to be
    without effect by the hash of all."""
    count = begun["small"] + dice.randrange(1, whole.steps)
    bit = dice.randrange(1 << 40)
    replay = Replay("small", "-debug-flip", f"{what}@{count}:{bit}")
    said = re.search(r"^panda: warning: bit \d+ of (register|byte|the value)"
                     r" .*flipped at count (\d+)$", replay.err, re.M)
    replay.drawn = count
    replay.flipped_at = int(said[2]) if said and said[1] in NAMES[what] \
        else None
    return replay


def test_flips():
    """100 of 100 noticed. A register that is written before it is read, or a
    page that is, leaves no trace; such a draw is proved to be one by the hash
    of the whole state at the end, told apart, and drawn again. So is one
    behind the last value, where there is nothing to flip."""
    global whole
    whole = Replay("small")
    for what, wanted, most in (("register", 40, 60), ("ram", 40, 10),
                               ("value", 20, 0)):
        wanted *= 5 if FULL else 1
        most *= 5 if FULL else 1
        noticed = without = nothing = 0
        wrong = []
        while noticed < wanted and not wrong and without <= most and \
                nothing <= wanted:
            for replay in pool.map(flipped, [what] * (wanted - noticed)):
                at, same = replay.flipped_at, len(set(replay.hashes)) == 1
                late = what == "value"  # the next one that there is
                if at is None and late and replay.status == 4 and same:
                    nothing += 1
                elif at is None or at < replay.drawn or \
                        (at > replay.drawn and not late):
                    wrong.append(replay.said)
                elif replay.status == 1 and replay.verdict == "DIVERGED":
                    noticed += 1
                elif replay.status == 3 and same:
                    without += 1
                else:
                    wrong.append(replay.said)
        expect(noticed >= wanted and without <= most and not wrong,
               f"{noticed} of {noticed} bits with an effect, of a {what}, "
               f"are noticed ({without} draws without, {nothing} with nothing "
               "to flip)", "\n".join(wrong))


def test_nothing_flipped():
    """The switch never pretends."""
    beyond = begun["small"] + whole.steps + 1
    for what in NAMES:
        replay = Replay("small", "-debug-flip", f"{what}@{beyond}")
        expect(replay.status == 4 and "nothing was flipped" in replay.err and
               replay.verdict == "identical" and
               "flipped at" not in replay.err,
               f"a {what} behind the end: nothing is flipped, and it says so",
               replay.said)


test_killed()
test_full_disk()
if record_small():
    test_damage()
    test_flips()
    test_nothing_flipped()
close()
