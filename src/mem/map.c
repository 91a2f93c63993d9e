/*
 * The physical map, and the memory of a machine as the outside sees it.
 */
#include "mem/internal.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct memory *mem_new(void)
{
    return mem_allocate(1, sizeof(struct memory));
}

void mem_free(struct memory *mem)
{
    if (!mem) {
        return;
    }
    for (unsigned i = 0; i < mem->n_cpus; i++) {
        mem->cpus[i]->cpu->memory = NULL;
        free(mem->cpus[i]);
    }
    for (unsigned i = 0; i < mem->n_blocks; i++) {
        block_free(mem->blocks[i]);
    }
    free(mem->cpus);
    free(mem->blocks);
    free(mem->ranges);
    free(mem);
}

void mem_set_listener(struct memory *mem, const struct mem_listener *listener)
{
    mem->listener = *listener;
}

void mem_set_hooks(struct memory *mem, const struct mem_hooks *hooks)
{
    mem->hooks = *hooks;
}

void mem_attach_cpu(struct memory *mem, struct cpu *cpu)
{
    struct mem_cpu *mc = mem_allocate(1, sizeof(*mc));

    panda_assert(cpu->guest->n_mmu <= MMU_MAX);
    mc->mem = mem;
    mc->cpu = cpu;
    tlb_init(cpu);
    mem->cpus = mem_grow(mem->cpus, mem->n_cpus + 1, sizeof(mem->cpus[0]));
    mem->cpus[mem->n_cpus++] = mc;
    cpu->memory = mc;
    mem_tlb_flush(cpu);
}

void mem_detach_cpu(struct cpu *cpu)
{
    struct memory *mem = cpu->memory->mem;
    unsigned i = 0;

    while (mem->cpus[i] != cpu->memory) {
        i++;
    }
    free(mem->cpus[i]);
    mem->cpus[i] = mem->cpus[--mem->n_cpus];
    cpu->memory = NULL;
}

/* -- The map --------------------------------------------------------------- */

