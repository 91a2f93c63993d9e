/*
 * Pages that walks have read as tables: what was derived from them, and what
 * a write to them drops. The idea stands in internal.h.
 */
#include "mem/internal.h"

#include <string.h>

static bool is_lower(const struct table *table)
{
    return table->unique && !table->top && !(table->base >> 63);
}

static bool stale(const struct memory *mem, const struct table *table)
{
    return table->epoch < mem->oldest ||
           (is_lower(table) && table->epoch < mem->lower_dropped);
}

static bool marked(const uint64_t *marks, unsigned granule)
{
    return marks[granule / 64] >> (granule % 64) & 1;
}

static void mark(struct table *table, uint64_t *marks, unsigned granule)
{
    table->n_marks += !marked(marks, granule);
    marks[granule / 64] |= 1ull << (granule % 64);
}

static void unmark(struct table *table, uint64_t *marks, unsigned granule)
{
    table->n_marks -= marked(marks, granule);
    marks[granule / 64] &= ~(1ull << (granule % 64));
}

static void unmark_all(struct table *table)
{
    memset(table->data, 0, sizeof(table->data));
    memset(table->fetch, 0, sizeof(table->fetch));
    table->n_marks = 0;
}

/* Where the table's range begins, given one address and its entry. */
static uint64_t base_of(const struct walk_step *step, uint64_t address)
{
    uint64_t index = (step->address & PAGE_OFFSET_MASK) / step->size;

    return step->top ? 0 : ((address >> step->shift) - index) << step->shift;
}

/* The address that an entry begins to map. */
static uint64_t entry_address(const struct table *table, unsigned index)
{
    uint64_t address = table->base + ((uint64_t)index << table->shift);
    unsigned unused = 64 - (table->shift + 9u);

    return table->top ? (uint64_t)((int64_t)(address << unused) >> unused)
                      : address;
}

/* The page's record, fit for a step that reads it at this place. */
static struct table *table_for(struct memory *mem, const struct place *place,
                               uint64_t base, const struct walk_step *step)
{
    struct table **slot = &place->block->tables[place->offset >> PAGE_BITS];
    uint8_t *flags = page_flags_at(place->block, place->offset);
    struct table *table;
    bool same;

    if (!*slot) {
        *slot = mem_allocate(1, sizeof(**slot));
    }
    table = *slot;
    same = table->base == base && table->size == step->size &&
           table->shift == step->shift && table->top == step->top;
    if (same && *flags & PAGE_IS_TABLE && table->epoch == mem->epoch) {
        return table; /* as it was left last time */
    }
    if (!(*flags & PAGE_IS_TABLE) || stale(mem, table) ||
        (!same && !table->n_marks)) {
        memset(table, 0, sizeof(*table));
        table->base = base;
        table->size = step->size;
        table->shift = step->shift;
        table->top = step->top;
        table->unique = true;
    } else if (!same) {
        table->unique = false;
        table->mixed |= table->size != step->size;
    }
    table->epoch = mem->epoch;
    if (!(*flags & PAGE_IS_TABLE)) {
        *flags |= PAGE_IS_TABLE;
        tlb_drop_writes(mem, place->block, place->offset);
    }
    return table;
}

void table_note_walk(struct memory *mem, uint64_t address, bool fetch,
                     const struct walk_result *walk)
{
    for (unsigned i = 0; i < walk->n_steps; i++) {
        const struct walk_step *step = &walk->steps[i];
        unsigned first = (step->address & PAGE_OFFSET_MASK) >> GRANULE_SHIFT;
        struct place place;
        struct table *table;

        map_place(mem, step->address, &place);
        if (!place.block) {
            continue; /* reads as all ones for as long as the map stays */
        }
        table = table_for(mem, &place, base_of(step, address), step);
        for (unsigned k = 0; k < step->size >> GRANULE_SHIFT; k++) {
            mark(table, fetch ? table->fetch : table->data, first + k);
        }
    }
}

/* -- Another top table ----------------------------------------------------- */

#define TOP_ENTRIES 512u
#define TOP_GRANULES 2u                    /* of an entry */
#define ENTRIES_A_WORD (64 / TOP_GRANULES) /* of the marks */

