#!/usr/bin/env python3
"""track_intexc against a guest that knows what it is in."""
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{TOP}/tests/shared")
from bare_metal import WORK, boot, build_guests, run, written
from build_plugin import NEIGHBOURS, STRICT, build_plugin
from checks import end, expect

TELLER = """
#include "track_intexc/track_intexc_ext.h"
#ifdef __cplusplus
extern "C"
#endif
bool init_plugin(void *self);
static bool on_hypercall(CPUState *cpu)
{
    CPUX86State *env = (CPUX86State *)cpu->env_ptr;
    if ((uint32_t)env->regs[R_EAX] != 0xfeed0100) return false;
    printf("probe %d %d %d\\n", (int)env->regs[R_ECX], (int)env->regs[R_EBX],
           check_in_interrupt() + 2 * check_in_exception());
    return true;
}
bool init_plugin(void *self)
{
    panda_cb pcb;
    panda_require("track_intexc");
    if (!init_track_intexc_api() || check_in_interrupt()) return false;
    pcb.guest_hypercall = on_hypercall;
    panda_register_callback(self, PANDA_CB_GUEST_HYPERCALL, pcb);
    return true;
}
"""


def probes(out):
    return [tuple(map(int, m)) for m in
            re.findall(r"^probe (\d+) (\d+) (\d+)$", out, re.MULTILINE)]


def main():
    build_guests(f"{HERE}/test_nesting.c")
    build_plugin(WORK, "teller", TELLER, *STRICT, *NEIGHBOURS)
    live = boot("test_nesting", "-icount", "sleep=off")
    first = None
    for how in (live, [*live, "-record", "nesting"],
                ["-replay", "nesting"],
                ["-replay", "nesting", "-unit-insns", "1"],
                ["-replay", "nesting", "-accel", "interp"]):
        done = run(*how, "-panda", "teller;track_intexc", apart=True)
        heard = probes(done.stdout)
        number = int(re.search(r"probes: (\d+)", written())[1])
        expect([h[0] for h in heard] == list(range(number)) and
               {h[1] for h in heard} == {0, 1, 2, 3} and number > 100,
               f"{number} probes ({' '.join(how[-4:])})",
               done.stdout + done.stderr)
        wrong = [h for h in heard if h[1] != h[2]]
        expect(heard and not wrong, "each knows what it is in",
               f"number, truth, answer: {wrong[:9]}")
        if how[0] == "-replay":
            expect(done.returncode == 0 and first in (None, heard),
                   "each replay says the same")
            first = heard
    err = run("-replay", "nesting", "-panda", "track_intexc:debug=y",
              apart=True).stderr
    said = re.findall(r"^PANDA\[track_intexc\]: \d+: (begin|end) of "
                      r"(interrupt|exception) (-?\d+) at", err,
                      re.MULTILINE)
    opened, unfit = [], []
    for what, *which in said:
        if what == "begin":
            opened.append(which)
        elif not opened or opened.pop() != which:
            unfit.append(which)
    expect(len(said) > 100 and not unfit and not opened,
           "debug tells of each", unfit[:3])
    expect({n for w, _, n in said} == {"3", "6", "14", "32", "128"},
           "with its number", err[:400])
    end()


main()
