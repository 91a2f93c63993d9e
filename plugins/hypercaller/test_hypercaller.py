#!/usr/bin/env python3
"""hypercaller and hw_proc_id: a guest's hypercalls go to who registered them,
live, recorded and replayed."""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests/shared")
from bare_metal import WORK, boot, build_guests, run, written
from build_plugin import NEIGHBOURS, STRICT, build_plugin
from checks import end, expect

ANSWERER = """
#include "hypercaller/hypercaller_ext.h"
#include "hw_proc_id/hw_proc_id_ext.h"
bool init_plugin(void *self);
void uninit_plugin(void *self);
static void tell(CPUState *cpu, const char *who)
{
    CPUX86State *env = (CPUX86State *)cpu->env_ptr;
    printf("%s %d %d %d %d\\n", who, (int)env->regs[R_EBX],
           (int)env->regs[R_ECX], get_id(cpu) == env->cr[3],
           id_is_initialized());
}
static void first(CPUState *cpu) { tell(cpu, "first"); }
static void second(CPUState *cpu)
{
    tell(cpu, "second");
    if (((CPUX86State *)cpu->env_ptr)->regs[R_EBX] == 3) {
        unregister_hypercall(0xfeed0002);
    }
}
bool init_plugin(void *self)
{
    (void)self;
    panda_require("hypercaller");
    panda_require("hw_proc_id");
    if (!init_hypercaller_api() || !init_hw_proc_id_api()) return false;
    register_hypercall(0xfeed0001, first);
    register_hypercall(0xfeed0002, second);
    register_hypercall(0xfeed0002, first);
    return !id_is_initialized();
}
void uninit_plugin(void *self)
{
    (void)self;
    unregister_hypercall(0xfeed0001);
}
"""


def main():
    build_guests(f"{HERE}/test_calls.c")
    build_plugin(WORK, "answerer", ANSWERER, *STRICT, *NEIGHBOURS)
    live = boot("test_calls")
    told = []
    for i in range(1, 6):
        told.append(f"first {i} {10 * i} 1 1")
        if i <= 3:
            told.append(f"second {i} {10 * i} 1 1")
    for how in (live, [*live, "-record", "calls"], ["-replay", "calls"],
                ["-replay", "calls", "-unit-insns", "1"]):
        done = run(*how, "-panda", "answerer", apart=True)
        lines = [l for l in done.stdout.splitlines()
                 if l.startswith(("first", "second"))]
        expect(lines == told, f"each hypercall goes to its function "
               f"({' '.join(how[-4:])})", done.stdout + done.stderr)
        expect("0xfeed0002 is registered already" in done.stderr,
               "a number has one function")
    run(*live, "-panda", "answerer")
    rows = {r.split(":")[0]: r.split(":")[1].split() for r in
            written().splitlines() if ":" in r}
    expect(rows["feed0001 5 50"] == ["feed0001", "5", "32", "7"],
           "what was answered leaves the registers to the function", rows)
    expect(rows["feed0003 5 50"][1:] != ["5", "32", "7"] and
           rows["feed0002 5 50"][1:] == rows["feed0003 5 50"][1:] and
           rows["0 0 0"][1] in ("756e6547", "68747541"),
           "what was not is CPUID", rows)
    end()


main()
