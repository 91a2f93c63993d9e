#!/usr/bin/env python3
"""Plugins that write into the guest: recorded, and replayed with and without
them, however units are cut; and what they write otherwise in a replay."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "recording"), os.path.join(HERE, "shared")]
from harness import FULL, PANDA, Guest, Replay, close, expect, path
from build_plugin import build_plugin

STEPS = 3_000_000 if FULL else 400_000
KINDS = "bpxreifam"
WAYS = ([], ["-unit-insns", "1"], ["-unit-insns", "7"], ["-jit", "chaos=3"],
        ["-accel", "interp"], ["-accel", "lockstep"], ["-replay-drive"])


def steerer(kinds, **more):
    return f"steerer:kinds={kinds}" + "".join(
        f",{k}={v}" for k, v in more.items())


def heard(text):
    found = re.search(r"listener: (digest \w+ events \d+)", text)
    return found and found[1]


def wrote(text):
    found = re.search(r"steerer: (wrote \d+ times, last at \d+)", text)
    return found and found[1]


def record(name, plugins, *options):
    """What plugins say at the end."""
    guest = Guest("-panda", plugins, *options)
    guest.run_steps(100_000)
    guest.begin(name)
    guest.run_steps(STEPS)
    told = guest.ask("end_record")
    guest.end()
    text = guest.errors()
    expect(told == "" and int(wrote(text).split()[1]) > 30,
           f"{name}: recorded while a plugin {wrote(text)}")
    return text


def test_kind(kinds):
    """Beside a listener, who is called first in one recording and last in the
    other, and hears the same in all replays."""
    mine = steerer(kinds, every=199)
    for name, plugins in ((kinds + "-first", f"listener;{mine}"),
                          (kinds + "-last", f"{mine};listener")):
        text = record(name, plugins)
        everything = name == KINDS + "-last"
        for way in WAYS if everything or FULL else WAYS[:4]:
            for loaded in (None, "listener", f"listener;{mine}",
                           f"{mine};listener", mine):
                replay = Replay(name, *way,
                                *(["-panda", loaded] if loaded else []))
                good = replay.identical() and "arning" not in replay.err
                if loaded and "listener" in loaded:
                    good = good and heard(replay.err) == heard(text)
                if loaded and mine in loaded:
                    good = good and wrote(replay.err) == wrote(text)
                if not good or loaded == mine:
                    expect(good, f"{name} replays {' '.join(way)}"
                           f"{'' if good else ' with ' + str(loaded)}",
                           replay.said)


def test_unit_sizes_recorded():
    """Recorded in small units and with chaos: a replay has others."""
    for options in ["-unit-insns", "1"], ["-jit", "chaos=5"], \
            ["-accel", "interp"]:
        mine = f"{steerer(KINDS, every=499)};listener"
        text = record("cut", mine, *options)
        for loaded in [], ["-panda", mine]:
            replay = Replay("cut", *loaded)
            expect(replay.identical() and
                   (not loaded or heard(replay.err) == heard(text)),
                   f"recorded with {' '.join(options)}", replay.said)
        for end in "-rr-snp", "-rr-nondet.log":
            os.unlink(path("cut") + end)


def test_other_writes():
    """The log decides, unless it may not."""
    name, mine = KINDS + "-first", steerer(KINDS, every=199)
    other = steerer(KINDS, every=199, differ=STEPS // 2)
    plain = Replay(name)
    replay = Replay(name, "-panda", f"listener;{other}")
    said = re.findall(r"warning: (.*)", replay.err)
    expect(replay.identical() and replay.hashes == plain.hashes and
           len(said) == 1 and "plugin steerer writes" in said[0] and
           int(re.search(r"count (\d+)", said[0])[1]) >= STEPS // 2 and
           "-replay-allow-writes" in said[0],
           "what is written otherwise is undone, and told of once",
           replay.said)
    expect(heard(replay.err) ==
           heard(Replay(name, "-panda", f"listener;{mine}").err),
           "and nobody else sees it")
    replay = Replay(name, "-panda", "listener;" + steerer("im", every=151))
    said = re.findall(r"warning: (.*)", replay.err)
    expect(replay.identical() and len(said) == 1,
           "a plugin that was not there when it was recorded", replay.said)
    replay = Replay(name, "-panda", f"listener;{mine}",
                    "-replay-allow-writes")
    expect(replay.identical() and "arning" not in replay.err,
           "equal writes do not leave the recording", replay.said)
    replay = Replay(name, "-panda", other, "-replay-allow-writes")
    said = re.findall(r"warning: (.*)", replay.err)
    expect(replay.status not in (0, "hangs") and len(said) == 1 and
           "plugin steerer leaves the recording at count" in said[0] and
           replay.verdict in ("left the recording", "DIVERGED"),
           "writes that are allowed leave it", replay.said)


def test_harmless():
    """To leave the recording is not to end it: SUM is looked at by nobody."""
    build_plugin(path(""), "painter", """
