/* The plugin of the measurement "a C call for each virtual access". */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static uint64_t reads, writes;

static void after_read(CPUState *env, target_ptr_t pc, target_ptr_t address,
                       size_t size, uint8_t *bytes)
{
    (void)env, (void)pc, (void)address, (void)size, (void)bytes;
    reads++;
}

static void after_write(CPUState *env, target_ptr_t pc, target_ptr_t address,
                        size_t size, uint8_t *bytes)
{
    (void)env, (void)pc, (void)address, (void)size, (void)bytes;
    writes++;
}

bool init_plugin(void *self)
{
    panda_cb pcb;

    pcb.virt_mem_after_read = after_read;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_READ, pcb);
    pcb.virt_mem_after_write = after_write;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_WRITE, pcb);
    panda_enable_memcb();
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    printf("accesses: %llu reads, %llu writes\n", (unsigned long long)reads,
           (unsigned long long)writes);
}
