/*
 * The software TLB: filled by walks, dropped by writes to tables (table.c)
 * and by flushes. A slow entry has the physical address less the virtual one
 * as its addend, so that the slow path of device memory, code pages and
 * tables needs no walk.
 */
#include "mem/internal.h"
#include "base/error.h"

#include <string.h>

#define HALF (1ull << 63) /* of virtual space */
#define FEW_PAGES 32u     /* are looked for one by one */

void tlb_init(struct cpu *cpu)
{
    memset(cpu->read_tlb, 0xff, sizeof(cpu->read_tlb));
    memset(cpu->write_tlb, 0xff, sizeof(cpu->write_tlb));
    for (unsigned mmu = 0; mmu < MMU_MAX; mmu++) {
        memset(cpu->read_tlb[mmu].filled, 0, sizeof(cpu->read_tlb->filled));
        memset(cpu->write_tlb[mmu].filled, 0, sizeof(cpu->write_tlb->filled));
    }
}

/* -- Entries --------------------------------------------------------------- */

static bool holds(const struct tlb_entry *entry, uint64_t address)
{
    return (entry->tag & PAGE_MASK_) == (address & PAGE_MASK_) &&
           entry->tag != TLB_INVALID;
}

struct tlb_entry *tlb_find(struct tlb *tlb, uint64_t address)
{
    unsigned index = tlb_index(address);

    for (unsigned way = 0; way < TLB_WAYS; way++) {
        if (holds(&tlb->way[way][index], address)) {
            return &tlb->way[way][index];
        }
    }
    return NULL;
}

/* Where the page's entry is, or is to be: then the first way's moves to the
 * second. */
static struct tlb_entry *entry_for(struct tlb *tlb, uint64_t address)
{
    struct tlb_entry *entry = tlb_find(tlb, address);
    unsigned index = tlb_index(address);

    if (entry) {
        return entry;
    }
    entry = &tlb->way[0][index];
    if (entry->tag != TLB_INVALID) {
        tlb->way[1][index] = *entry;
    }
    tlb->filled[address >> 63][index / 64] |= 1ull << index % 64;
    return entry;
}

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

static void note_fast(struct block *block, uint64_t offset, uint64_t address)
{
    struct fast_at *at = &block->fast_at[offset >> PAGE_BITS];
    uint8_t *flags = page_flags_at(block, offset);
    uint64_t *page = &at->page[address >> 63];

    if (!(*flags & PAGE_FAST_WRITE)) {
        *at = (struct fast_at){{FAST_AT_NONE, FAST_AT_NONE}};
    }
    if (*page == FAST_AT_NONE) {
        *page = address & PAGE_MASK_;
    } else if (*page != (address & PAGE_MASK_)) {
        *page = FAST_AT_MANY;
    }
    note_written(block, offset);
    *flags |= PAGE_FAST_WRITE;
}

/* A write may go straight to memory when nobody has to know of it. */
static void set_write(struct tlb_entry *entry, uint64_t address,
                      uint64_t physical, const struct place *place)
{
    uint8_t flags;

    if (!place->block || place->block->shown.kind != BLOCK_RAM) {
        set_slow(entry, address, physical);
        return;
    }
    flags = *page_flags_at(place->block, place->offset);
    if (flags & (PAGE_HAS_CODE | PAGE_IS_TABLE)) {
        set_slow(entry, address, physical);
        return;
    }
    note_fast(place->block, place->offset, address);
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
    struct tlb *read = &cpu->read_tlb[mmu], *write = &cpu->write_tlb[mmu];
    const struct tlb_entry *entry = tlb_find(access == MEM_WRITE ? write : read,
                                             address);
    struct walk_result result = {.readable = access == MEM_READ};
    uint64_t physical;

    if (entry && !(entry->tag & TLB_SLOW)) {
        uint8_t *host = (uint8_t *)(uintptr_t)(entry->addend + address);

        place->block = block_of_host(mem, host, &place->offset);
        return;
    }
    if (entry) {
        physical = entry->addend + address;
    } else {
        physical = walk(cpu, address, access, mmu, &result);
    }
    map_place(mem, physical, place);
    /* A load sets up its page's stores too, unless that would mark the page
     * as written before its time. */
    if (access == MEM_WRITE || (result.writable && is_written(place))) {
        set_write(entry_for(write, address), address, physical, place);
    }
    if (result.readable) {
        set_read(entry_for(read, address), address, physical, place);
    }
}

