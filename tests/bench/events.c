/* How many events the plugins hear of that are measured, in a run of its own;
 * instructions, the most of them, insn.c counts. */
#include "panda/filter.h"
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static uint64_t blocks, new_blocks, transfers, accesses;

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu, (void)tb;
    blocks++;
}

static void on_new_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu, (void)tb;
    new_blocks++;
}

static void on_call(CPUState *cpu, TranslationBlock *tb, uint8_t exit_code)
{
    (void)cpu, (void)tb, (void)exit_code;
    transfers++;
}

static void on_return(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu, (void)tb;
    transfers++;
}

static void on_access(CPUState *cpu, target_ptr_t pc, target_ptr_t address,
                      size_t size, uint8_t *bytes)
{
    (void)cpu, (void)pc, (void)address, (void)size, (void)bytes;
    accesses++;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.before_block_exec = on_block};

    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    pcb.before_block_exec = on_new_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    panda_filter_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb,
                          PANDA_ON_NEW_ASID);
    pcb.after_block_exec = on_call;
    panda_register_callback(self, PANDA_CB_AFTER_BLOCK_EXEC, pcb);
    panda_filter_callback(self, PANDA_CB_AFTER_BLOCK_EXEC, pcb, PANDA_ON_CALL);
    pcb.end_block_exec = on_return;
    panda_register_callback(self, PANDA_CB_END_BLOCK_EXEC, pcb);
    panda_filter_callback(self, PANDA_CB_END_BLOCK_EXEC, pcb, PANDA_ON_RETURN);
    pcb.virt_mem_after_read = on_access;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_READ, pcb);
    pcb.virt_mem_after_write = on_access;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_WRITE, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    printf("events: block %" PRIu64 ", new block %" PRIu64 ", transfer %" PRIu64
           ", access %" PRIu64 "\n",
           blocks, new_blocks, transfers, accesses);
}
