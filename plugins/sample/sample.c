/*
 * A plugin to begin with: it counts the guest's blocks. Copy the folder,
 * rename it and this file, and write your own. See README.md.
 */
#include "panda/plugin.h"

#include "sample/sample.h"
#include "sample/sample_int_fns.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

/* The callback point on_sample: others register with PPP_REG_CB. */
PPP_PROT_REG_CB(on_sample)
PPP_CB_BOILERPLATE(on_sample)

static uint64_t blocks, kernel_blocks, every;

uint64_t sample_function(void)
{
    return blocks;
}

/* Called where a block begins; tb describes it. */
static void before_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)tb;
    blocks++;
    kernel_blocks += panda_in_kernel(cpu);
    if (every && blocks % every == 0) {
        PPP_RUN_CB(on_sample, cpu, blocks);
    }
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("sample");
    panda_cb pcb = {.before_block_exec = before_block};

    every = panda_parse_uint64_opt(args, "every", 1000,
                                   "blocks from one on_sample to the next");
    panda_free_args(args);
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    printf("sample: %" PRIu64 " blocks, %" PRIu64 " of them in the kernel\n",
           blocks, kernel_blocks);
}
