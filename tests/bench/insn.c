/* The plugin of the measurement "insn_exec on everything". */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static uint64_t insns;

static bool want(CPUState *cpu, target_ptr_t pc)
{
    (void)cpu, (void)pc;
    return true;
}

static int hear(CPUState *cpu, target_ptr_t pc)
{
    (void)cpu, (void)pc;
    insns++;
    return 0;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.insn_translate = want};

    panda_register_callback(self, PANDA_CB_INSN_TRANSLATE, pcb);
    pcb.insn_exec = hear;
    panda_register_callback(self, PANDA_CB_INSN_EXEC, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    printf("events: insn %" PRIu64 "\n", insns);
}
