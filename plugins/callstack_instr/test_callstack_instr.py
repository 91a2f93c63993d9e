#!/usr/bin/env python3
"""callstack_instr against a guest that notes its own calls."""
import collections
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests/shared")
from bare_metal import WORK, run
from build_plugin import NEIGHBOURS, STRICT, build_plugin
from checks import end, expect
from tree import record

TELLER = """
#include "callstack_instr/callstack_instr.h"
#include "callstack_instr/callstack_instr_ext.h"
#ifdef __cplusplus
extern "C"
#endif
bool init_plugin(void *self);
static void call(CPUState *cpu, target_ulong func)
{
    target_ulong functions[64], callers[64];
    uint32_t n = get_functions(functions, 64, cpu);
    prog_point p;
    get_prog_point(cpu, &p);
    char *stack = get_stackid_string(p);
    bool same = get_callers(callers, 64, cpu) == n;
    printf("+ %" PRIx64 " %d %d %d %s", func, same, p.pc == func,
           p.caller == callers[0], stack);
    for (uint32_t i = 0; i < n; i++) {
        printf(" %" PRIx64, functions[i]);
    }
    printf("\\n");
    free(stack);
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
"""


def told(*options):
    """What the plugin told of the functions that the guest knows."""
    done = run("-replay", "tree", *options)
    text = done.stdout
    expect(done.returncode == 0 and "identical" in text, f"replay {options}",
           text)
    return [line.split() for line in text.splitlines()
            if line.startswith(("+ ", "- "))], text


def compare(notes, events, what, exact):
    """Calls and returns in their order, and all callers at each call."""
    known = {function for _, _, function in notes}
    events = [e for e in events if e[1] in known]
    expect([(e[0], e[1]) for e in events] == [(s, f) for s, _, f in notes],
           f"{what}: the calls and returns of the guest, in order",
           "\n".join(f"{e[:2]} {n}" for e, n in zip(events, notes)
                     if (e[0], e[1]) != (n[0], n[2]))[:400])
    stacks, wrong, deepest = collections.defaultdict(list), [], 0
    for (sign, stack, function), event in zip(notes, events):
        if sign == "-":
            stacks[stack].pop()
            continue
        stacks[stack].append(function)
        deepest = max(deepest, len(stacks[stack]))
        heard = [f for f in " ".join(event).split(")")[1].split()
                 if f in known]
        mine = stacks[stack][::-1]
        # By asid, the other stacks come behind.
        if heard[:len(mine)] != mine or (exact and len(heard) > len(mine)):
            wrong.append((function, mine, heard))
        if event[2:5] != ["1", "1", "1"]:
            wrong.append(event)
    expect(not wrong and deepest > 6, f"{what}: all callers at each call",
           wrong[:2])


def main():
    notes = record()
    build_plugin(WORK, "teller", TELLER, *STRICT, *NEIGHBOURS,
                 compiler="cc")
    first = None
    for options in ([], ["-unit-insns", "1"], ["-jit", "chaos=3"],
                    ["-accel", "interp"], ["-panda", "sample;coverage"]):
        events, text = told("-panda", "callstack_instr;teller", *options)
        compare(notes, events, f"asid {options}", False)
        expect(first in (None, events) and "(asid=0x" in text,
               "and the same with other options")
        first = events
    build_plugin(WORK, "teller", TELLER, *STRICT, *NEIGHBOURS,
                 compiler="g++")
    events, text = told("-panda",
                        "callstack_instr:stack_type=heuristic;teller")
    compare(notes, events, "heuristic", True)
    expect(len(set(re.findall(r"\(asid=0x0, sp=0x\w+\)", text))) >= 3,
           "heuristic: stacks by stack pointer")
    verbose = run("-replay", "tree", "-panda",
                  "callstack_instr:verbose=y").stdout
    expect(len(re.findall(r"PANDA\[callstack_instr\]: call of", verbose))
           == sum(e[0] == "+" for e in events), "verbose tells of each")
    for kind, words in ("threaded", "there is no plugin 'osi'"), \
            ("x", "asid, heuristic or threaded"):
        done = run("-replay", "tree", "-panda",
                   f"callstack_instr:stack_type={kind}")
        expect(done.returncode == 1 and re.search(words, done.stdout),
               f"refused: {kind}", done.stdout)
    end()


main()
