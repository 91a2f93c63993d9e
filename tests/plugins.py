#!/usr/bin/env python3
"""Plugins in the program itself: loading, errors, and one recording of a
running Linux, whose events must be the same recorded and replayed, in
generated code and interpreted, however units are cut."""
import os
import re
import select
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "shared"))
import watchers
from build_plugin import build_plugin
from checks import FULL, PANDA, end, expect

GUEST = "build/guest"


def run(*arguments, **more):
    more.setdefault("cwd", WORK)
    return subprocess.run([PANDA, *arguments], text=True, timeout=500,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, **more)


HOLLOW = """
#include "panda/plugin.h"
bool init_plugin(void *self) { return self != NULL; }
void uninit_plugin(void *self) { (void)self; }
"""


def errors():
    def refused(what, spec, *words):
        end = run("-replay", "none", "-panda", spec)
        expect(end.returncode == 1 and all(w in end.stdout for w in words) and
               len(end.stdout.splitlines()) < 12, what)

    build_plugin(WORK, "old", "int init_plugin(void *s) { return s != 0; }")
    build_plugin(WORK, "newer", HOLLOW.replace(
        '.h"\n', '.h"\n#undef PANDA_PLUGIN_INTERFACE\n'
        "#define PANDA_PLUGIN_INTERFACE 77u\n", 1).replace(
        '#include "panda/plugin.h"\n#undef',
        '#define PANDA_ENGINE\n#include "panda/plugin.h"\n#undef') +
        "const struct panda_plugin_interface panda_plugin_built_for = "
        "{77, TARGET_NAME, 0};\n")
    build_plugin(WORK, "arm", '#define PANDA_ENGINE\n' + HOLLOW +
                 "const struct panda_plugin_interface panda_plugin_built_for "
                 '= {PANDA_PLUGIN_INTERFACE, "arm", 0};\n')
    build_plugin(WORK, "never", HOLLOW.replace(
        "return self != NULL;", "panda_cb pcb = {0}; panda_register_callback("
        "self, PANDA_CB_HD_READ, pcb); return true;"))
    refused("an unknown plugin", "nosuch", "no plugin 'nosuch'", WORK)
    refused("a plugin of another program", "old", "not built against")
    refused("another interface version", "newer", "version 77", "build it")
    refused("another target", "arm", "for arm guests")
    refused("a callback that nothing raises", "never", "PANDA_CB_HD_READ")
    build_plugin(WORK, "empty", HOLLOW.replace(
        "return self != NULL;", "panda_cb pcb = {0}; panda_register_callback("
        "self, PANDA_CB_START_BLOCK_EXEC, pcb); return true;"))
    refused("a callback without a function", "empty", "no function for "
            "PANDA_CB_START_BLOCK_EXEC")
    refused("a malformed argument", "listener:number=x7", "number=x7",
            "not a number")
    said = run("-replay", "none", "-panda", "listener:nunber=1").stdout
    expect("no argument 'nunber'; did you mean 'number'" in said and
           "none" in said.splitlines()[-1], "an unknown argument: a warning")
    refused("an unknown argument of a strict plugin", "coverage:mod=edge",
            "no argument 'mod'; did you mean 'mode'")
    for name in "beos-64-5", "linux-64-", "linux", "windows-64-xpsp3":
        end = run("-replay", "none", "-os", name)
        expect(end.returncode == 1 and name in end.stdout and
               "windows-32- with xpsp2" in end.stdout, f"-os {name}")
    refused("a wrong mode", "coverage:mode=osi-block", "osi-block")
    end = run("-panda", "listener:help", "-replay", "none")
    expect(end.returncode == 0 and "also live" in end.stdout, "help")


def heard(text):
    found = re.search(r"digest (\w+) events (\d+) blocks (\d+)", text)
    return found and found.groups()


