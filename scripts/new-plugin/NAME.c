/* Counts the blocks that the guest runs. See README.md. */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static uint64_t blocks;
static bool kernel_only;

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)tb;
    if (!kernel_only || panda_in_kernel(cpu)) {
        blocks++;
    }
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = on_block};
    panda_arg_list *args = panda_get_args("@NAME@");

    kernel_only = panda_parse_bool_opt(args, "kernel",
                                       "count the kernel's blocks alone");
    panda_free_args(args);
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    printf("@NAME@: %" PRIu64 " blocks\n", blocks);
}
