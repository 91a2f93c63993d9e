/*
 * What the files of src/mem share.
 *
 * How the TLB is kept coherent. A walk tells which entries of which table
 * pages it read. Each such page gets a `struct table`: a bit for each four
 * bytes from which a data or a fetch mapping was derived, and the virtual
 * range that the page maps. The page's write tags become slow, so every
 * write to it is seen; one that changes marked bytes drops what the entry
 * maps. A page that served in two places of virtual space (shared tables at
 * two addresses, a recursive slot) has no unique range: then everything goes.
 * Marks are only ever too many, never too few.
 *
 * A flush of all CPUs makes every table stale: nothing is derived from it.
 * That is told by epochs, so flushing need not visit the tables; a stale one
 * forgets its past when it is next walked, and stops being flagged when it is
 * next written. The same goes for one without marks, and for the tables of
 * the lower half of virtual space once everything there was dropped.
 *
 * A top table maps both ends of virtual space: its upper entries are those
 * of the sign-extended addresses.
 */
#ifndef MEM_INTERNAL_H
#define MEM_INTERNAL_H

#include "mem/mem.h"

#define PAGE_OFFSET_MASK (PAGE_SIZE_ - 1)
#define FETCH_TLB_SIZE 256u

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the host is little-endian");

#define GRANULE_SHIFT 2 /* of the marks: the smallest entry has 4 bytes */
#define MARK_WORDS ((PAGE_SIZE_ >> GRANULE_SHIFT) / 64)

struct table {           /* a page that a walk has read entries of */
    uint64_t base;       /* virtual address that its first entry maps */
    uint64_t epoch;      /* of the last walk that read it */
    uint8_t size, shift; /* of an entry: struct walk_step */
    bool top;
    bool unique; /* base, size, shift and top hold for all marks */
    bool mixed;  /* not even the size does */
    uint64_t data[MARK_WORDS], fetch[MARK_WORDS];
    unsigned n_marks; /* in both */
};

/* Of a page with PAGE_FAST_WRITE: which virtual page's write tags may lead to
 * it, in the lower and in the upper half of virtual space. */
struct fast_at {
    uint64_t page[2]; /* or one of: */
};
#define FAST_AT_NONE 1ull
#define FAST_AT_MANY 2ull

struct block {
    struct mem_block shown;  /* first: the two are cast to each other */
    struct table **tables;   /* a page; NULL: never one */
    struct fast_at *fast_at; /* a page */
    struct mem_keeper keeper;
};

struct mem_range { /* of the physical map; sorted, disjoint */
    uint64_t start, size;
    struct block *block;
    uint64_t offset;
};

struct fetch_entry {
    uint64_t tag; /* virtual page, or'ed with the MMU index */
    struct mem_code page;
};

struct mem_cpu {
    struct memory *mem;
    struct cpu *cpu;
    uint64_t flushed; /* the epoch that its last flush began */
    bool fetching;    /* in mem_fetch(): no unit runs, nothing is left */
    struct fetch_entry fetch[FETCH_TLB_SIZE];
};

struct memory {
    struct block **blocks;
    unsigned n_blocks;
    struct mem_range *ranges;
    unsigned n_ranges;
    struct mem_range largest; /* of the ranges, or of size 0 */
    struct mem_cpu **cpus;
    unsigned n_cpus;
    uint64_t epoch;         /* counts flushes */
    uint64_t oldest;        /* tables last walked before it are stale */
    uint64_t lower_dropped; /* those of the lower half before this, too */
    struct mem_hooks hooks;
    struct mem_listener listener; /* to all accesses; begun NULL: nobody */
};

struct place { /* where an access goes; block NULL: I/O */
    struct block *block;
    uint64_t offset;
    uint64_t physical; /* only for I/O */
};

static inline struct block *block_of(struct mem_block *shown)
{
    return (struct block *)shown;
}

static inline uint8_t *page_flags_at(struct block *block, uint64_t offset)
{
    return &block->shown.page_flags[offset >> PAGE_BITS];
}

/* A page is about to be written, or to get a tag to write through. */
static inline void note_written(struct block *block, uint64_t offset)
{
    uint8_t *flags = page_flags_at(block, offset);

    if (block->keeper.keep && !(*flags & PAGE_WRITTEN)) {
        block->keeper.keep(block->keeper.opaque, &block->shown,
                           offset >> PAGE_BITS);
    }
    *flags |= PAGE_WRITTEN | PAGE_CHANGED | PAGE_USED;
}

/* Never NULL. */
void *mem_allocate(size_t count, size_t size);
void *mem_grow(void *array, size_t count, size_t size);

/* block.c */
void block_free(struct block *block);
struct block *block_of_host(const struct memory *mem, const uint8_t *host,
                            uint64_t *offset);

/* map.c */
void map_search(const struct memory *mem, uint64_t physical,
                struct place *place);

static inline void map_place(const struct memory *mem, uint64_t physical,
                             struct place *place)
{
    const struct mem_range *r = &mem->largest; /* nearly always that */

    if (physical - r->start < r->size) {
        *place = (struct place){r->block, r->offset + (physical - r->start),
                                physical};
    } else {
        map_search(mem, physical, place);
    }
}

/* tlb.c */
void tlb_init(struct cpu *cpu); /* all invalid */
/* The entry of that page, or NULL. */
struct tlb_entry *tlb_find(struct tlb *tlb, uint64_t address);
/* Leaves with the exception when the walk faults. */
void tlb_translate(struct cpu *cpu, uint64_t address, enum mem_access access,
                   unsigned mmu, struct place *place);
/* Drops what writes to the page without the slow path. */
void tlb_drop_writes(struct memory *mem, struct block *block, uint64_t offset);
/* The same for all pages at once. */
void tlb_drop_all_writes(struct memory *mem);
/* Drops mappings of a virtual range (size 0: of everything) in all CPUs. */
void tlb_drop_range(struct memory *mem, uint64_t start, uint64_t size,
                    bool data, bool fetch);

/* table.c */
void table_note_walk(struct memory *mem, uint64_t address, bool fetch,
                     const struct walk_result *walk);
/* Would bits that are set in an entry of this size mean something else to
 * another walk, which took the page for a table of another format? */
bool table_is_mixed(const struct memory *mem, struct block *block,
                    uint64_t offset, unsigned size);
/* Takes the flag from a page from which nothing is derived any more. */
void table_retire(const struct memory *mem, struct block *block,
                  uint64_t offset);
/* Bytes within one page are about to be written. With `running` set, leaves
 * for a redo when that would change what its unit was fetched through. */
void table_before_write(struct memory *mem, struct cpu *running,
                        struct block *block, uint64_t offset,
                        const uint8_t *bytes, uint64_t size);

/* access.c */
/* The same for all that a write may disturb. */
void before_write(struct memory *mem, struct cpu *running, struct block *block,
                  uint64_t offset, const uint8_t *bytes, uint64_t size);
void write_block(struct block *block, uint64_t offset, const uint8_t *bytes,
                 uint64_t size);

/* fetch.c */
void fetch_drop_range(struct mem_cpu *mc, uint64_t start, uint64_t size);

#endif
