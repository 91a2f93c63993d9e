#!/usr/bin/env python3
"""hooks against a guest whose functions run a known number of times."""
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
#include "hooks/hooks_int_fns.h"
#ifdef __cplusplus
extern "C" {
#endif
bool init_plugin(void *self);
void uninit_plugin(void *self);
#ifdef __cplusplus
}
#endif
static int n[16], wrong;
static target_ulong start, inside;
static void (*add)(struct hook *);
static int *count(struct hook *h) { return (int *)h->context; }
static void block(CPUState *cpu, TranslationBlock *tb, struct hook *h)
{
    ++*count(h);
    wrong += tb->pc != h->addr || panda_current_asid(cpu) == 1;
}
static void after(CPUState *cpu, TranslationBlock *tb, uint8_t e,
                  struct hook *h)
{
    (void)e;
    block(cpu, tb, h);
}
static bool opt(CPUState *cpu, TranslationBlock *tb, struct hook *h)
{
    block(cpu, tb, h);
    return false;
}
static void translated(CPUState *cpu, target_ptr_t pc, struct hook *h)
{
    (void)cpu;
    ++*count(h);
    wrong += pc != h->addr;
}
static void exact(CPUState *cpu, TranslationBlock *tb, struct hook *h)
{
    ++*count(h);
    wrong += panda_current_pc(cpu) != h->addr || tb->pc != start;
}
static void add_one(target_ulong addr, panda_cb_type type, hooks_panda_cb cb,
                    enum kernel_mode km, target_ulong asid, int *context)
{
    struct hook h;
    memset(&h, 0, sizeof(h));
    h.addr = addr, h.type = type, h.cb = cb, h.km = km, h.asid = asid;
    h.enabled = true, h.context = context;
    add(&h);
}
static void once(CPUState *cpu, TranslationBlock *tb, struct hook *h)
{
    hooks_panda_cb cb;
    block(cpu, tb, h);
    h->enabled = false;
    cb.before_tcg_codegen = exact; /* after 1 of 30 */
    add_one(inside, PANDA_CB_BEFORE_TCG_CODEGEN, cb, MODE_ANY, 0, &n[10]);
}
bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("user");
    hooks_panda_cb cb;
    (void)self;
    start = panda_parse_ulong_req(args, "start", "");
    inside = panda_parse_ulong_req(args, "inside", "");
    panda_require("hooks");
    *(void **)&add = dlsym(panda_get_plugin_by_name("hooks"), "add_hook");
    if (!add) return false;
#define ADD(i, addr, TYPE, member, function, km, asid) \\
    cb.member = function; \\
    add_one(addr, PANDA_CB_##TYPE, cb, km, asid, &n[i])
    ADD(0, start, BEFORE_BLOCK_EXEC, before_block_exec, block, MODE_ANY, 0);
    ADD(1, start, START_BLOCK_EXEC, start_block_exec, block, MODE_KERNEL_ONLY,
        0);
    ADD(2, start, END_BLOCK_EXEC, end_block_exec, block, MODE_USER_ONLY, 0);
    ADD(3, start, AFTER_BLOCK_EXEC, after_block_exec, after, MODE_ANY, 1);
    ADD(4, start, AFTER_BLOCK_EXEC, after_block_exec, after, MODE_ANY, 0);
    ADD(5, inside, BEFORE_BLOCK_EXEC, before_block_exec, block, MODE_ANY, 0);
    ADD(6, inside, BEFORE_TCG_CODEGEN, before_tcg_codegen, exact, MODE_ANY, 0);
    ADD(7, start, BEFORE_BLOCK_EXEC_INVALIDATE_OPT,
        before_block_exec_invalidate_opt, opt, MODE_ANY, 0);
    ADD(8, start, BEFORE_BLOCK_TRANSLATE, before_block_translate, translated,
        MODE_ANY, 0);
    ADD(9, start, START_BLOCK_EXEC, start_block_exec, once, MODE_ANY, 0);
    ADD(11, start, AFTER_BLOCK_TRANSLATE, after_block_translate, block,
        MODE_ANY, 0);
    return true;
}
void uninit_plugin(void *self)
{
    (void)self;
    printf("hooks:");
    for (int i = 0; i < 12; i++) printf(" %d", n[i]);
    printf(" wrong %d\\n", wrong);
}
"""


def main():
    build_guests(f"{HERE}/test_hooked.c")
    run(*boot("test_hooked", "-record", "hooked"))
    start, inside, behind = re.search(r"at (\w+) (\w+) (\w+)",
                                      written()).groups()
    for compiler in "cc", "c++":
        build_plugin(WORK, "user", USER, *STRICT, "-fno-strict-aliasing",
                     *NEIGHBOURS, compiler=compiler)
        for options in [], ["-unit-insns", "1"], ["-accel", "interp"], \
                ["-jit", "chaos=5"]:
            text = run("-replay", "hooked", "-panda",
                       f"user:start=0x{start},inside=0x{inside}",
                       *options).stdout
            told = re.search(r"^hooks: (.*) wrong (\d+)$", text,
                             re.MULTILINE)
            n = list(map(int, told[1].split())) if told else [0] * 12
            # 20 calls in the kernel, 10 by the user; translations are
            # the engine's to count, but there are some.
            expect(n[:8] == [30, 20, 10, 0, 30, 0, 30, 30] and
                   n[8] > 0 and n[9] == 1 and n[10] in (29, 30) and
                   n[11] > 0 and told[2] == "0" and "identical" in text,
                   f"each hook as often as the guest gets there "
                   f"{compiler} {options}", text[-500:])
    end()


main()
