#!/usr/bin/env python3
"""stringsearch against a guest that says what is to be found."""
import bisect
import collections
import csv
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests/shared")
from bare_metal import WORK, boot, build_guests, run, written
from build_plugin import NEIGHBOURS, STRICT, build_plugin
from checks import end, expect

STRINGS = ["needle", "aab"]

LISTENER = """
#include "stringsearch/stringsearch.h"
#include "stringsearch/stringsearch_ext.h"
bool init_plugin(void *self);
static int hits;
static void found(CPUState *cpu, target_ulong pc, target_ulong addr,
                  uint8_t *string, uint32_t length, bool is_write,
                  bool in_memory)
{
    (void)cpu;
    printf("ssm %" PRIx64 " %" PRIx64 " %.*s %d %d\\n", pc, addr, (int)length,
           (char *)string, is_write, in_memory);
    if (++hits == 3) {
        add_string("aab");
        printf("removed %d %d\\n", remove_string("needle"),
               remove_string("nothing"));
    }
    if (length == 3) {
        reset_strings();
    }
}
bool init_plugin(void *self)
{
    (void)self;
    panda_require("stringsearch");
    if (!init_stringsearch_api()) return false;
    PPP_REG_CB("stringsearch", on_ssm, found);
    reset_strings();
    return add_string("needle");
}
"""

# Hears of all accesses, so that no filter spares anything.
WATCHER = """
#include "panda/plugin.h"
bool init_plugin(void *self);
static void hear(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                   size_t size, uint8_t *buf)
{ (void)cpu, (void)pc, (void)addr, (void)size, (void)buf; }
bool init_plugin(void *self)
{
    panda_cb pcb = {.virt_mem_after_read = hear};
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_READ, pcb);
    pcb.phys_mem_before_write = hear;
    panda_register_callback(self, PANDA_CB_PHYS_MEM_BEFORE_WRITE, pcb);
    return true;
}
"""


def replay(*options):
    """Status, and what was said."""
    done = run("-replay", "texts", "-panda", *options)
    return done.returncode, done.stdout


def write_list(name, *lines):
    with open(f"{WORK}/{name}_search_strings.txt", "w") as file:
        file.write("".join(line + "\n" for line in lines))


class Symbols:
    def __init__(self, file):
        listed = subprocess.run(["nm", "-n", file], text=True, check=True,
                                stdout=subprocess.PIPE).stdout
        rows = re.findall(r"^(\w+) [tT] (\S+)$", listed, re.MULTILINE)
        self.at = [int(a, 16) for a, _ in rows]
        self.name = [n for _, n in rows]

    def __call__(self, address):
        return self.name[bisect.bisect_right(self.at, address) - 1]


def record():
    """What the guest expects: {(string, access, function, caller):
    (count, in memory, where)}."""
    build_guests(f"{HERE}/test_texts.c")
    done = run(*boot("test_texts", "-record", "texts", "-icount", "sleep=off"))
    rows = re.findall(r"^expect (\S+) (\w+) (\w+) (\w+) (\d+) (\d) (\w+)\r?$",
                      written(), re.MULTILINE)
    expect(done.returncode == 1 and len(rows) == 15, "the guest runs",
           done.stdout)
    truth = collections.defaultdict(lambda: (0, "", 0))
    for string, access, function, caller, count, in_memory, where in rows:
        key = string, access, function, caller
        truth[key] = (truth[key][0] + int(count), in_memory, int(where, 16))
    return truth


def found(name, symbols, functions):
    """The same, of what stringsearch wrote; and the rows themselves."""
    hits = collections.defaultdict(lambda: (0, "", 0))
    with open(f"{WORK}/{name}_string_hits.csv") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        function = symbols(int(row["pc"], 16))
        key = (STRINGS[int(row["string"])], row["access"], function,
               symbols(int(row["caller"], 16)))
        if function in functions:
            hits[key] = (hits[key][0] + 1, row["in memory"],
                         int(row["address"], 16))
    return hits, rows


def summary(name, rows):
    """The list of tap points says the same as the rows of hits."""
    counted = collections.Counter(
        (int(r["pc"], 16), int(r["caller"], 16), r["stack"], int(r["string"]))
        for r in rows)
    listed = collections.Counter()
    for line in open(f"{WORK}/{name}_string_matches.txt"):
        before, stack, after = re.match(r"(.*) (\(.*\))  ([\d ]*)$",
                                        line).groups()
        words = [int(w, 16) for w in before.split()]
        for string, count in enumerate(map(int, after.split())):
            if count:
                listed[words[-1], words[-2], stack, string] += count
    return counted and counted == listed


