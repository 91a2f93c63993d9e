#!/usr/bin/env python3
"""callstack_instr with stack_type=threaded, and its messages for the pandalog:
a plugin `osi` reads which thread runs out of the guest of test_tree.c, which
keeps that in a variable."""
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests/shared")
from bare_metal import WORK, run
from build_plugin import NEIGHBOURS, STRICT, build_plugin
from checks import BUILD, end, expect
from tree import record

OSI = """
#include "panda/plugin.h"
typedef struct osi_thread { target_pid_t pid, tid; } OsiThread;
bool init_plugin(void *self);
void uninit_plugin(void *self);
OsiThread *get_current_thread(CPUState *cpu);
OsiThread *get_current_thread(CPUState *cpu)
{
    OsiThread *thread = g_malloc0(sizeof(*thread));
    uint8_t letter;
    if (panda_virtual_memory_read(cpu, VARIABLE, &letter, 1)) {
        g_free(thread);
        return NULL;
    }
    thread->pid = 77;
    thread->tid = letter;
    return thread;
}
bool init_plugin(void *self) { (void)self; return true; }
void uninit_plugin(void *self) { (void)self; }
"""

TELLER = """
#include "panda/plugin.h"
#include "callstack_instr/callstack_instr.h"
#include "callstack_instr/callstack_instr_ext.h"
bool init_plugin(void *self);
void uninit_plugin(void *self);
static void call(CPUState *cpu, target_ulong func)
{
    target_ulong functions[64], callers[64];
    uint32_t n = get_functions(functions, 64, cpu);
    Panda__LogEntry entry = PANDA__LOG_ENTRY__INIT;
    prog_point p;
    char *stack;
    get_prog_point(cpu, &p);
    stack = get_stackid_string(p);
    printf("+ %" PRIx64 " %s", func, stack);
    for (uint32_t i = 0; i < n; i++) printf(" %" PRIx64, functions[i]);
    printf("\\ncallers");
    n = get_callers(callers, 64, cpu);
    for (uint32_t i = 0; i < n; i++) printf(" %" PRIx64, callers[i]);
    printf("\\n");
    free(stack);
    if (pandalog) {
        entry.call_stack = pandalog_callstack_create();
        pandalog_write_entry(&entry);
        pandalog_callstack_free(entry.call_stack);
    }
}
static void ret(CPUState *cpu, target_ulong func)
{
    (void)cpu;
    printf("- %" PRIx64 "\\n", func);
}
bool init_plugin(void *self)
{
    (void)self;
    panda_require("callstack_instr");
    if (!init_callstack_instr_api()) return false;
    PPP_REG_CB("callstack_instr", on_call, call);
    PPP_REG_CB("callstack_instr", on_ret, ret);
    return true;
}
void uninit_plugin(void *self) { (void)self; }
"""


def variable():
    """Where the guest keeps which thread runs."""
    symbols = subprocess.run(["nm", f"{WORK}/test_tree"], text=True,
                             check=True, stdout=subprocess.PIPE).stdout
    return "0x" + re.search(r"^(\w+) \w stack$", symbols, re.MULTILINE)[1]


def test_threads(notes, *options):
    done = run("-replay", "tree", "-panda", *options)
    text = done.stdout
    known = {function for _, _, function in notes}
    events = [line.split() for line in text.splitlines()
              if line.startswith(("+ ", "- ")) and line.split()[1] in known]
    expect(done.returncode == 0 and [(e[0], e[1]) for e in events] ==
           [(sign, function) for sign, _, function in notes],
           f"calls and returns of threads ({options[0]})", text[-500:])
    stacks, wrong = {}, []
    for (sign, letter, function), event in zip(notes, events):
        if sign == "-":
            stacks[letter].pop()
            continue
        stacks.setdefault(letter, []).append(function)
        # The thread of a snippet is noted before it is entered.
        thread = "m" if letter == "i" else letter
        if f"threadID={ord(thread):#x}," not in event or \
                "(processID=0x4d," not in event:
            wrong.append((letter, event))
        heard = [f for f in event[5:] if f in known]
        if letter != "i" and heard != stacks[letter][::-1]:
            wrong.append((stacks[letter], heard))
    expect(not wrong and len(stacks) == 4, "each call in its thread, and all "
           "callers of it alone", wrong[:2])
    return text


def test_log():
    text = run("-replay", "tree", "-pandalog", "log", "-panda",
               "callstack_instr;teller").stdout
    told = [line.split()[1:] for line in text.splitlines()
            if line.startswith("callers")]
    done = subprocess.run([f"{BUILD}/x86_64-softmmu/plog_reader", "--json",
                           "log"], cwd=WORK, text=True,
                          stdout=subprocess.PIPE)
    logged = [[f"{int(x):x}" for x in entry["callStack"]["addr"]]
              for entry in json.loads(done.stdout) if "callStack" in entry]
    expect(len(told) > 300 and max(map(len, told)) > 16 and
           logged == [t[:16] for t in told],
           "the newest 16 callers of each call in the pandalog",
           (len(told), len(logged), max(map(len, told), default=0),
            [x for x in zip(told, logged) if x[0][:16] != x[1]][:2]))


def main():
    notes = record()
    build_plugin(WORK, "teller", TELLER, *STRICT, *NEIGHBOURS,
                 "-isystem", f"{BUILD}/x86_64-softmmu",
                 "-Wl,--no-as-needed,--whole-archive",
                 f"{BUILD}/plugins/schema/libplog-c.a",
                 "-Wl,--no-whole-archive", "-lprotobuf-c",
                 compiler="cc")
    test_log()
    done = run("-replay", "tree", "-panda",
               "callstack_instr:stack_type=threaded")
    expect(done.returncode == 1 and
           "there is no plugin 'osi'" in done.stdout,
           "threads are refused without a plugin that knows them",
           done.stdout)
    done = run("-replay", "tree", "-os", "linux-64-any", "-panda",
               "callstack_instr;teller")
    expect(done.returncode == 0 and "(asid=0x" in done.stdout,
           "with -os alone, stacks are by asid", done.stdout[-300:])
    build_plugin(WORK, "osi", OSI.replace("VARIABLE", variable()),
                 *STRICT, compiler="cc")
    first = test_threads(notes, "callstack_instr:stack_type=threaded;"
                         "teller")
    other = test_threads(notes, "callstack_instr;teller", "-os",
                         "linux-64-any", "-unit-insns", "1")
    expect([l for l in first.splitlines() if l.startswith("+")] ==
           [l for l in other.splitlines() if l.startswith("+")] and
           "isKernelMode=true" in first and "isKernelMode=false" in first,
           "with -os and osi that is the default")
    end()


main()
