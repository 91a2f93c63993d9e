/* The plugin of the measurement "an empty C callback a block". */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static void hear(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu, (void)tb;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = hear};

    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
}
