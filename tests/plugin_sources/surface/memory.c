/*
 * Memory: what the guest reads and writes, and reading it oneself.
 *
 * > memory: 64 stores of the fill, virtual and physical, before and after
 * > memory: 64 loads of the sum, 4128 and 64 * 0x1000 in all
 * > memory: 64 words in the guest's memory, by six ways
 * > memory: what is not mapped is refused
 */
#include "panda/plugin.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define PLACE 0x200000

static unsigned stores[4], loads[4], ways, refused;
static uint64_t total;

static bool is_ours(target_ulong addr, size_t size)
{
    return addr >= PLACE && addr < PLACE + 256 && size == 4;
}

/* The value, as the callback has it in the host's order. */
static unsigned value_of(const uint8_t *buf)
{
    uint32_t value;

    memcpy(&value, buf, sizeof(value));
    return value;
}

static bool is_right(target_ulong addr, const uint8_t *buf)
{
    return value_of(buf) == 0x1000 + (addr - PLACE) / 4;
}

static void look(CPUState *env)
{
    uint32_t words[64], other[64];
    ram_addr_t offset = 0, again = 0;
    uint8_t *host;

    ways = panda_virtual_memory_read(env, PLACE, (uint8_t *)words, 256) == 0;
    ways += words[63] == 0x103f;
    panda_virtual_memory_rw(env, PLACE, (uint8_t *)other, 256, false);
    ways += !memcmp(words, other, 256);
    panda_physical_memory_rw(panda_virt_to_phys(env, PLACE), (uint8_t *)other,
                             256, false);
    ways += !memcmp(words, other, 256);
    ways += panda_physical_memory_read(PLACE, (uint8_t *)other, 256) == 0;
    cpu_physical_memory_read(PLACE, other, 256);
    ways += !memcmp(words, other, 256);
    host = panda_map_virt_to_host(env, PLACE, 256);
    ways += host && !memcmp(host, words, 256);
    ways += PandaVirtualAddressToRamOffset(&offset, env, PLACE, false) ==
            MEMTX_OK;
    ways += PandaPhysicalAddressToRamOffset(&again, PLACE, false) == MEMTX_OK;
    ways += offset == again && offset == PLACE;
    ways += panda_find_max_ram_address() == (Int128)ram_size;

    refused = panda_physical_memory_read(
                  ram_size, words[0] ? (uint8_t *)other : NULL, 4) != 0;
    refused += panda_virtual_memory_read(env, 0xf0000000, (uint8_t *)other,
                                         4) != 0;
    refused += PandaPhysicalAddressToRamOffset(&offset, 0xfee00000, false) !=
               MEMTX_OK;
    refused += panda_map_virt_to_host(env, 0xfee00000, 4) == NULL;
    if (enter_priv(env)) {
        exit_priv(env);
    }
}

static void virt_mem_before_write(CPUState *env, target_ptr_t pc,
                                  target_ptr_t addr, size_t size, uint8_t *buf)
{
    stores[0] += env && pc && is_ours(addr, size) && is_right(addr, buf);
}

static void virt_mem_after_write(CPUState *env, target_ptr_t pc,
                                 target_ptr_t addr, size_t size, uint8_t *buf)
{
    if (is_ours(addr, size) && is_right(addr, buf)) {
        stores[1]++;
        if (stores[1] == 64) {
            look(env);
        }
    }
    (void)pc;
}

static void phys_mem_before_write(CPUState *env, target_ptr_t pc,
                                  target_ptr_t addr, size_t size, uint8_t *buf)
{
    stores[2] += env && pc && is_ours(addr, size) && is_right(addr, buf);
}

static void phys_mem_after_write(CPUState *env, target_ptr_t pc,
                                 target_ptr_t addr, size_t size, uint8_t *buf)
{
    stores[3] += env && pc && is_ours(addr, size) && is_right(addr, buf);
}

static void virt_mem_before_read(CPUState *env, target_ptr_t pc,
                                 target_ptr_t addr, size_t size)
{
    loads[0] += env && pc && is_ours(addr, size);
}

static void virt_mem_after_read(CPUState *env, target_ptr_t pc,
                                target_ptr_t addr, size_t size, uint8_t *buf)
{
    if (is_ours(addr, size)) {
        loads[1] += panda_current_pc(env) == pc;
        total += value_of(buf);
    }
}

static void phys_mem_before_read(CPUState *env, target_ptr_t pc,
                                 target_ptr_t addr, size_t size)
{
    loads[2] += env && pc && is_ours(addr, size);
}

static void phys_mem_after_read(CPUState *env, target_ptr_t pc,
                                target_ptr_t addr, size_t size, uint8_t *buf)
{
    loads[3] += env && pc && is_ours(addr, size) && is_right(addr, buf);
}

bool init_plugin(void *self)
{
    panda_cb pcb;

    panda_disable_memcb();
    panda_enable_memcb();
    assert(panda_use_memcb);
    pcb.virt_mem_before_read = virt_mem_before_read;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_BEFORE_READ, pcb);
    pcb.virt_mem_before_write = virt_mem_before_write;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_BEFORE_WRITE, pcb);
    pcb.phys_mem_before_read = phys_mem_before_read;
    panda_register_callback(self, PANDA_CB_PHYS_MEM_BEFORE_READ, pcb);
    pcb.phys_mem_before_write = phys_mem_before_write;
    panda_register_callback(self, PANDA_CB_PHYS_MEM_BEFORE_WRITE, pcb);
    pcb.virt_mem_after_read = virt_mem_after_read;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_READ, pcb);
    pcb.virt_mem_after_write = virt_mem_after_write;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_WRITE, pcb);
    pcb.phys_mem_after_read = phys_mem_after_read;
    panda_register_callback(self, PANDA_CB_PHYS_MEM_AFTER_READ, pcb);
    pcb.phys_mem_after_write = phys_mem_after_write;
    panda_register_callback(self, PANDA_CB_PHYS_MEM_AFTER_WRITE, pcb);
    return true;
}

static bool all_are(const unsigned *four, unsigned n)
{
    return four[0] == n && four[1] == n && four[2] == n && four[3] == n;
}

void uninit_plugin(UNUSED(void *self))
{
    if (all_are(stores, 64)) {
        printf("memory: 64 stores of the fill, virtual and physical, before "
               "and after\n");
    }
    if (all_are(loads, 64) && total == 64 * 0x1000 + 63 * 64 / 2) {
        printf("memory: 64 loads of the sum, 4128 and 64 * 0x1000 in all\n");
    }
    if (ways == 11) {
        printf("memory: 64 words in the guest's memory, by six ways\n");
    }
    if (refused == 4) {
        printf("memory: what is not mapped is refused\n");
    }
    fprintf(stderr, "%u %u %u\n", ways, refused, (unsigned)MEMTX_ERROR);
}
