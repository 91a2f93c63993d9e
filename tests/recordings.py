#!/usr/bin/env python3
"""Recordings made and replayed by the program itself, through its monitor: at
any moment, several in one run, with input, ended by signals; replayed by other
means, driven, and with a fault that is to be found."""
import os
import re
import signal
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "recording"))
from harness import (CHECKED, FULL, PANDA, TOP, Guest, Replay, begun, close,
                     copy, dice, expect, files, path)
import subprocess
import zlib

STRETCH = 400_000_000 if FULL else 60_000_000


def test_linux():
    """In the midst of a boot; then the same recording again and again."""
    guest = Guest(linux=True)
    guest.run_steps(2_500_000_000)
    for name in "boot0", "boot1", "boot2":
        guest.ask(f"begin_record {path(name)}")
        guest.run_steps(STRETCH)
        expect(guest.end_record() == "", f"{name}: recorded")
        guest.run_steps(dice.randrange(20_000_000))
    guest.end()
    hashes = set()
    good = 0
    for _ in range(20):
        replay = Replay("boot1")
        good += replay.identical()
        hashes.update(replay.hashes)
    expect(good == 20 and len(hashes) == 1, "20 replays, 20 equal hashes",
           replay.said)
    for name in "boot0", "boot2":
        replay = Replay(name)
        expect(replay.identical(), f"{name}: replays", replay.said)
    for options in (["-replay-drive"], ["-unit-insns", "1"],
                    ["-unit-insns", "7"]):
        replay = Replay("boot0", *options)
        expect(replay.identical(), "a boot with " + " ".join(options),
               replay.said)
    replay = Replay("boot0", program=CHECKED)
    expect(replay.identical(), "a build with sanitizers replays it",
           replay.said)
    if FULL:
        test_clang()


def test_clang():
    """Another compiler, at another path."""
    tree = path("elsewhere")
    subprocess.run(["git", "worktree", "prune"], cwd=TOP, check=False)
    os.mkdir(tree)
    for name in "src", "tests", "plugins", "scripts", "include", \
            "meson.build", "meson_options.txt":
        if os.path.exists(f"{TOP}/{name}"):
            subprocess.run(["cp", "-r", f"{TOP}/{name}", tree], check=True)
    subprocess.run(["scripts/packages", "clang"], cwd=tree, check=True)
    subprocess.run(["scripts/build", "program"], cwd=tree, check=True,
                   env={**os.environ, "CC": "clang", "BUILD": "build"})
    replay = Replay("boot0", program=f"{tree}/build/x86_64-softmmu/"
                                     "panda-system-x86_64")
    expect(replay.identical(), "a build by clang elsewhere replays it",
           replay.said)


def test_moments():
    """Short recordings of the bare guest one after another, with input."""
    guest = Guest()
    names, driven = [], 0
    for i in range(12):
        guest.type(dice.choice("wih") + "x" * dice.randrange(4) +
                   dice.choice("wih"))
        guest.run_steps(dice.randrange(300_000))
        names.append(f"moment{i}")
        guest.begin(names[-1])
        for _ in range(3):
            guest.type(dice.choice(["hello", "w", "i", "h"]))
            guest.run_steps(dice.randrange(1, 400_000))
        guest.end_record()
    guest.end()
    replays = [Replay(name) for name in names]
    expect(all(r.identical() for r in replays), "12 recordings of one run",
           "\n".join(r.said for r in replays if not r.identical()))
    replays = [Replay(name, "-replay-drive") for name in names]
    expect(all(r.identical() for r in replays), "and driven",
           "\n".join(r.said for r in replays if not r.identical()))


def test_halt():
    """Begun while the CPU is halted."""
    guest = Guest()
    guest.type("h")
    guest.run_steps(100_000)
    for _ in range(400):
        guest.ask("stop")
        if "halted=1" in guest.ask("info registers"):
            break
        guest.ask("cont")
    else:
        expect(False, "the guest was found in a halt")
        return guest.end()
    guest.ask(f"begin_record {path('halt')}")
    guest.ask("cont")
    guest.run_steps(200_000)
    guest.end_record()
    guest.end()
    replay = Replay("halt")
    expect(replay.identical(), "a recording begun in a halt", replay.said)
    replay = Replay("halt", "-replay-drive")
    expect(replay.identical(), "and driven", replay.said)


