/* Where addresses of the guest lead, for the plugins that ask. */
#include "plugin/plugins.h"

#include "mem/mem.h"

static struct machine *the_machine(void)
{
    return plugins_current() ? plugins_current()->machine : NULL;
}

target_ulong panda_current_ksp(CPUState *cpu)
{
    const CPUX86State *env = cpu->env_ptr;
    target_ulong stack = 0;

    if (panda_in_kernel_mode(cpu)) {
        return panda_current_sp(cpu);
    }
    /* Of the inner stack, in the task state behind its first word. */
    if (panda_virtual_memory_read(cpu, env->tr.base + 4, (uint8_t *)&stack,
                                  env->hflags & HF_LMA_MASK ? 8 : 4)) {
        return 0;
    }
    return stack;
}

/* The block of RAM behind an address, or NULL. */
static const struct mem_block *ram_at(hwaddr physical, uint64_t *offset)
{
    struct machine *m = the_machine();
    const struct mem_block *block;

    if (!m || physical == (hwaddr)-1) {
        return NULL;
    }
    block = mem_lookup(m->memory, physical, offset);
    return block && block == plugins_ram(m) ? block : NULL;
}

void *panda_map_virt_to_host(CPUState *cpu, target_ulong addr, int len)
{
    const struct mem_block *block;
    uint64_t offset;

    if (!the_machine() || len < 0 ||
        (addr & ~PAGE_MASK_) + (unsigned)len > PAGE_SIZE_) {
        return NULL;
    }
    block = ram_at(panda_virt_to_phys(cpu, addr), &offset);
    if (!block) {
        return NULL;
    }
    block->page_flags[offset >> PAGE_BITS] |= PAGE_USED; /* it may write */
    return block->host + offset;
}

Int128 panda_find_max_ram_address(void)
{
    struct machine *m = the_machine();
    struct mem_mapping mapping;
    uint64_t end = 0;

    for (unsigned i = 0; m && mem_mapping_at(m->memory, i, &mapping); i++) {
        if (mapping.block == plugins_ram(m)) {
            end = mapping.physical + mapping.size;
        }
    }
    return end;
}

MemTxResult PandaPhysicalAddressToRamOffset(ram_addr_t *out, hwaddr addr,
                                            bool is_write)
{
    uint64_t offset;

    (void)is_write;
    if (!ram_at(addr, &offset)) {
        return MEMTX_ERROR;
    }
    *out = offset;
    return MEMTX_OK;
}

MemTxResult PandaVirtualAddressToRamOffset(ram_addr_t *out, CPUState *cpu,
                                           target_ulong addr, bool is_write)
{
    if (!the_machine()) {
        return MEMTX_ERROR;
    }
    return PandaPhysicalAddressToRamOffset(out, panda_virt_to_phys(cpu, addr),
                                           is_write);
}