#include "panda/plugin.h"
static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    uint32_t x = (uint32_t)tb->pc;
    (void)cpu;
    panda_physical_memory_write(0x280008, (uint8_t *)&x, 4);
}
bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = on_block};
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}
void uninit_plugin(void *self) { (void)self; }
""")
    replay = Replay(KINDS + "-first", "-panda", "painter",
                    "-replay-allow-writes")
    expect(replay.verdict == "left the recording" and replay.status == 1 and
           replay.steps == Replay(KINDS + "-first").steps,
           "and goes on to the end of it", replay.said)


def test_live():
    """Unrecorded, a guest that is steered runs alike, too."""
    seen = set()
    for way in [], ["-unit-insns", "3"], ["-accel", "interp"]:
        build_plugin(path(""), "live", """
#include "panda/plugin.h"
static uint64_t n;
static void on_read(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                    size_t size, uint8_t *buf)
{
    CPUArchState *env = cpu->env_ptr;
    (void)pc, (void)addr, (void)size, (void)buf;
    if (++n % 1000 == 0 && env->regs[R_ESP] == 0x280000) {
        env->regs[R_ESI] ^= n;
    }
}
bool init_plugin(void *self)
{
    panda_cb pcb = {.virt_mem_after_read = on_read};
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_READ, pcb);
    return true;
}
void uninit_plugin(void *self) { (void)self; }
""")
        end = subprocess.run(
            [PANDA, "-kernel", path("guest"), "-m", "4", "-serial", "null",
             "-icount", "sleep=off", "-rtc", "base=0", "-panda", "live",
             "-limit", "900000", "-hash-at", "500000,900000", *way],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        seen.add(end.stdout)
    expect(len(seen) == 1 and "hash" in end.stdout,
           "steered and not recorded: the same states", seen)


def decided(text):
    """Without the reads where nothing is, which replays have none of."""
    found = re.search(r"decider: digest \w+ of ([\d ]*) \d+$", text, re.M)
    return found and found[1]


def run_events(name, *options):
    """The guest of tests/callbacks: what it prints, and what is said."""
    console = path(name + "-console")
    done = subprocess.run(
        [PANDA, "-m", "40", "-no-reboot", "-rtc", "base=0", "-icount",
         "sleep=off", "-device", "isa-debug-exit,iobase=0x501,iosize=4",
         "-kernel", path("events"), "-serial", f"file:{console}", *options],
        text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=60)
    with open(console) as file:
        return file.read().splitlines(), done.stdout


def test_results():
    """Results of callbacks that steer, each where the guest tells of it."""
    subprocess.run([f"{HERE}/guest/build.sh", path(""),
                    f"{HERE}/callbacks/events.c"], check=True)
    plain = run_events("plain")[0]
    live = run_events("live", "-panda", "decider")[0]
    told, said = run_events("decided", "-panda", "decider", "-record",
                            path("decided"))
    truth = decided(said)
    changed = [line for line in told if line not in plain]
    expect(truth and all(int(x) for x in truth.split()) and live == told and
           all(any(line.startswith(word) for line in changed) for word in
               ("device ", "nobody ", "divide", "hidden", "timer", "part ")),
           f"results of events {truth} steer the guest",
           said + "\n".join(changed))
    for options in ([], ["-panda", "decider"],
                    ["-unit-insns", "1", "-panda", "decider"],
                    ["-unit-insns", "7", "-panda", "decider"],
                    ["-jit", "chaos=4", "-panda", "decider"],
                    ["-accel", "interp", "-panda", "decider"],
                    ["-accel", "lockstep"],
                    ["-accel", "lockstep", "-panda", "decider"],
                    ["-replay-drive"], ["-replay-drive", "-panda", "decider"]):
        replay = Replay("decided", *options)
        expect(replay.identical() and "arning" not in replay.err and
               ("-panda" not in options or decided(replay.err) == truth),
               f"replayed {' '.join(options)}", f"{truth}\n" + replay.said)
    replay = Replay("decided", "-panda", "decider:differ")
    warned = re.findall(r"warning: (.*)", replay.err)
    expect(replay.identical() and len(warned) == 1 and "decider" in warned[0],
           "other results are without effect, and told of once", replay.said)
    replay = Replay("decided", "-panda", "decider:differ",
                    "-replay-allow-writes")
    warned = re.findall(r"warning: (.*)", replay.err)
    expect(replay.status not in (0, "hangs") and
           "plugin decider leaves the recording" in warned[0],
           "unless they may leave it", replay.said)


def main():
    os.environ["PANDA_PLUGIN_DIR"] = path("")
    for name in "listener", "steerer", "decider":
        build_plugin(path(""), name)
    test_kind(KINDS)
    for kinds in KINDS if FULL else "m":
        test_kind(kinds)
    test_unit_sizes_recorded()
    test_other_writes()
    test_harmless()
    test_live()
    test_results()
    close()


main()