def test_reset():
    """The machine starts anew in the midst of a recording."""
    guest = Guest()
    guest.run_steps(100_000)
    guest.begin("reset")
    for _ in range(2):
        guest.type("hello")
        guest.run_steps(100_000)
        guest.type("r")
        guest.run_steps(200_000)
    guest.end_record()
    guest.end()
    for options in [], ["-replay-drive"]:
        replay = Replay("reset", *options)
        expect(replay.identical(), "two resets " + " ".join(options),
               replay.said)


def test_ends_in_halts():
    """Commands that come while the guest sleeps end the sleep, and are no
    part of the machine. In the checked program, too: a recording that ends
    there is gone before the sleeper is back."""
    for program in CHECKED, PANDA:
        guest = Guest(program=program)
        guest.type("h")
        names = [f"sleep{i}" for i in range(30)]
        for name in names:
            guest.ask(f"begin_record -f {path(name)}")
            guest.type(dice.choice(["h", "hello h", "wh"]))
            guest.run_steps(dice.randrange(1, 30_000))
            guest.end_record()
        status = guest.end()
        replays = [Replay(name, *options) for name in names
                   for options in ([], ["-replay-drive"])]
        bad = [r.said for r in replays if not r.identical()]
        expect(status == 0 and not bad, "30 recordings that begin and end in "
               "halts, also driven", guest.errors() + "\n".join(bad))


def test_ends():
    """Everything that ends a run ends the recording well."""
    for how, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143),
                        ("quit", 0)):
        name = f"end{status}"
        guest = Guest()
        guest.ask(f"begin_record {path(name)}")
        guest.run_steps(300_000)
        got = guest.end(how)
        replay = Replay(name)
        expect(got == status and replay.identical(),
               f"ended by {getattr(how, 'name', how)} while recording",
               f"status {got}\n{replay.said}")
    guest = Guest()
    guest.ask(f"begin_record {path('off')}")
    guest.type("q")
    got = guest.process.wait(60)
    for options in [], ["-replay-drive"]:
        replay = Replay("off", *options)
        expect(got == ord("q") * 2 + 1 & 0xff and replay.identical(),
               f"ended by the guest itself {' '.join(options)}",
               f"status {got}\n{replay.said}")
    guest.end()


def test_names():
    guest = Guest()
    guest.ask(f'begin_record "{path("used")}"')
    again = guest.ask(f"begin_record {path('other')}")
    expect("end_record first" in again, "one recording at a time", again)
    told = guest.ask("info record")
    expect(re.search(r"recording .*used, count \d+, begun at \d+, \d+ bytes "
                     r"and \d+ chunks on disk, [\d.]+ seconds", told),
           "info record", told)
    guest.run_steps(100_000)
    guest.end_record()
    again = guest.ask(f"begin_record {path('used')}")
    expect("exists already" in again and Replay("used").identical(),
           "a used name is refused", again)
    guest.run_steps(100_000)
    forced = guest.ask(f"begin_record -f {path('used')}")
    guest.run_steps(200_000)
    guest.end_record()
    expect(forced == "" and Replay("used").identical(), "unless forced",
           forced)
    missing = guest.ask("begin_record /nowhere/at/all")
    expect("cannot create" in missing, "no such folder", missing)
    guest.end()


