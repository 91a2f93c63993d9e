#!/usr/bin/env python3
"""Recordings and replays that plugins and the monitor begin and end; and what
plugins hear at the end of a run, however it ends."""
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
from harness import (PANDA, Guest, Replay, bare_guest, close, copy, expect,
                     path)
from build_plugin import build_plugin


def run(spec, *options, **more):
    return subprocess.run(
        [PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
         "-panda", spec, *options], text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, **more)


def lines(text):
    return re.findall(r"^conductor: (.*)$", text, re.M)


def ended_well(text):
    """pre_shutdown, then uninit, once each, and nothing more."""
    said = lines(text)
    return (sum(s.startswith("pre_shutdown") for s in said) == 1 and
            said[-1] == "uninit" and said[-2].startswith("pre_shutdown") and
            said.count("uninit") == 1 and "Assert" not in text)


def test_record():
    """Two recordings in one run; answers to what is wrong."""
    name = path("one")
    for way in [], ["-accel", "interp"], ["-unit-insns", "1"], \
            ["-jit", "chaos=2"]:
        done = run(f"conductor:name={name},do=1000-wrong+2000-record+"
                   "30000-wrong+30001-stop+40000-quit", *way)
        said = lines(done.stdout)
        expect(done.returncode == 0 and ended_well(done.stdout) and
               said[:4] == ["wrong 0 mode 0 name - next -1",
                            "record_begin 0 mode 0 name - next 1",
                            "again -1 mode 0 name - next 1",
                            "other -1 mode 0 name - next 1"] and
               said[5] == f"wrong 0 mode 1 name {name} next -1" and
               said[6] == f"record_end 0 mode 1 name {name} next 0" and
               said[7] == f"again -1 mode 1 name {name} next 0" and
               said[8] == "vm_quit 0 mode 0 name - next -1",
               f"a plugin records {' '.join(way)}", done.stdout)
        expect('there is no snapshot "snapshot"' in done.stdout and
               "no machine of this version has disks" in done.stdout,
               "from no snapshot, and says why", done.stdout)
        at = re.search(r"in mode 1 at block (\d+), sum (\w+)", done.stdout)
        expect(at and int(at[1]) == 2001, "from the next block on")
        replay = Replay("one", "-panda", "conductor")
        sum_there = re.search(r"in mode 2 at block 1, sum (\w+)", replay.err)
        expect(replay.identical() and replay.steps > 100_000 and sum_there and
               sum_there[1] == at[2] and ended_well(replay.err),
               "and that replays, from the same state", replay.said)
        for end in "-rr-snp", "-rr-nondet.log":
            os.rename(name + end, path("kept") + end)
    run(f"conductor:name={path('kept')},do=100-record+9000-quit")
    done = run(f"conductor:name={path('kept')},do=100-record+9000-quit")
    expect("exists already" in done.stdout and ended_well(done.stdout) and
           Replay("kept").identical(), "a name that is taken is refused",
           done.stdout)


def test_replay():
    done = run(f"conductor:name={path('kept')},do=500-replay+20000-wrong")
    said = lines(done.stdout)
    expect(done.returncode == 0 and "identical" in done.stdout and
           any(s.startswith("in mode 2 at block 50") for s in said) and
           f"wrong 0 mode 2 name {path('kept')} next -1" in said and
           ended_well(done.stdout), "a plugin begins a replay", done.stdout)
    done = run(f"conductor:name={path('none')},do=500-replay+1000-quit")
    expect("there is no recording" in done.stdout and
           ended_well(done.stdout), "of one that is not there", done.stdout)
    replay = Replay("kept", "-panda", "conductor:do=5000-leave+5002-wrong")
    expect(replay.status == 0 and replay.verdict == "ended at request" and
           "Replay terminated at user request." in replay.out and
           ended_well(replay.err) and len(lines(replay.err)) == 4,
           "a plugin ends a replay", replay.said)
    replay = Replay("kept", "-panda", "conductor:do=5000-quit+5002-wrong")
    expect(replay.verdict == "not ended" and ended_well(replay.err) and
           len(lines(replay.err)) == 4, "a plugin ends the run", replay.said)


