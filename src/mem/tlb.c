/*
 * The software TLB: filled by walks, dropped by writes to tables (table.c)
 * and by flushes. A slow entry has the physical address less the virtual one
 * as its addend, so that the slow path of device memory, code pages and
 * tables needs no walk.
 */
#include "mem/internal.h"

#include <string.h>

static void set_slow(struct tlb_entry *entry, uint64_t address,
                     uint64_t physical)
{
    entry->tag = (address & PAGE_MASK_) | TLB_SLOW;
    entry->addend = physical - address;
}

static void set_fast(struct tlb_entry *entry, uint64_t address,
                     const struct place *place)
{
    entry->tag = address & PAGE_MASK_;
    entry->addend = (uintptr_t)place->block->shown.host + place->offset -
                    address;
}

static void set_read(struct tlb_entry *entry, uint64_t address,
                     uint64_t physical, const struct place *place)
{
    if (place->block) {
        set_fast(entry, address, place);
    } else {
        set_slow(entry, address, physical);
    }
}

/* A write may go straight to memory when nobody has to know of it. */
static void set_write(struct tlb_entry *entry, uint64_t address,
                      uint64_t physical, const struct place *place)
{
    uint8_t *flags;

    if (!place->block || place->block->shown.kind != BLOCK_RAM) {
        set_slow(entry, address, physical);
        return;
    }
    flags = page_flags_at(place->block, place->offset);
    if (*flags & (PAGE_HAS_CODE | PAGE_IS_TABLE)) {
        set_slow(entry, address, physical);
        return;
    }
    *flags |= PAGE_WRITTEN | PAGE_CHANGED | PAGE_FAST_WRITE;
    set_fast(entry, address, place);
}

static bool is_written(const struct place *place)
{
    uint8_t both = PAGE_WRITTEN | PAGE_CHANGED;

    return place->block &&
           (*page_flags_at(place->block, place->offset) & both) == both;
}

static uint64_t walk(struct cpu *cpu, uint64_t address, enum mem_access access,
                     unsigned mmu, struct walk_result *result)
{
    *result = (struct walk_result){0};
    if (!cpu->guest->walk(cpu, address, access, mmu, false, result)) {
        cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
    }
    table_note_walk(cpu->memory->mem, address, false, result);
    return result->physical;
}

void tlb_translate(struct cpu *cpu, uint64_t address, enum mem_access access,
                   unsigned mmu, struct place *place)
{
    const struct memory *mem = cpu->memory->mem;
    struct tlb_entry *read = &cpu->read_tlb[mmu][tlb_index(address)];
    struct tlb_entry *write = &cpu->write_tlb[mmu][tlb_index(address)];
    struct tlb_entry *entry = access == MEM_WRITE ? write : read;
    struct walk_result result = {.readable = access == MEM_READ};
    uint64_t physical;

    if (entry->tag == (address & PAGE_MASK_)) {
        uint8_t *host = (uint8_t *)(uintptr_t)(entry->addend + address);

        place->block = block_of_host(mem, host, &place->offset);
        return;
    }
    if (entry->tag == ((address & PAGE_MASK_) | TLB_SLOW)) {
        physical = entry->addend + address;
    } else {
        physical = walk(cpu, address, access, mmu, &result);
    }
    map_place(mem, physical, place);
    /* A load sets up its page's stores too, unless that would mark the page
     * as written before its time. */
    if (access == MEM_WRITE || (result.writable && is_written(place))) {
        set_write(write, address, physical, place);
    }
    if (result.readable) {
        set_read(read, address, physical, place);
    }
}

/* -- Dropping -------------------------------------------------------------- */

static void drop_in(struct tlb_entry *tlb, uint64_t start, uint64_t size)
{
    uint64_t pages = size >> PAGE_BITS;
    unsigned first = tlb_index(start);

    if (pages > TLB_SIZE) {
        pages = TLB_SIZE;
    }
    for (unsigned i = 0; i < pages; i++) {
        struct tlb_entry *entry = &tlb[(first + i) % TLB_SIZE];

        if ((entry->tag & PAGE_MASK_) - start < size) {
            entry->tag = TLB_INVALID;
        }
    }
}

