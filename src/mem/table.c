/*
 * Pages that walks have read as tables: what was derived from them, and what
 * a write to them drops. The idea stands in internal.h.
 */
#include "mem/internal.h"

#include <string.h>

static bool stale(const struct memory *mem, const struct table *table)
{
    return table->epoch < mem->oldest;
}

static bool marked(const uint64_t *marks, unsigned granule)
{
    return marks[granule / 64] >> (granule % 64) & 1;
}

static void mark(uint64_t *marks, unsigned granule)
{
    marks[granule / 64] |= 1ull << (granule % 64);
}

static void unmark(uint64_t *marks, unsigned granule)
{
    marks[granule / 64] &= ~(1ull << (granule % 64));
}

/* The page's record, fit for a step that reads it at this place. */
static struct table *table_for(struct memory *mem, struct block *block,
                               uint64_t offset, uint64_t base,
                               const struct walk_step *step)
{
    struct table **slot = &block->tables[offset >> PAGE_BITS];
    uint8_t *flags = page_flags_at(block, offset);
    struct table *table;

    if (!*slot) {
        *slot = mem_allocate(1, sizeof(**slot));
    }
    table = *slot;
    if (!(*flags & PAGE_IS_TABLE) || stale(mem, table)) {
        memset(table, 0, sizeof(*table));
        table->base = base;
        table->size = step->size;
        table->shift = step->shift;
        table->unique = true;
    } else if (table->base != base || table->size != step->size ||
               table->shift != step->shift) {
        table->unique = false;
        table->mixed |= table->size != step->size;
    }
    table->epoch = mem->epoch;
    if (!(*flags & PAGE_IS_TABLE)) {
        *flags |= PAGE_IS_TABLE;
        tlb_drop_writes(mem, block, offset);
    }
    return table;
}

void table_note_walk(struct memory *mem, uint64_t address, bool fetch,
                     const struct walk_result *walk)
{
    for (unsigned i = 0; i < walk->n_steps; i++) {
        const struct walk_step *step = &walk->steps[i];
        uint64_t in_page = step->address & PAGE_OFFSET_MASK;
        unsigned first = in_page >> GRANULE_SHIFT;
        struct place place;
        struct table *table;
        uint64_t base;

        map_place(mem, step->address, &place);
        if (!place.block) {
            continue; /* reads as all ones for as long as the map stays */
        }
        base = (address >> step->shift) - in_page / step->size;
        table = table_for(mem, place.block, place.offset, base << step->shift,
                          step);
        for (unsigned k = 0; k < step->size >> GRANULE_SHIFT; k++) {
            mark(fetch ? table->fetch : table->data, first + k);
        }
    }
}

bool table_is_mixed(const struct memory *mem, struct block *block,
                    uint64_t offset, unsigned size)
{
    const struct table *table = block->tables[offset >> PAGE_BITS];

    return *page_flags_at(block, offset) & PAGE_IS_TABLE &&
           !stale(mem, table) && (table->mixed || table->size != size);
}

/* Does the write change these four bytes, or those of them that it covers? */
static bool granule_changes(const struct block *block, uint64_t offset,
                            const uint8_t *bytes, uint64_t size,
                            unsigned granule)
{
    uint64_t from = (offset & PAGE_MASK_) + (granule << GRANULE_SHIFT);
    uint64_t to = from + (1u << GRANULE_SHIFT);

    from = from < offset ? offset : from;
    to = to > offset + size ? offset + size : to;
    return memcmp(block->shown.host + from, bytes + (from - offset),
                  to - from) != 0;
}

/* Drops what came from the entry that the granule belongs to. Of a mixed
 * table no more than the granule is known to change: the marks beside it may
 * be those of another entry, through which the running unit was fetched. */
static void drop_entry(struct memory *mem, struct table *table,
                       unsigned granule)
{
    unsigned length = table->mixed ? 1 : table->size >> GRANULE_SHIFT;
    unsigned entry = granule / length;
    bool data = false, fetch = false;

    for (unsigned k = entry * length; k < (entry + 1) * length; k++) {
        data |= marked(table->data, k);
        fetch |= marked(table->fetch, k);
        unmark(table->data, k);
        unmark(table->fetch, k);
    }
    if (table->unique) {
        tlb_drop_range(mem, table->base + ((uint64_t)entry << table->shift),
                       1ull << table->shift, data, fetch);
    } else {
        tlb_drop_range(mem, 0, 0, data, fetch);
    }
}

void table_before_write(struct memory *mem, struct cpu *running,
                        struct block *block, uint64_t offset,
                        const uint8_t *bytes, uint64_t size)
{
    struct table *table = block->tables[offset >> PAGE_BITS];
    unsigned first = (offset & PAGE_OFFSET_MASK) >> GRANULE_SHIFT;
    unsigned last = ((offset & PAGE_OFFSET_MASK) + size - 1) >> GRANULE_SHIFT;

    if (stale(mem, table)) {
        *page_flags_at(block, offset) &= (uint8_t)~PAGE_IS_TABLE;
        return;
    }
    for (unsigned k = first; running && k <= last; k++) {
        if (marked(table->fetch, k) &&
            granule_changes(block, offset, bytes, size, k)) {
            cpu_leave(running, CPU_LEAVE_REDO);
        }
    }
    for (unsigned k = first; k <= last; k++) {
        if ((marked(table->data, k) || marked(table->fetch, k)) &&
            granule_changes(block, offset, bytes, size, k)) {
            drop_entry(mem, table, k);
        }
    }
}
