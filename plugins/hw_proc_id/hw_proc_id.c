/*
 * A number for the running process, from the hardware alone. On x86 that is
 * the address space; targets whose address space numbers are used again for
 * other processes will need more.
 */
#include "panda/plugin.h"

#include "hw_proc_id/hw_proc_id_int_fns.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

target_ulong get_id(CPUState *cpu)
{
    return panda_current_asid(cpu);
}

bool id_is_initialized(void)
{
    return first_cpu != NULL;
}

bool init_plugin(void *self)
{
    (void)self;
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
}
