#!/usr/bin/env python3
"""mem_hooks against a guest whose accesses are known."""
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

USER = """
#include "mem_hooks/mem_hooks_ext.h"
bool init_plugin(void *self);
static struct memory_hooks_region *second;
static void told(CPUState *cpu, struct memory_access_desc *d)
{
    uint64_t value = 0;
    if (d->buf) memcpy(&value, d->buf, d->size);
    printf("%s %s%s%s %" PRIx64 " %zu %" PRIx64 " %d\\n",
           d->hook == second ? "second" : "first",
           d->on_before ? "before" : "after", d->on_read ? " read" : " write",
           d->on_virtual ? "" : " physical", (uint64_t)d->addr, d->size, value,
           d->pc == panda_current_pc(cpu));
    if (d->hook == second && d->on_write) d->hook->enabled = false;
}
static void never(CPUState *cpu, struct memory_access_desc *d)
{
    (void)cpu, (void)d;
    printf("never\\n");
}
bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("user");
    target_ulong start = panda_parse_ulong_req(args, "start", "");
    struct memory_hooks_region r = {};
    (void)self;
    panda_require("mem_hooks");
    if (!init_mem_hooks_api()) return false;
    r.start_address = start;
    r.stop_address = start + 1;
    r.enabled = r.on_before = r.on_after = r.on_read = r.on_write = true;
    r.on_virtual = true;
    r.cb = told;
    add_mem_hook(&r);
    r.on_read = r.on_before = false;
    r.on_physical = true;
    r.on_virtual = false;
    second = add_mem_hook(&r);
    r.cb = never;
    add_mem_hook(&r)->enabled = false;
    r.start_address += 100;
    r.stop_address += 100;
    add_mem_hook(&r);
    if (panda_parse_bool_opt(args, "off", "")) disable_mem_hooking();
    return true;
}
"""


def truth(array):
    """Of the two bytes from 12 on."""
    lines = []

    def add(what, at, size, value, second=False):
        for when in "before", "after":
            shown = 0 if (when, what) == ("before", "read") else value
            lines.append(f"first {when} {what} {array + at:x} {size} "
                         f"{shown:x} 1")
        if second: # disabled after its first write
            lines.append(f"second after write physical {array + at:x} {size} "
                         f"{value:x} 1")

    add("write", 8, 8, 0x2222, True)
    add("write", 12, 1, 0x33)
    add("read", 13, 1, 0)
    add("write", 9, 4, 0x44444)
    # 9: 44, 10: 44 55 (then 55 55), 12: 00; from 13 on what 0x2222 left.
    add("read", 13, 8, 0)
    return lines


def main():
    build_guests(f"{HERE}/test_accesses.c")
    run(*boot("test_accesses", "-record", "accesses"))
    array = int(re.search(r"array (\w+)", written())[1], 16)
    for compiler in "cc", "c++":
        build_plugin(WORK, "user", USER if compiler == "cc" else
                     USER.replace("bool init", 'extern "C" bool init', 1),
                     *STRICT, *NEIGHBOURS, compiler=compiler)
        for options in [], ["-unit-insns", "1"], ["-accel", "interp"]:
            text = run("-replay", "accesses", "-panda",
                       f"user:start={array + 12:#x}", *options).stdout
            heard = re.findall(r"^(?:first|second|never).*$", text,
                               re.MULTILINE)
            expect(heard == truth(array), f"told of what touches the "
                   f"region {compiler} {options}",
                   "\n".join(heard) + "\n\n" + "\n".join(truth(array)))
    text = run("-replay", "accesses", "-panda",
               f"user:start={array + 12:#x},off").stdout
    expect("identical" in text and "first" not in text, "disabled")
    end()


main()
