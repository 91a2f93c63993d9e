/*
 * A plugin in C++ to begin with: it counts the guest's blocks, by address
 * space. Copy the folder, rename it and this file, and write your own. See
 * README.md.
 */
#include "panda/plugin.h"

#include "sample_cpp/sample_cpp.h"

#include <map>

/* What the engine and other plugins find by name has C's names. */
extern "C" {
#include "sample_cpp/sample_cpp_int_fns.h"
bool init_plugin(void *self);
void uninit_plugin(void *self);
PPP_PROT_REG_CB(on_sample_cpp);
}

PPP_CB_BOILERPLATE(on_sample_cpp);

static std::map<target_ulong, uint64_t> blocks_of;
static uint64_t blocks, every;

uint64_t sample_cpp_function(void)
{
    return blocks;
}

/* Called where a block begins; tb describes it. */
static void before_block(CPUState *cpu, TranslationBlock *)
{
    blocks++;
    blocks_of[panda_current_asid(cpu)]++;
    if (every && blocks % every == 0) {
        PPP_RUN_CB(on_sample_cpp, cpu, blocks);
    }
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("sample_cpp");
    panda_cb pcb;

    every = panda_parse_uint64_opt(args, "every", 1000,
                                   "blocks from one on_sample_cpp to the next");
    panda_free_args(args);
    pcb.before_block_exec = before_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(void *)
{
    for (auto &space : blocks_of) {
        printf("sample_cpp: %" PRIu64 " blocks in asid %" PRIx64 "\n",
               space.second, (uint64_t)space.first);
    }
    printf("sample_cpp: %" PRIu64 " blocks\n", blocks);
}
