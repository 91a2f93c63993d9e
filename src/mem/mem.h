/*
 * Physical memory and the accesses of the CPU.
 *
 * RAM-like blocks are mapped into the physical space; everything else is
 * I/O, which crosses the boundary. All writes from outside the CPU (DMA,
 * loader, plugin, debugger, replay) go through mem_write_physical(), which
 * sees to translated code, page tables and flags.
 */
#ifndef MEM_MEM_H
#define MEM_MEM_H

#include "exec/cpu.h"

struct memory; /* one per machine */

enum block_kind { BLOCK_RAM, BLOCK_ROM };

struct mem_block {
    const char *name;
    uint32_t id;
    enum block_kind kind;
    uint64_t size; /* a multiple of the page size */
    uint8_t *host;
    uint8_t *page_flags; /* PAGE_* a page */
};

#define PAGE_HAS_CODE 1u   /* units were translated from it */
#define PAGE_IS_TABLE 2u   /* a walk has read an entry of it */
#define PAGE_WRITTEN 4u    /* written since the flag was last cleared */

struct memory *mem_new(void);
void mem_free(struct memory *mem);

/* NULL: no host memory; errno says why. */
struct mem_block *mem_add_block(struct memory *mem, const char *name,
                                enum block_kind kind, uint64_t size);
unsigned mem_block_count(const struct memory *mem);
struct mem_block *mem_block_at(const struct memory *mem, unsigned index);
/* Maps `size` bytes of a block from `offset` at a physical address; later
 * mappings hide earlier ones. NULL unmaps (makes it I/O). */
void mem_map(struct memory *mem, uint64_t physical, uint64_t size,
             struct mem_block *block, uint64_t offset);

/* The block behind an address, or NULL for I/O. */
struct mem_block *mem_lookup(const struct memory *mem, uint64_t physical,
                             uint64_t *offset);

/* From outside the CPU; any length. False: some of it is not RAM-like (it
 * is skipped on write, 0xff on read). Writes reach ROM too. */
bool mem_read_physical(struct memory *mem, uint64_t physical, void *buffer,
                       size_t size);
bool mem_write_physical(struct memory *mem, uint64_t physical,
                        const void *buffer, size_t size);

/* -- Accesses of the CPU (access.c) ---------------------------------------- */
/* May fault or ask for a redo: then they do not return. `memop` as in IR. */
void mem_load(struct cpu *cpu, uint64_t address, uint32_t memop,
              union ir_value *value);
void mem_store(struct cpu *cpu, uint64_t address, uint32_t memop,
               const union ir_value *value);

/* Drops every derived mapping of a CPU; invisible to the guest. */
void mem_tlb_flush(struct cpu *cpu);

/* -- Hooks of the engine --------------------------------------------------- */
struct mem_hooks {
    void *opaque;
    /* The CPU reads or writes I/O space, alone. */
    uint64_t (*io_read)(void *opaque, uint64_t physical, unsigned size);
    void (*io_write)(void *opaque, uint64_t physical, uint64_t value,
                     unsigned size);
    /* Bytes of a page with code change: units over them must go. Returns
     * whether the running unit is among them. */
    bool (*code_written)(void *opaque, struct mem_block *block,
                         uint64_t offset, uint64_t size);
};
void mem_set_hooks(struct memory *mem, const struct mem_hooks *hooks);
/* Which memory the CPU's accesses go to. */
void mem_attach_cpu(struct memory *mem, struct cpu *cpu);

#endif
