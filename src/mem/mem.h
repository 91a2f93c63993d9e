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

#include <string.h>

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
#define PAGE_FAST_WRITE 8u /* src/mem's own: a write tag may lead here */
#define PAGE_CHANGED 16u   /* as PAGE_WRITTEN, for lockstep */
#define PAGE_USED 32u      /* never cleared; without it the page is zero */

struct memory *mem_new(void);
void mem_free(struct memory *mem);

/* NULL: no host memory; errno says why. */
struct mem_block *mem_add_block(struct memory *mem, const char *name,
                                enum block_kind kind, uint64_t size);
/* Before the first run: whole pages of the block become those of a file, read
 * as they are touched and never written back. False: errno says why. */
bool mem_map_file(struct mem_block *block, uint64_t offset, uint64_t size,
                  int fd, uint64_t file_offset);
unsigned mem_block_count(const struct memory *mem);
struct mem_block *mem_block_at(const struct memory *mem, unsigned index);

/* Is every byte of the page 0? */
static inline bool mem_page_is_zero(const uint8_t *page)
{
    return page[0] == 0 && !memcmp(page, page + 1, PAGE_SIZE_ - 1);
}

/* Units were translated from the page: from now on code_written tells of
 * changes, until mem_clear_code() says that none is left. */
void mem_set_code(struct memory *mem, struct mem_block *block, uint64_t offset);
void mem_clear_code(struct mem_block *block, uint64_t offset);
/* Clears PAGE_WRITTEN of every page of the block. */
void mem_clear_written(struct memory *mem, struct mem_block *block);
/* From now on keep() is told of each page before it is written for the first
 * time since PAGE_WRITTEN was cleared; it may be told again. NULL: nobody. */
struct mem_keeper {
    void (*keep)(void *opaque, struct mem_block *block, uint64_t page);
    void *opaque;
};
void mem_set_keeper(struct memory *mem, const struct mem_keeper *keeper);
/* Clears PAGE_CHANGED. */
void mem_clear_changed(struct memory *mem, struct mem_block *block);

/* Maps `size` bytes of a block from `offset` at a physical address; later
 * mappings hide earlier ones. NULL unmaps (makes it I/O). */
void mem_map(struct memory *mem, uint64_t physical, uint64_t size,
             struct mem_block *block, uint64_t offset);

/* The mappings in ascending order, without overlap. False: no more. */
struct mem_mapping {
    uint64_t physical, size;
    struct mem_block *block;
    uint64_t offset;
};
bool mem_mapping_at(const struct memory *mem, unsigned index,
                    struct mem_mapping *mapping);

/* The block behind an address, or NULL for I/O. */
struct mem_block *mem_lookup(const struct memory *mem, uint64_t physical,
                             uint64_t *offset);

/* From outside the CPU, between steps; any length. False: some of it is not
 * RAM-like (it is skipped on write, 0xff on read). Writes reach ROM too. */
bool mem_read_physical(struct memory *mem, uint64_t physical, void *buffer,
                       size_t size);
bool mem_write_physical(struct memory *mem, uint64_t physical,
                        const void *buffer, size_t size);
/* The same by block; the range lies within it. */
void mem_write_block(struct memory *mem, struct mem_block *block,
                     uint64_t offset, const void *buffer, size_t size);

/* -- Accesses of the CPU (access.c) ---------------------------------------- */
/*
 * May fault or ask for a redo: then they do not return, and nothing was
 * written. `memop` as in IR. A load fills the whole value: sign- or
 * zero-extended to 64 bits, zero above. The CPU's stores to ROM are lost.
 */
void mem_load(struct cpu *cpu, uint64_t address, uint32_t memop,
              union ir_value *value);
void mem_store(struct cpu *cpu, uint64_t address, uint32_t memop,
               const union ir_value *value);

/*
 * What copy_ahead and fill_ahead of the IR do, with at most so many steps;
 * ahead.c. The sizes are 1 to 8 bytes, the bytes in the host's order.
 */
uint64_t mem_copy_ahead(struct cpu *cpu, uint64_t to, uint64_t from,
                        uint64_t most, uint32_t memop, uint64_t steps);
uint64_t mem_fill_ahead(struct cpu *cpu, uint64_t to, uint64_t value,
                        uint64_t most, uint32_t memop, uint64_t steps);

/*
 * Translates a code address for a unit that begins there; accessed bits are
 * set as by any access. False: the fault is noted in the CPU. The block is
 * NULL when the code lies in I/O space. Good up to the end of the page and
 * while cpu->fetch_generation stays; to be called between units.
 */
struct mem_code {
    struct mem_block *block;
    uint64_t offset;
    uint64_t physical;
};
bool mem_fetch(struct cpu *cpu, uint64_t pc, unsigned mmu_index,
               struct mem_code *code);

/*
 * Drops every derived mapping of a CPU. The guest calls it when something
 * besides the tables changes what a walk finds (CR3, CR0.WP, A20, ...), in
 * an instruction that ends its unit; changed tables need no call. Otherwise
 * invisible, but only between units.
 */
void mem_tlb_flush(struct cpu *cpu);

/*
 * The same when only the top table (struct walk_step) moves to another page:
 * what an entry of the old one and the equal entry of the new one lead to,
 * stays. Both have 512 entries of 8 bytes.
 */
void mem_tlb_move_top(struct cpu *cpu, uint64_t from, uint64_t to);

/*
 * For guest->walk(): reads an entry of 4 or 8 bytes (all ones where there is
 * no RAM), and sets bits in it that take no permission away (accessed,
 * dirty), which therefore drops nothing that came from it.
 */
uint64_t mem_walk_read(const struct cpu *cpu, uint64_t physical, unsigned size);
void mem_walk_update(struct cpu *cpu, uint64_t physical, unsigned size,
                     uint64_t entry);

/* -- Hooks of the engine --------------------------------------------------- */
struct mem_hooks {
    void *opaque;
    /* The CPU reads or writes I/O space, alone: 1, 2, 4 or 8 bytes. */
    uint64_t (*io_read)(void *opaque, uint64_t physical, unsigned size);
    void (*io_write)(void *opaque, uint64_t physical, uint64_t value,
                     unsigned size);
    /* Bytes of a page with code are about to change: units over them must
     * go. Returns whether the running unit is among them; the write may then
     * be redone alone, and is told of again. */
    bool (*code_written)(void *opaque, struct mem_block *block, uint64_t offset,
                         uint64_t size);
};
void mem_set_hooks(struct memory *mem, const struct mem_hooks *hooks);
/* Told of every access that mem_load() and mem_store() are asked for, before
 * it is made, and of its parts within a page when they are. `bytes`: what is
 * written, NULL for a read. Generated code tells of nothing. */
struct mem_listener {
    void *opaque;
    void (*begun)(void *opaque, uint64_t address, uint32_t memop,
                  const uint8_t *bytes);
    void (*done)(void *opaque, uint64_t physical, const uint8_t *bytes,
                 unsigned size);
};
void mem_set_listener(struct memory *mem, const struct mem_listener *listener);
/* Which memory the CPU's accesses go to. */
void mem_attach_cpu(struct memory *mem, struct cpu *cpu);
void mem_detach_cpu(struct cpu *cpu); /* before the CPU is freed */

#endif