/* -- Dropping -------------------------------------------------------------- */

static void drop_at(struct tlb *tlb, unsigned index, uint64_t start,
                    uint64_t size)
{
    for (unsigned way = 0; way < TLB_WAYS; way++) {
        struct tlb_entry *entry = &tlb->way[way][index];

        if ((entry->tag & PAGE_MASK_) - start < size) {
            entry->tag = TLB_INVALID;
        }
    }
}

/* Of one half of virtual space, what lies in the range. */
static void drop_filled(struct tlb *tlb, unsigned half, uint64_t start,
                        uint64_t size)
{
    for (unsigned i = 0; i < TLB_SIZE / 64; i++) {
        uint64_t bits = tlb->filled[half][i];

        for (; bits; bits &= bits - 1) {
            drop_at(tlb, i * 64 + (unsigned)__builtin_ctzll(bits), start, size);
        }
        if (size == HALF) {
            tlb->filled[half][i] = 0;
        }
    }
}

static void drop_in(struct tlb *tlb, uint64_t start, uint64_t size)
{
    if (size == 0) {
        drop_filled(tlb, 0, 0, HALF);
        drop_filled(tlb, 1, HALF, HALF);
    } else if (size <= FEW_PAGES << PAGE_BITS) {
        for (uint64_t at = 0; at < size; at += PAGE_SIZE_) {
            drop_at(tlb, tlb_index(start + at), start, size);
        }
    } else {
        panda_assert(start >> 63 == (start + size - 1) >> 63);
        drop_filled(tlb, start >> 63, start, size);
    }
}

static void drop_data(struct cpu *cpu, uint64_t start, uint64_t size)
{
    for (unsigned mmu = 0; mmu < cpu->guest->n_mmu; mmu++) {
        drop_in(&cpu->read_tlb[mmu], start, size);
        drop_in(&cpu->write_tlb[mmu], start, size);
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

/* Those that lead to that host page, or (0) fast ones to any; slow and invalid
 * tags are odd: their sum is no page. */
static void drop_fast_at(struct tlb *tlb, unsigned index, uint64_t host)
{
    for (unsigned way = 0; way < TLB_WAYS; way++) {
        struct tlb_entry *entry = &tlb->way[way][index];

        if (host ? entry->tag + entry->addend == host
                 : !(entry->tag & TLB_SLOW)) {
            entry->tag = TLB_INVALID;
        }
    }
}

static void drop_fast(struct tlb *tlb, unsigned half, uint64_t host)
{
    for (unsigned i = 0; i < TLB_SIZE / 64; i++) {
        uint64_t bits = tlb->filled[half][i];

        for (; bits; bits &= bits - 1) {
            drop_fast_at(tlb, i * 64 + (unsigned)__builtin_ctzll(bits), host);
        }
    }
}

static void drop_page_writes(struct tlb *tlb, unsigned half, uint64_t page,
                             uint64_t host)
{
    if (page == FAST_AT_MANY) {
        drop_fast(tlb, half, host);
    } else if (page != FAST_AT_NONE) {
        drop_fast_at(tlb, tlb_index(page), host);
    }
}

void tlb_drop_writes(struct memory *mem, struct block *block, uint64_t offset)
{
    uint8_t *flags = page_flags_at(block, offset);
    uint64_t host = (uintptr_t)block->shown.host + (offset & PAGE_MASK_);
    const struct fast_at *at = &block->fast_at[offset >> PAGE_BITS];

    if (!(*flags & PAGE_FAST_WRITE)) {
        return;
    }
    *flags &= (uint8_t)~PAGE_FAST_WRITE;
    for (unsigned i = 0; i < mem->n_cpus; i++) {
        struct cpu *cpu = mem->cpus[i]->cpu;

        for (unsigned mmu = 0; mmu < cpu->guest->n_mmu; mmu++) {
            for (unsigned half = 0; half < 2; half++) {
                drop_page_writes(&cpu->write_tlb[mmu], half, at->page[half],
                                 host);
            }
        }
    }
}

void tlb_drop_all_writes(struct memory *mem)
{
    for (unsigned i = 0; i < mem->n_cpus; i++) {
        struct cpu *cpu = mem->cpus[i]->cpu;

        for (unsigned mmu = 0; mmu < cpu->guest->n_mmu; mmu++) {
            drop_fast(&cpu->write_tlb[mmu], 0, 0);
            drop_fast(&cpu->write_tlb[mmu], 1, 0);
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
