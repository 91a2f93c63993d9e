/*
 * The same in C++ with the manual's prototypes, lambdas, and the enumerators
 * of older sources.
 *
 * > memory_manual: 64 stores, 64 loads, by functions and lambdas
 * > memory_manual: 64 physical ones
 */
#define __STDC_FORMAT_MACROS
#include "panda/plugin.h"
#include <map>
#include <string>

extern "C" {
bool init_plugin(void *);
void uninit_plugin(void *);
}

static std::map<std::string, uint64_t> counts;

static bool is_ours(target_ulong addr, target_ulong size)
{
    return addr >= 0x200000 && addr < 0x200100 && size == 4;
}

static int mem_write(CPUState *, target_ulong, target_ulong addr,
                     target_ulong size, void *buf)
{
    uint32_t value = *static_cast<uint32_t *>(buf);

    counts["store"] += is_ours(addr, size) && value >> 12 == 1;
    return 0;
}

static int mem_read(CPUState *, target_ulong, target_ulong addr,
                    target_ulong size, void *)
{
    counts["load"] += is_ours(addr, size);
    return 0;
}

bool init_plugin(void *self)
{
    panda_cb pcb = {};

    pcb.virt_mem_after_write = mem_write;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_WRITE, pcb);
    pcb.virt_mem_after_read = mem_read;
    panda_register_callback(self, PANDA_CB_VIRT_MEM_READ, pcb);
    pcb.virt_mem_before_write = [](CPUState *, target_ulong, target_ulong addr,
                                   target_ulong size, void *) {
        counts["lambda"] += is_ours(addr, size);
        return 0;
    };
    panda_register_callback(self, PANDA_CB_VIRT_MEM_WRITE, pcb);
    pcb.phys_mem_before_write = [](CPUState *, target_ptr_t, target_ptr_t addr,
                                   size_t size, uint8_t *) {
        counts["physical store"] += is_ours(addr, size);
    };
    panda_register_callback(self, PANDA_CB_PHYS_MEM_WRITE, pcb);
    pcb.phys_mem_after_read = [](CPUState *, target_ptr_t, target_ptr_t addr,
                                 size_t size, uint8_t *) {
        counts["physical load"] += is_ours(addr, size);
    };
    panda_register_callback(self, PANDA_CB_PHYS_MEM_READ, pcb);
    pcb.virt_mem_before_read = nullptr;
    assert(pcb.cbaddr == nullptr);
    return true;
}

void uninit_plugin(void *)
{
    if (counts["lambda"] == counts["store"]) {
        printf("memory_manual: %" PRIu64 " stores, %" PRIu64
               " loads, by functions and lambdas\n",
               counts["store"], counts["load"]);
    }
    if (counts["physical load"] == counts["physical store"]) {
        printf("memory_manual: %" PRIu64 " physical ones\n",
               counts["physical load"]);
    }
}
