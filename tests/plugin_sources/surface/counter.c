/* Counts blocks, for other plugins to ask. Nothing is said on its own. */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);
uint64_t count_of_blocks(void);

static uint64_t blocks;

uint64_t count_of_blocks(void)
{
    return blocks;
}

static void before_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    blocks += cpu && tb;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = before_block_exec};

    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(UNUSED(void *self))
{
    printf("counter: bye\n");
}