def test_monitor():
    guest = Guest()
    guest.run_steps(1000)
    guest.ask("stop")
    before = guest.ask("info hash")
    words = guest.ask("xp/4xw 0x100000")
    expect(re.fullmatch(r"0000000000100000:( 0x[0-9a-f]{8}){4}", words),
           "xp/4xw", words)
    expect(guest.ask("x/4xw 0xffff0+0x10") == words, "x, with a sum")
    code = guest.ask("x/3i 0x100000").splitlines()
    expect(len(code) == 3 and "cli" in code[0] and "esp" in code[1], "x/3i",
           code)
    here = guest.ask("x/1i $rip")
    expect(re.match(r"0x[0-9a-f]{8}: ( [0-9a-f]{2})+", here), "x/1i $rip",
           here)
    expect(guest.ask("xp/2xb 0x1001fe-0x1fe").count("0x") == 2, "xp/2xb")
    expect("cannot access" in guest.ask("x/xg 0xe0000000"), "nothing there")
    expect("no format" in guest.ask("x/5z 0") and
           "no address" in guest.ask("x/x $nosuch"), "what is no format")
    jit = guest.ask("info jit")
    expect(re.search(r"units: \d+\n.*code: \d+ of", jit, re.S), "info jit",
           jit)
    expect("paused" in guest.ask("info status") and
           guest.ask("info hash") == before, "a stopped guest stands still")
    expect("no replay" in guest.ask("info replay") and
           "not recording" in guest.ask("info record"), "no replay")
    expect("begin_record" in guest.ask("help") and
           "unknown" in guest.ask("dance"), "help")
    guest.ask("cont")
    guest.run_steps(1000)
    expect(guest.end() == 0, "quit")


def test_replay_monitor():
    process = subprocess.run(
        [PANDA, "-replay", path("boot0"), "-monitor", "stdio"],
        input="stop\ninfo replay\nbegin_record x\ninfo registers\ncont\n",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    out = process.stdout
    expect(process.returncode == 0 and "replaying" in out and "rax=" in out and
           "cannot be recorded" in out, "the monitor in a replay", out)


def test_diagnose():
    """A register's bit flipped: the diagnosis names the very count."""
    name = "moment0"
    whole = Replay(name)
    for _ in range(20):
        count = begun[name] + dice.randrange(1, whole.steps - 1)
        bit = dice.randrange(8 * 64)  # rax to rdi
        replay = Replay(name, "-debug-flip", f"register@{count}:{bit}",
                        "-replay-diagnose")
        if replay.status != 1 or "diagnosis" not in replay.out:
            continue
        found = re.search(r"part at count (\d+)", replay.out)
        expect(found and int(found[1]) in (count, count - 1) and
               "register" in replay.out and "pc 0x" in replay.out,
               "-replay-diagnose names the instruction",
               f"flipped at {count}\n{replay.said}")
        return
    expect(False, "a flip was noticed", replay.said)


def test_stuck():
    """A fault after which the machine cannot go on is a difference as well."""
    name = "moment0"
    whole = Replay(name)
    base = 16 * 64 + 64 + 32 + 32 + 128 + 24  # bit 24 of CS's base
    replay = Replay(name, "-debug-flip",
                    f"register@{begun[name] + whole.steps // 2}:{base}")
    expect(replay.status == 1 and replay.verdict == "DIVERGED" and
           "between count" in replay.err and "no memory" in replay.err,
           "code where there is no memory is told as a difference",
           replay.said)


def test_other_behaviour():
    copy("halt", "older")
    with open(files("older")[1], "r+b") as file:
        log = bytearray(file.read())
        size = int.from_bytes(log[16:20], "little")
        log[12:16] = (99).to_bytes(4, "little")
        crc = zlib.crc32(log[24:24 + size], zlib.crc32(log[:20]))
        log[20:24] = crc.to_bytes(4, "little")
        file.seek(0)
        file.write(log)
    replay = Replay("older")
    expect(replay.status == 1 and "behaviour version 99" in replay.err,
           "another behaviour version is refused in a sentence", replay.said)
    copy("halt", "mixed")
    os.replace(files("mixed")[0], path("unused"))
    copy("moment0", "mixed2")
    os.replace(files("mixed2")[0], files("mixed")[0])
    replay = Replay("mixed")
    expect(replay.status == 1 and "not of this snapshot" in replay.err,
           "so are two halves that do not belong together", replay.said)


test_linux()
test_moments()
test_halt()
test_ends_in_halts()
test_reset()
test_ends()
test_names()
test_monitor()
test_replay_monitor()
test_diagnose()
test_stuck()
test_other_behaviour()
close()