/* Of the entries of a whole word. */
static bool nothing_used(const struct table *table, unsigned index)
{
    unsigned word = index / ENTRIES_A_WORD;

    return !(table->data[word] | table->fetch[word]);
}

static bool entry_used(const struct table *table, unsigned index)
{
    unsigned granule = index * TOP_GRANULES;

    return marked(table->data, granule) || marked(table->fetch, granule);
}

/* What came through this entry of the old one, comes through the new one. */
static void keep_entry(struct memory *mem, const struct table *old,
                       const struct place *to, unsigned index)
{
    struct walk_step step = {.size = 8, .shift = old->shift, .top = true};
    struct table *table = table_for(mem, to, 0, &step);

    for (unsigned k = 0; k < TOP_GRANULES; k++) {
        unsigned granule = index * TOP_GRANULES + k;

        if (marked(old->data, granule)) {
            mark(table, table->data, granule);
        }
        if (marked(old->fetch, granule)) {
            mark(table, table->fetch, granule);
        }
    }
}

static bool entry_equal(const struct place *x, const struct place *y,
                        unsigned index)
{
    return !memcmp(x->block->shown.host + x->offset + 8 * index,
                   y->block->shown.host + y->offset + 8 * index, 8);
}

/* Programs are in the lower half, which goes as one. */
static void move_top(struct memory *mem, const struct table *old,
                     const struct place *from, const struct place *to)
{
    bool lower = false;

    for (unsigned i = 0; i < TOP_ENTRIES; i++) {
        if (i % ENTRIES_A_WORD == 0 && nothing_used(old, i)) {
            i += ENTRIES_A_WORD - 1;
            continue;
        }
        if (!entry_used(old, i)) {
            continue;
        }
        if (entry_equal(from, to, i)) {
            keep_entry(mem, old, to, i);
        } else if (i < TOP_ENTRIES / 2) {
            lower = true;
        } else {
            tlb_drop_range(mem, entry_address(old, i), 1ull << old->shift, true,
                           true);
        }
    }
    if (lower) {
        tlb_drop_range(mem, 0, 1ull << 63, true, true);
        mem->lower_dropped = ++mem->epoch;
    }
}

void mem_tlb_move_top(struct cpu *cpu, uint64_t from, uint64_t to)
{
    struct memory *mem = cpu->memory->mem;
    struct place old, new;
    struct table *table;

    if (from == to) {
        return;
    }
    map_place(mem, from, &old);
    map_place(mem, to, &new);
    table = old.block ? old.block->tables[old.offset >> PAGE_BITS] : NULL;
    if (!new.block || !table || stale(mem, table) || !table->unique ||
        !table->top || table->size != 8 ||
        !(*page_flags_at(old.block, old.offset) & PAGE_IS_TABLE)) {
        mem_tlb_flush(cpu);
        return;
    }
    move_top(mem, table, &old, &new);
    if (mem->n_cpus == 1) { /* nobody else's */
        unmark_all(table);
    }
}

/* -- Writes ---------------------------------------------------------------- */

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
        unmark(table, table->data, k);
        unmark(table, table->fetch, k);
    }
    if (table->unique) {
        tlb_drop_range(mem, entry_address(table, entry), 1ull << table->shift,
                       data, fetch);
    } else {
        tlb_drop_range(mem, 0, 0, data, fetch);
    }
}

void table_retire(const struct memory *mem, struct block *block,
                  uint64_t offset)
{
    const struct table *table = block->tables[offset >> PAGE_BITS];

    if (stale(mem, table) || !table->n_marks) {
        *page_flags_at(block, offset) &= (uint8_t)~PAGE_IS_TABLE;
    }
}

void table_before_write(struct memory *mem, struct cpu *running,
                        struct block *block, uint64_t offset,
                        const uint8_t *bytes, uint64_t size)
{
    struct table *table = block->tables[offset >> PAGE_BITS];
    unsigned first = (offset & PAGE_OFFSET_MASK) >> GRANULE_SHIFT;
    unsigned last = ((offset & PAGE_OFFSET_MASK) + size - 1) >> GRANULE_SHIFT;

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
