/*
 * A plugin for tests/plugins_apart.py: asks for some instructions, from one
 * count to another, and says at the end what it has heard of, as a digest. It
 * must be the same whoever is loaded beside it.
 */
#include "panda/plugin.h"

static void *me;
static uint32_t mask, value;
static uint64_t invalidate, from, till, digest, n[3];
static bool asks, started, stopped, always;

static void hear(unsigned kind, uint64_t x)
{
    n[kind]++;
    digest = (digest ^ x ^ rr_get_guest_instr_count() << 20) *
             0x9e3779b97f4a7c15ull;
    digest ^= digest >> 29;
}

static bool is_wanted(CPUState *cpu, target_ulong pc)
{
    (void)cpu;
    return (pc & mask) == value;
}

static int on_insn(CPUState *cpu, target_ulong pc)
{
    hear(0, pc ^ panda_current_pc(cpu) << 1);
    return 0;
}

static int on_insn_end(CPUState *cpu, target_ulong pc)
{
    hear(1, pc ^ panda_current_pc(cpu) << 1);
    return 0;
}

static void on_write(CPUState *cpu, target_ptr_t pc, target_ptr_t address,
                     size_t size, uint8_t *bytes)
{
    (void)cpu;
    hear(2, pc ^ address << 4 ^ size << 9 ^ bytes[0]);
}

static void on_instructions(void)
{
    panda_cb pcb;

    pcb.insn_exec = on_insn;
    panda_register_callback(me, PANDA_CB_INSN_EXEC, pcb);
    pcb.after_insn_exec = on_insn_end;
    panda_register_callback(me, PANDA_CB_AFTER_INSN_EXEC, pcb);
    if (asks) {
        pcb.insn_translate = is_wanted;
        panda_register_callback(me, PANDA_CB_INSN_TRANSLATE, pcb);
        pcb.after_insn_translate = is_wanted;
        panda_register_callback(me, PANDA_CB_AFTER_INSN_TRANSLATE, pcb);
    }
}

static void switch_asking(bool on)
{
    panda_cb pcb = {.insn_translate = is_wanted};

    if (on) {
        panda_enable_callback(me, PANDA_CB_INSN_TRANSLATE, pcb);
    } else {
        panda_disable_callback(me, PANDA_CB_INSN_TRANSLATE, pcb);
    }
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    uint64_t count = rr_get_guest_instr_count();

    (void)cpu, (void)tb;
    if (!started && count >= from) {
        started = true;
        on_instructions();
#ifdef SWITCHES
        panda_enable_memcb();
#endif
    }
    if (!stopped && count >= till) {
        stopped = true;
#ifdef SWITCHES
        panda_disable_memcb();
#endif
        if (asks) {
            switch_asking(false);
        }
    }
    /* And for another while, with what was translated meanwhile. */
    if (asks && stopped && !always && count >= 2 * till) {
        always = true;
        switch_asking(true);
    }
}

/* Now and then: all is translated anew, and everybody asked again. */
static bool invalidates(CPUState *cpu, TranslationBlock *tb)
{
    static uint64_t blocks;

    (void)cpu, (void)tb;
    return ++blocks % invalidate == 0;
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args(PLUGIN_NAME);
    panda_cb pcb;

    me = self;
    mask = panda_parse_uint32(args, "mask", 0);
    value = panda_parse_uint32(args, "value", 0);
    from = panda_parse_uint64(args, "from", 0);
    till = panda_parse_uint64(args, "till", UINT64_MAX / 2);
    invalidate = panda_parse_uint64(args, "invalidate", 0);
    asks = !panda_parse_bool(args, "mute");
    if (invalidate) {
        pcb.before_block_exec_invalidate_opt = invalidates;
        panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT,
                                pcb);
    }
    pcb.before_block_exec = on_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    pcb.virt_mem_after_write = on_write;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_WRITE, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    fprintf(stderr,
            PLUGIN_NAME " heard %" PRIu64 " %" PRIu64 " %" PRIu64 " %016" PRIx64
                        "\n",
            n[0], n[1], n[2], digest);
}