static void drop_data(struct cpu *cpu, uint64_t start, uint64_t size)
{
    unsigned n_mmu = cpu->guest->n_mmu;

    if (size == 0) {
        memset(cpu->read_tlb, 0xff, n_mmu * sizeof(cpu->read_tlb[0]));
        memset(cpu->write_tlb, 0xff, n_mmu * sizeof(cpu->write_tlb[0]));
        return;
    }
    for (unsigned mmu = 0; mmu < n_mmu; mmu++) {
        drop_in(cpu->read_tlb[mmu], start, size);
        drop_in(cpu->write_tlb[mmu], start, size);
    }
}

void tlb_drop_range(struct memory *mem, uint64_t start, uint64_t size,
                    bool data, bool fetch)
{
    for (unsigned i = 0; i < mem->n_cpus; i++) {
        if (data) {
            drop_data(mem->cpus[i]->cpu, start, size);
        }
        if (fetch) {
            fetch_drop_range(mem->cpus[i], start, size);
        }
    }
}

void tlb_drop_writes(struct memory *mem, struct block *block, uint64_t offset)
{
    uint8_t *flags = page_flags_at(block, offset);
    uint64_t host = (uintptr_t)block->shown.host + (offset & PAGE_MASK_);

    if (!(*flags & PAGE_FAST_WRITE)) {
        return;
    }
    *flags &= (uint8_t)~PAGE_FAST_WRITE;
    for (unsigned i = 0; i < mem->n_cpus; i++) {
        struct cpu *cpu = mem->cpus[i]->cpu;

        for (unsigned mmu = 0; mmu < cpu->guest->n_mmu; mmu++) {
            struct tlb_entry *tlb = cpu->write_tlb[mmu];

            /* Slow and invalid tags are odd: their sum is no page. */
            for (unsigned k = 0; k < TLB_SIZE; k++) {
                if (tlb[k].tag + tlb[k].addend == host) {
                    tlb[k].tag = TLB_INVALID;
                }
            }
        }
    }
}

void mem_tlb_flush(struct cpu *cpu)
{
    struct memory *mem = cpu->memory->mem;

    drop_data(cpu, 0, 0);
    fetch_drop_range(cpu->memory, 0, 0);
    cpu->memory->flushed = ++mem->epoch;
    mem->oldest = mem->epoch;
    for (unsigned i = 0; i < mem->n_cpus; i++) {
        if (mem->cpus[i]->flushed < mem->oldest) {
            mem->oldest = mem->cpus[i]->flushed;
        }
    }
}

/* -- For the guest's walk -------------------------------------------------- */

uint64_t mem_walk_read(const struct cpu *cpu, uint64_t physical, unsigned size)
{
    struct place place;
    uint64_t entry = 0;

    map_place(cpu->memory->mem, physical, &place);
    if (!place.block) {
        return size == 8 ? ~0ull : 0xffffffffu;
    }
    memcpy(&entry, place.block->shown.host + place.offset, size);
    return entry;
}

/* Accessed and dirty bits drop nothing, unless another CPU reads the same
 * bytes as a table of another format. */
void mem_walk_update(struct cpu *cpu, uint64_t physical, unsigned size,
                     uint64_t entry)
{
    struct memory *mem = cpu->memory->mem;
    bool may_leave = !cpu->alone && !cpu->memory->fetching;
    const uint8_t *bytes = (const uint8_t *)&entry;
    struct place p;

    map_place(mem, physical, &p);
    if (!p.block || p.block->shown.kind != BLOCK_RAM) {
        return;
    }
    if (*page_flags_at(p.block, p.offset) & PAGE_HAS_CODE ||
        table_is_mixed(mem, p.block, p.offset, size)) {
        before_write(mem, may_leave ? cpu : NULL, p.block, p.offset, bytes,
                     size);
    }
    write_block(p.block, p.offset, bytes, size);
}
