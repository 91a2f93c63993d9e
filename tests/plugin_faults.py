#!/usr/bin/env python3
"""Plugins that crash, abort, exit, or do not return: who it was is said, and
what was recorded till then replays."""
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
from harness import FULL, PANDA, Guest, Replay, bare_guest, close, expect, path
from build_plugin import build_plugin
import subprocess

AT = 3_000_000


def run(name, spec, *options):
    """Records until the plugin strikes. Status, what was said, the replay."""
    done = subprocess.run(
        [PANDA, "-kernel", bare_guest(), "-m", "4", "-serial", "null",
         "-record", path(name), "-panda", spec, *options], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=60)
    replay = Replay(name)
    return done.returncode, done.stderr, replay, replay.steps


def named(text, plugin, kind):
    """One line says who, in what, and where."""
    found = re.findall(rf"panda: plugin {plugin}, in PANDA_CB_{kind} at count "
                       r"(\d+): it (.*)", text)
    return int(found[0][0]) if len(found) == 1 else None


def lost_less(text, replay):
    """What was recorded replays up to a second before the end, at most."""
    before = re.search(r"^faulty: a second before, at count (\d+)$", text,
                       re.M)
    return before and replay.verdict == "torn" and \
        replay.steps >= int(before[1]) > 0 and "differs" not in replay.said


def test_crashes():
    for how, word in (("null", "memory"), ("code", "memory"),
                      ("assert", "aborts"), ("divide", "divides"),
                      ("stack", "memory")):
        for where, kind in (("block", "BEFORE_BLOCK_EXEC"),
                            ("write", "VIRT_MEM_AFTER_WRITE")):
            name = f"{how}-{where}"
            status, text, replay, steps = run(
                name, f"faulty:how={how},where={where},wait=1200")
            count = named(text, "faulty", kind)
            expect(status < 0 and count and
                   word in text, f"{name}: it is named", text)
            expect(lost_less(text, replay),
                   f"{name}: what was recorded, {steps} of {count} steps, "
                   "replays up to at most a second before", text + replay.said)


def test_exception():
    build_plugin(path(""), "thrower")
    status, text, replay, steps = run("thrown", "thrower")
    expect(status < 0 and named(text, "thrower", "BEFORE_BLOCK_EXEC") and
           "C++ exception" in text and "thrown out of a callback" in text,
           "an exception is named", text)
    expect(replay.verdict == "torn", "and the recording replays", replay.said)


def test_exit():
    for where, kind in (("block", "BEFORE_BLOCK_EXEC"),
                        ("write", "VIRT_MEM_AFTER_WRITE")):
        for way in [], ["-accel", "interp"], ["-unit-insns", "1"]:
            name = f"exit-{where}"
            status, text, replay, steps = run(
                name, f"faulty:how=exit,where={where},at={AT}", *way)
            count = named(text, "faulty", kind)
            expect(status == 1 and count and AT <= count < AT + 100 and
                   "calls exit(0)" in text and
                   text.count("faulty: uninit") == 1,
                   f"{name} {' '.join(way)}: it is named, and ends like all",
                   text)
            expect(replay.identical() and (count or 0) <= steps <= AT + 700,
                   f"{name}: the recording is whole", replay.said)
            for end in "-rr-snp", "-rr-nondet.log":
                os.unlink(path(name) + end)


def test_loops():
    status, text, replay, steps = run(
        "loop", "faulty:how=loop,wait=1200", "-panda-patience", "2")
    count = named(text, "faulty", "BEFORE_BLOCK_EXEC")
    expect(status == 1 and count and "has not returned" in text,
           "a callback that does not return is named", text)
    expect(lost_less(text, replay), "and the recording replays up to at most "
           "a second before", text + replay.said)


def test_init():
    for how, status, word in (("null", -11, "memory"), ("exit", 1, "exit(0)"),
                              ("assert", -6, "aborts"),
                              ("loop", 1, "has not returned")):
        done = subprocess.run(
            [PANDA, "-replay", "none", "-panda", f"faulty:how={how},where=init",
             "-panda-patience", "2"], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        expect(done.returncode == status and word in done.stdout and
               re.search(r"plugin faulty(, in |: its )init_plugin\(\)",
                         done.stdout),
               f"in init: {how}", done.stdout)


def test_at_the_monitor():
    """exit() in init while something else is recorded: it is not loaded."""
    guest = Guest()
    guest.begin("monitor")
    guest.run_steps(100_000)
    told = guest.ask("load_plugin faulty how=exit,where=init")
    guest.run_steps(100_000)
    ended = guest.ask("end_record")
    guest.end()
    replay = Replay("monitor")
    expect("exit(0)" in told and ended == "" and replay.identical() and
           replay.steps >= 200_000, "at the monitor", told + replay.said)


def main():
    os.environ["PANDA_PLUGIN_DIR"] = path("")
    build_plugin(path(""), "faulty")
    test_exit()
    test_crashes()
    test_exception()
    test_loops()
    test_init()
    test_at_the_monitor()
    close()


main()