def finds(truth, symbols):
    functions = {key[2] for key in truth}
    plain = {k: v for k, v in truth.items() if k[0][0] != "("}
    write_list("list", '"needle"', "", "61:61:62")
    first = None
    for options in ([], ["-unit-insns", "1"], ["-accel", "interp"],
                    ["-jit", "chaos=2"], ["-panda", "watcher"],
                    ["-panda", "coverage;sample"]):
        status, text = replay("stringsearch:name=list", *options)
        hits, rows = found("list", symbols, functions)
        missing = set(plain.items()) - set(hits.items())
        too_many = set(hits.items()) - set(plain.items())
        expect(status == 0 and "identical" in text and hits == plain,
               f"finds what the guest reads and writes {options}",
               f"{text[-300:]}\nmissing {missing}\ntoo many {too_many}")
        expect(first in (None, rows), "and the same with other options")
        first = rows
        expect(summary("list", rows), "the list of tap points agrees")

    more = dict(plain)
    for string, access, function, caller in truth:
        if string[0] == "(":
            count, in_memory, where = truth[string, access, function, caller]
            key = "needle", access, function, caller
            more[key] = (more[key][0] + count, in_memory, where)
    status, text = replay("stringsearch:name=list,utf16,nocase,verbose")
    hits, rows = found("list", symbols, functions)
    expect(status == 0 and hits == more, "utf16 and nocase", (hits, more))
    expect(len(re.findall(r"^(READ|WRITE) Match of str \d at: instr_count=\d+",
                          text, re.MULTILINE)) == len(rows), "verbose")
    status, text = replay("stringsearch:str=needle")
    hits, rows = found("stringsearch", symbols, functions)
    expect(status == 0 and hits == {k: v for k, v in plain.items()
                                    if k[0] == "needle"}, "str=", text)


def other_plugins(symbols):
    build_plugin(WORK, "listener", LISTENER, *STRICT, *NEIGHBOURS)
    status, text = replay("listener")
    told = re.findall(r"^ssm (\w+) (\w+) (\w+) (\d) (\d)$", text, re.MULTILINE)
    rows = found("stringsearch", symbols, set())[1]
    expect(status == 0 and [t[2] for t in told] == ["needle"] * 3 + ["aab"] and
           "removed 1 0" in text, "strings change while it runs", text)
    expect([(int(t[0], 16), int(t[1], 16), t[3] == "1", t[4]) for t in told] ==
           [(int(r["pc"], 16), int(r["address"], 16), r["access"] == "write",
             r["in memory"]) for r in rows], "on_ssm tells what is written")


def filter_is_sound():
    """Of the matcher alone: nothing that it needs is left out, and something
    is."""
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", f"-I{TOP}/plugins", "-o",
                    "test_filter", f"{HERE}/test_filter.c",
                    f"{HERE}/matcher.c"], check=True, cwd=WORK)
    text = subprocess.run([f"{WORK}/test_filter"], text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    rows = re.findall(r"^(\d) wrong (\d+) left out (\d+)$", text, re.MULTILINE)
    expect(len(rows) == 6 and all(wrong == "0" and int(left) > 10000
                                  for _, wrong, left in rows),
           "the filter leaves out what leads nowhere", text)


def refused():
    write_list("bad", '"fine"', "0a:1b:xx")
    write_list("long", '"' + "x" * 1025 + '"')
    write_list("many", *(f'"number {i}"' for i in range(101)))
    for arguments, words in [
            ("name=bad", "bad_search_strings.txt:2: .*neither"),
            ("name=long", "long_search_strings.txt:1: .*1025 bytes"),
            ("name=many", "many_search_strings.txt:101: more than 100"),
            ("name=none", "none_search_strings.txt cannot be read"),
            ("callers=1000", "128 at most")]:
        status, text = replay(f"stringsearch:{arguments}")
        expect(status == 1 and re.search(words, text), f"refused: {arguments}",
               text)


def main():
    build_plugin(WORK, "watcher", WATCHER, *STRICT, *NEIGHBOURS)
    truth = record()
    symbols = Symbols(f"{WORK}/test_texts")
    finds(truth, symbols)
    other_plugins(symbols)
    filter_is_sound()
    refused()
    end()


main()
