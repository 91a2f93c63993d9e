/* Functions that other plugins may call, and their types; include
 * mem_hooks_ext.h. */
#ifndef MEM_HOOKS_INT_FNS_H
#define MEM_HOOKS_INT_FNS_H

#include "panda/plugin.h"

struct memory_hooks_region;

/* An access to a region. buf: the value; NULL before a read. */
struct memory_access_desc {
    target_ptr_t pc;
    target_ulong addr;
    size_t size;
    uint8_t *buf;
    bool on_before, on_after, on_read, on_write, on_virtual, on_physical;
    struct memory_hooks_region *hook;
};

/* From start to stop, both included; of before and after, read and write,
 * virtual and physical those that are set. */
struct memory_hooks_region {
    target_ulong start_address, stop_address;
    bool enabled;
    bool on_before, on_after, on_read, on_write, on_virtual, on_physical;
    void (*cb)(CPUState *cpu, struct memory_access_desc *desc);
};

/* Copies the region. What is returned stays where it is, and may be changed
 * in `enabled`. */
struct memory_hooks_region *add_mem_hook(struct memory_hooks_region *region);
/* All of them. */
void enable_mem_hooking(void);
void disable_mem_hooking(void);

#endif