def test_monitor():
    guest = Guest("-panda", "conductor")
    expect("no recording" in guest.ask("end_record") and
           "no replay" in guest.ask("end_replay") and
           "there is no recording" in guest.ask("begin_replay nothing"),
           "the monitor refuses what cannot be")
    guest.begin("typed")
    guest.run_steps(100_000)
    told = guest.ask("end_record")
    count = guest.count()
    time.sleep(0.05)
    expect(told == "" and count == guest.count(),
           "end_record stops the guest")
    guest.ask("cont")
    guest.run_steps(1000)
    expect(guest.ask(f'begin_record "{path("typed2")}"') == "",
           "and after cont another is made")
    guest.run_steps(100_000)
    guest.ask("end_record")
    guest.ask("cont")
    status = guest.end(f"begin_replay {path('typed')}")
    text = guest.errors()
    expect(status == 0 and ended_well(text) and
           Replay("typed").identical() and Replay("typed2").identical(),
           "and is replayed there", text)


def test_endings():
    """Ways in which a run ends."""
    guest = Guest("-panda", "conductor")
    guest.run_steps(1000)
    expect(guest.end() == 0 and ended_well(guest.errors()), "quit")
    for number in signal.SIGINT, signal.SIGTERM:
        for recording in False, True:
            guest = Guest("-panda", "conductor")
            if recording:
                name = f"signal{number}"
                guest.begin(name)
            guest.run_steps(1000)
            status = guest.end(signal.Signals(number))
            expect(status == 128 + number and ended_well(guest.errors()) and
                   (not recording or Replay(name).identical()),
                   f"signal {number}", guest.errors())
    done = run("conductor", "-limit", "100000")
    expect(ended_well(done.stdout), "the limit", done.stdout)
    replay = Replay("kept", "-panda", "conductor")
    expect(ended_well(replay.err), "the end of a replay")
    copy("kept", "short")
    with open(path("short") + "-rr-nondet.log", "r+b") as file:
        file.truncate(os.path.getsize(file.name) - 100)
    replay = Replay("short", "-panda", "conductor")
    expect(replay.verdict == "torn" and ended_well(replay.err), "a torn log",
           replay.said)
    replay = Replay("kept", "-panda", "conductor", "-debug-flip",
                    "register@" + str(first_count("kept") + 2000) + ":387")
    expect(replay.verdict == "DIVERGED" and ended_well(replay.err),
           "a divergence", replay.said)
    done = run("conductor;nosuch")
    said = lines(done.stdout)
    expect(done.returncode == 1 and said[-1] == "uninit" and
           "no plugin 'nosuch'" in done.stdout and ended_well(done.stdout),
           "a later plugin that is not there", done.stdout)
    done = run("conductor", "-record", path("kept"))
    expect(done.returncode == 1 and "exists already" in done.stdout and
           ended_well(done.stdout), "a recording that cannot be made",
           done.stdout)
    done = subprocess.run([PANDA, "-replay", path("nothing"), "-panda",
                           "conductor"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    expect(done.returncode == 1 and ended_well(done.stdout),
           "a replay of nothing", done.stdout)


def first_count(name):
    """A recording's first count, out of what a damaged replay says."""
    replay = Replay(name, "-panda", "conductor:do=1-leave")
    told = re.search(r"steps", replay.out)
    expect(told, "a replay left at its first block")
    text = Replay(name, "-debug-flip", "register@0:7").said
    found = re.search(r"between count (\d+) and", text)
    return int(found[1]) if found else 0


def main():
    os.environ["PANDA_PLUGIN_DIR"] = path("")
    build_plugin(path(""), "conductor")
    test_record()
    test_replay()
    test_monitor()
    test_endings()
    close()


main()