/* The first range that ends at the address or behind it. */
static unsigned find_range(const struct memory *mem, uint64_t physical)
{
    unsigned low = 0, high = mem->n_ranges;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct mem_range *r = &mem->ranges[middle];

        if (r->start + (r->size - 1) < physical) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert_range(struct memory *mem, unsigned at,
                         struct mem_range range)
{
    mem->ranges = mem_grow(mem->ranges, mem->n_ranges + 1,
                           sizeof(mem->ranges[0]));
    memmove(&mem->ranges[at + 1], &mem->ranges[at],
            (mem->n_ranges - at) * sizeof(mem->ranges[0]));
    mem->ranges[at] = range;
    mem->n_ranges++;
}

static void remove_range(struct memory *mem, unsigned at)
{
    mem->n_ranges--;
    memmove(&mem->ranges[at], &mem->ranges[at + 1],
            (mem->n_ranges - at) * sizeof(mem->ranges[0]));
}

/* Makes the range a hole and returns the index where one for it belongs. */
static unsigned cut_out(struct memory *mem, uint64_t start, uint64_t size)
{
    uint64_t last = start + (size - 1);
    unsigned at = find_range(mem, start);

    if (at < mem->n_ranges && mem->ranges[at].start < start) {
        struct mem_range tail = mem->ranges[at];
        uint64_t kept = start - tail.start;

        mem->ranges[at++].size = kept;
        tail.start += kept;
        tail.offset += kept;
        tail.size -= kept;
        insert_range(mem, at, tail);
    }
    while (at < mem->n_ranges && mem->ranges[at].start <= last) {
        struct mem_range *r = &mem->ranges[at];
        uint64_t lost = last - r->start + 1; /* 0: 2^64 */

        if (lost == 0 || lost >= r->size) {
            remove_range(mem, at);
        } else {
            r->start += lost;
            r->offset += lost;
            r->size -= lost;
        }
    }
    return at;
}

static void find_largest(struct memory *mem)
{
    mem->largest = (struct mem_range){0};
    for (unsigned i = 0; i < mem->n_ranges; i++) {
        if (mem->ranges[i].size > mem->largest.size) {
            mem->largest = mem->ranges[i];
        }
    }
}

void mem_map(struct memory *mem, uint64_t physical, uint64_t size,
             struct mem_block *block, uint64_t offset)
{
    unsigned at;

    panda_assert(size && !((physical | size | offset) & PAGE_OFFSET_MASK));
    panda_assert(physical + (size - 1) >= physical);
    at = cut_out(mem, physical, size);
    if (block) {
        panda_assert(offset < block->size && size <= block->size - offset);
        insert_range(
            mem, at,
            (struct mem_range){physical, size, block_of(block), offset});
    }
    find_largest(mem);
    for (unsigned i = 0; i < mem->n_cpus; i++) {
        mem_tlb_flush(mem->cpus[i]->cpu);
    }
}

void map_search(const struct memory *mem, uint64_t physical,
                struct place *place)
{
    unsigned at = find_range(mem, physical);

    *place = (struct place){.physical = physical};
    if (at < mem->n_ranges && mem->ranges[at].start <= physical) {
        const struct mem_range *r = &mem->ranges[at];

        place->block = r->block;
        place->offset = r->offset + (physical - r->start);
    }
}

struct mem_block *mem_lookup(const struct memory *mem, uint64_t physical,
                             uint64_t *offset)
{
    struct place place;

    map_place(mem, physical, &place);
    if (!place.block) {
        return NULL;
    }
    *offset = place.offset;
    return &place.block->shown;
}

/* -- From outside ---------------------------------------------------------- */

static size_t rest_of_page(uint64_t address, size_t size)
{
    uint64_t rest = PAGE_SIZE_ - (address & PAGE_OFFSET_MASK);

    return size < rest ? size : rest;
}

bool mem_read_physical(struct memory *mem, uint64_t physical, void *buffer,
                       size_t size)
{
    uint8_t *to = buffer;
    bool whole = true;

    while (size) {
        size_t n = rest_of_page(physical, size);
        struct place place;

        map_place(mem, physical, &place);
        if (place.block) {
            memcpy(to, place.block->shown.host + place.offset, n);
        } else {
            memset(to, 0xff, n);
            whole = false;
        }
        physical += n;
        to += n;
        size -= n;
    }
    return whole;
}

bool mem_write_physical(struct memory *mem, uint64_t physical,
                        const void *buffer, size_t size)
{
    const uint8_t *from = buffer;
    bool whole = true;

    while (size) {
        size_t n = rest_of_page(physical, size);
        struct place place;

        map_place(mem, physical, &place);
        if (place.block) {
            before_write(mem, NULL, place.block, place.offset, from, n);
            write_block(place.block, place.offset, from, n);
        } else {
            whole = false;
        }
        physical += n;
        from += n;
        size -= n;
    }
    return whole;
}

void mem_write_block(struct memory *mem, struct mem_block *shown,
                     uint64_t offset, const void *buffer, size_t size)
{
    const uint8_t *from = buffer;

    panda_assert(offset <= shown->size && size <= shown->size - offset);
    while (size) {
        size_t n = rest_of_page(offset, size);

        before_write(mem, NULL, block_of(shown), offset, from, n);
        write_block(block_of(shown), offset, from, n);
        offset += n;
        from += n;
        size -= n;
    }
}

bool mem_mapping_at(const struct memory *mem, unsigned index,
                    struct mem_mapping *mapping)
{
    const struct mem_range *range;

    if (index >= mem->n_ranges) {
        return false;
    }
    range = &mem->ranges[index];
    *mapping = (struct mem_mapping){range->start, range->size,
                                    &range->block->shown, range->offset};
    return true;
}
