/* The callbacks: their numbers, and the unions of functions to call. */
#ifndef PANDA_CALLBACKS_CB_DEFS_H
#define PANDA_CALLBACKS_CB_DEFS_H

#include "panda/callbacks/cb-member.h"
#include "panda/cpu.h"

typedef enum panda_cb_type {
#define PANDA_CALLBACK(number, NAME, ...) PANDA_CB_##NAME = number,
#define PANDA_CALLBACK_NONE PANDA_CALLBACK
#include "panda/callbacks.def"
#undef PANDA_CALLBACK
#undef PANDA_CALLBACK_NONE
    PANDA_CB_LAST,
    /* Other names of the same. */
    PANDA_CB_AFTER_VMLOAD = PANDA_CB_AFTER_LOADVM,
    PANDA_CB_BEFORE_REPLAY_LOADVM = PANDA_CB_BEFORE_LOADVM,
    PANDA_CB_VIRT_MEM_READ = PANDA_CB_VIRT_MEM_AFTER_READ,
    PANDA_CB_VIRT_MEM_WRITE = PANDA_CB_VIRT_MEM_BEFORE_WRITE,
    PANDA_CB_PHYS_MEM_READ = PANDA_CB_PHYS_MEM_AFTER_READ,
    PANDA_CB_PHYS_MEM_WRITE = PANDA_CB_PHYS_MEM_BEFORE_WRITE,
    /* BEFORE_DMA and AFTER_DMA with other arguments. */
    PANDA_CB_REPLAY_BEFORE_CPU_PHYSICAL_MEM_RW_RAM = 256,
    PANDA_CB_REPLAY_AFTER_CPU_PHYSICAL_MEM_RW_RAM
} panda_cb_type;

typedef union panda_cb {
#define PANDA_CALLBACK(number, NAME, member, state, result, ...) \
    PANDA_CB_MEMBER_(member, result, (__VA_ARGS__));
#define PANDA_CALLBACK_NONE(number, NAME, member, state, result) \
    PANDA_CB_MEMBER_(member, result, (void));
#include "panda/callbacks.def"
#undef PANDA_CALLBACK
#undef PANDA_CALLBACK_NONE
    PANDA_CB_MEMBER_(after_vmload, void, (CPUState *));
    /* is_write: into RAM, from the buffer at src_addr; else out of RAM. */
    PANDA_CB_MEMBER_(replay_before_cpu_physical_mem_rw_ram, int,
                     (CPUState *, uint32_t is_write, uint64_t src_addr,
                      uint64_t dest_addr, uint32_t num_bytes));
    PANDA_CB_MEMBER_(replay_after_cpu_physical_mem_rw_ram, int,
                     (CPUState *, uint32_t is_write, uint8_t *src_addr,
                      uint64_t dest_addr, uint32_t num_bytes));
    void (*cbaddr)(void);
} panda_cb;

typedef union panda_cb_with_context {
#define PANDA_CALLBACK(number, NAME, member, state, result, ...) \
    result (*member)(void *context, __VA_ARGS__);
#define PANDA_CALLBACK_NONE(number, NAME, member, state, result) \
    result (*member)(void *context);
#include "panda/callbacks.def"
#undef PANDA_CALLBACK
#undef PANDA_CALLBACK_NONE
    void (*cbaddr)(void);
} panda_cb_with_context;

#endif