def record():
    """Boots, loads the listener at the monitor, and records a little."""
    console = f"{WORK}/console"
    guest = subprocess.Popen(
        [PANDA, "-m", "256", "-kernel", os.path.abspath(f"{GUEST}/vmlinuz"),
         "-initrd", os.path.abspath(f"{GUEST}/initrd"), "-append",
         "console=ttyS0 panic=-1", "-serial", f"file:{console}", "-monitor",
         "stdio"], cwd=WORK, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until = time.time() + 300
    while time.time() < until and guest.poll() is None:
        if (os.path.exists(console) and
                "USERLAND UP" in open(console, errors="replace").read()):
            break
        time.sleep(0.02)

    def type_in(line, wait=0.0):
        guest.stdin.write(line + "\n")
        guest.stdin.flush()
        time.sleep(wait)

    def prompts(number):
        """What is said until the monitor has asked so many times."""
        said = ""
        while said.count("(qemu)") < number and time.time() < until:
            if select.select([guest.stdout], [], [], 1)[0]:
                piece = os.read(guest.stdout.fileno(), 4096)
                if not piece:
                    break
                said += piece.decode(errors="replace")
        return said

    def count():
        type_in("info status")
        found = re.search(r"count: (\d+)", prompts(1))
        return int(found[1]) if found else 0

    type_in("load_plugin nosuch")
    type_in("load_plugin listener")
    type_in("plugin_cmd hello")
    type_in("list_plugins")
    type_in("begin_record short")
    # The snapshot takes its time; what runs after it is what counts.
    text = prompts(6)
    last = count() + (300_000_000 if FULL else 1_000_000)
    while count() < last and time.time() < until:
        time.sleep(0.01)
    type_in("end_record")
    type_in("unload_plugin listener")
    type_in("quit")
    text += guest.communicate(timeout=120)[0]
    expect("no plugin 'nosuch'" in text, "load_plugin of an unknown one")
    expect("listener heard 'hello'" in text, "plugin_cmd")
    expect(re.search(r"idx name +addr\r?\n0 +listener +0x", text),
           "list_plugins")
    return text


def same_everywhere(recorded):
    truth = heard(recorded)
    if not expect(truth and int(truth[1]) > 100000 and
                  int(truth[2]) > 10000, f"a recording with events {truth}"):
        print(recorded)
        return
    # What they write of the long one would fill the disk.
    beside = "asidstory;coverage" if FULL else ";".join(
        {name: load.split(";")[0] for name, load, _ in
         reversed(watchers.rows())}.values())
    for ways in ([], ["-unit-insns", "7"], ["-unit-insns", "1"],
                 ["-accel", "interp"],
                 ["-jit", "chaos=1"], ["-accel", "lockstep"],
                 ["-accel", "interp", "-unit-insns", "1"]):
        end = run("-replay", "short", "-panda", "listener;" + beside, *ways)
        expect(end.returncode == 0 and "identical" in end.stdout and
               heard(end.stdout) == truth,
               f"replayed {' '.join(ways) or 'as usual'}: the same events")
        print("      ", heard(end.stdout))
    stories(end.stdout)


def stories(text):
    """asidstory counts instructions as often as the listener's blocks do,
    but for blocks that faults and interrupts cut short."""
    mine = {int(a, 16): int(n) for a, n in
            re.findall(r"space (\w+) (\d+)", text)}
    table = {}
    for line in open(f"{WORK}/asidstory"):
        row = re.match(r" *(\d+) +\? +\? +(\w+) +\d+ -> \d+$", line)
        if row:
            table[int(row[2], 16)] = int(row[1])
    big = [a for a in mine if mine[a] > 10000]
    expect(big and all(abs(table.get(a, 0) - mine[a]) < 0.05 * mine[a] + 3000
                       for a in big), "asidstory tells the same times")
    rows = [line for line in open(f"{WORK}/asidstory") if " : [" in line]
    logged_stories(table)
    expect(len(rows) == len(table) and any("#" in r for r in rows),
           "asidstory draws a row for each")


def logged_stories(table):
    """The pandalog's intervals, one behind the other, add up to the table;
    and so does its summary. With a log no drawing is made."""
    os.remove(f"{WORK}/asidstory")
    for arguments in "", ":summary":
        run("-replay", "short", "-pandalog", "story.plog", "-panda",
            "asidstory" + arguments)
        text = subprocess.run(
            [f"{os.path.dirname(PANDA)}/plog_reader", f"{WORK}/story.plog"],
            text=True, stdout=subprocess.PIPE).stdout
        rows = [(int(a, 16), int(s), int(e), int(n or 0), int(i))
                for i, a, s, e, n in re.findall(
                    r"^instr=(\d+)  pc=0x\w+ :  asid=(\w+) asid_info={pid=0 "
                    r"create_time=0 ppid=0 asid=\2 start_instr=(\d+) "
                    r"end_instr=(\d+)(?: count=(\d+))?}$", text, re.M)]
        if arguments:
            expect({a: n for a, _, _, n, _ in rows} == table,
                   "asidstory's summary in the pandalog")
            continue
        times = {}
        for asid, start, end, _, _ in rows:
            times[asid] = times.get(asid, 0) + end - start
        expect(times == table and len(rows) > 1 and all(
            one[2] == next_one[1] for one, next_one in zip(rows, rows[1:])) and
            all(instr == end for _, _, end, _, instr in rows),
            f"asidstory's {len(rows)} intervals in the pandalog")
    expect(not os.path.exists(f"{WORK}/asidstory"), "and no drawing then")


LEAVER = """
#include "panda/plugin.h"
static void *this_plugin;
static uint64_t n;
static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu, (void)tb;
    if (rr_get_guest_instr_count() > 50000) {
        panda_unload_plugin(this_plugin);
    }
}
static void on_read(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                    size_t size, uint8_t *buf)
{
    (void)cpu, (void)pc, (void)addr, (void)size, (void)buf;
    n++;
}
bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = on_block};
    this_plugin = self;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    pcb.virt_mem_after_read = on_read;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_READ, pcb);
    return true;
}
void uninit_plugin(void *self)
{
    (void)self;
    fprintf(stderr, "left at %" PRIu64 " after %" PRIu64 " reads\\n",
            rr_get_guest_instr_count(), n);
}
"""


def leaving():
    build_plugin(WORK, "leaver", LEAVER)
    lines = set()
    for ways in [], ["-unit-insns", "3"], ["-accel", "interp"]:
        end = run("-replay", "short", "-panda", "leaver", *ways)
        left = re.search(r"left at 50\d{3} after \d+ reads", end.stdout)
        expect(end.returncode == 0 and "identical" in end.stdout and left,
               "a plugin that unloads itself in the midst")
        lines.add(left and left[0])
    expect(len(lines) == 1, "and does so at the same count")


JUGGLER = """
#include "panda/plugin.h"
static unsigned turns, loads, unloads;
static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    static const char *const names[] = {"asidstory", "coverage", "listener"};
    const char *name = names[turns % 3];
    (void)cpu, (void)tb;
    if (rr_get_guest_instr_count() < 20000 * (turns + 1ull)) {
        return;
    }
    turns++;
    if (panda_get_plugin_by_name(name)) {
        panda_unload_plugin_by_name(name);
        unloads++;
    } else {
        char *path = panda_plugin_path(name);
        loads += panda_load_plugin(path, name);
        free(path);
    }
}
bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = on_block};
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}
void uninit_plugin(void *self)
{
    (void)self;
    fprintf(stderr, "turns %u loads %u unloads %u\\n", turns, loads, unloads);
}
"""


def in_the_midst():
    """Plugins come and go while a replay runs: it stays the recorded run."""
    build_plugin(WORK, "juggler", JUGGLER)
    said = set()
    for ways in [], ["-accel", "interp"], ["-jit", "chaos=3"], \
            ["-accel", "lockstep"]:
        end = run("-replay", "short", "-panda", "juggler", *ways)
        turns = re.search(r"turns (\d+) loads (\d+) unloads (\d+)", end.stdout)
        said.add(turns and turns[0])
        expect(end.returncode == 0 and "identical" in end.stdout and turns and
               int(turns[2]) > 6 and int(turns[3]) > 6,
               f"plugins loaded and unloaded in the midst {' '.join(ways)}",
               end.stdout)
    expect(len(said) == 1, "and at the same counts", said)


def rows_of(file):
    lines = open(f"{WORK}/{file}").read().splitlines()
    return lines[:4], lines[4:]


def coverage():
    end = run("-replay", "short", "-panda", "coverage:filename=once.csv")
    head, once = rows_of("once.csv")
    run("-replay", "short", "-accel", "interp", "-unit-insns", "1", "-panda",
        "coverage:filename=all.csv,full=yes;listener")
    full = rows_of("all.csv")[1]
    expect(end.returncode == 0 and head[2:] == [
        "asid", "asid,in kernel,block address,block size"],
        "coverage writes its header")
    expect(len(once) > 500 and len(set(once)) == len(once) and
           once == list(dict.fromkeys(full)),
           "each block once, in the order of a full listing")
    run("-replay", "short", "-panda",
        "coverage:filename=user.csv,privilege=user")
    expect(rows_of("user.csv")[1] ==
           [r for r in once if r.split(",")[1] == "0"], "privilege=user")
    run("-replay", "short", "-panda", "coverage:filename=low.csv,"
        "pc=0x0-0xffffffff,exclude_pc=0x400000-0x4fffff")
    expect(rows_of("low.csv")[1] ==
           [r for r in once if int(r.split(",")[2], 16) <= 0xffffffff and
            not 0x400000 <= int(r.split(",")[2], 16) <= 0x4fffff],
           "pc and exclude_pc")
    run("-replay", "short", "-panda", "coverage:filename=e.csv,mode=edge")
    sizes = {r.split(",")[2]: r.split(",")[3] for r in once}
    head, edges = rows_of("e.csv")
    expect(len(edges) > 500 and all(
        e.split(",")[0] in sizes and e.split(",")[2] in sizes
        for e in edges[1:]), "edges lead from block to block")


def main():
    global WORK
    with tempfile.TemporaryDirectory() as WORK:
        os.environ["PANDA_PLUGIN_DIR"] = WORK
        build_plugin(WORK, "listener",
                     open("tests/plugin_sources/listener.c").read(),
                     "-Wall", "-Wextra", "-Werror", "-Wno-parentheses")
        errors()
        same_everywhere(record())
        coverage()
        leaving()
        in_the_midst()
    end()


main()
