/*
 * Two chained hash tables over the same units:
 *
 *     by key:   the run loop's look-up
 *     by page:  a write to a page of code finds the units it hits; a unit
 *               of an instruction that straddles two pages stands twice
 */
#include "exec/unit_cache.h"

#include "base/error.h"
#include "exec/cpu.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS (1u << 16)

struct unit_cache {
    struct unit *by_key[BUCKETS];
    struct unit_page *by_page[BUCKETS];
    struct unit *running;
    unsigned count;
    void (*dropped)(void *opaque, struct unit *unit);
    void *opaque;
};

static uint32_t mix(uint64_t value)
{
    value *= 0x9e3779b97f4a7c15ull;
    return (uint32_t)(value >> 48);
}

static uint32_t key_bucket(const struct unit_key *key)
{
    return mix(key->physical ^ (key->pc << 20) ^ (key->mode << 7) ^
               ((uint64_t)key->limit << 56) ^ key->watch << 30 ^
               key->block << 10);
}

static bool key_equal(const struct unit_key *x, const struct unit_key *y)
{
    return x->physical == y->physical && x->pc == y->pc && x->mode == y->mode &&
           x->limit == y->limit && x->physical_next == y->physical_next &&
           x->watch == y->watch && x->block == y->block;
}

struct unit_cache *unit_cache_new(void)
{
    struct unit_cache *cache = calloc(1, sizeof(*cache));

    if (!cache) {
        panda_bug("out of memory");
    }
    return cache;
}

void unit_cache_free(struct unit_cache *cache)
{
    if (cache) {
        unit_cache_set_running(cache, NULL);
        unit_cache_flush(cache);
        free(cache);
    }
}

static void unit_free(struct unit *unit)
{
    ir_unit_free(unit->ir);
    free(unit->blocks);
    free(unit);
}

/* -- Adding and finding ---------------------------------------------------- */

struct unit *unit_cache_find(struct unit_cache *cache,
                             const struct unit_key *key)
{
    struct unit *unit = cache->by_key[key_bucket(key)];

    while (unit && !key_equal(&unit->key, key)) {
        unit = unit->hash_next;
    }
    return unit;
}

static void add_page(struct unit_cache *cache, struct unit *unit,
                     uint64_t physical)
{
    struct unit_page *page = &unit->pages[unit->n_pages++];
    struct unit_page **head;

    page->unit = unit;
    page->number = physical >> PAGE_BITS;
    head = &cache->by_page[mix(page->number)];
    page->next = *head;
    *head = page;
}

/* Crosses the boundary: such a unit is one instruction that runs alone. */
static bool does_io(const struct ir_unit *ir)
{
    for (uint32_t i = 1; ir && i < ir->n_ins; i++) {
        if (ir->ins[i].op == IR_call &&
            (ir_helper(ir, ir->ins[i].imm)->effects & HELPER_IO)) {
            return true;
        }
    }
    return false;
}

struct unit *unit_cache_add(struct unit_cache *cache,
                            const struct unit_key *key, struct ir_unit *ir,
                            uint32_t size)
{
    struct unit *unit = calloc(1, sizeof(*unit));
    struct unit **head = &cache->by_key[key_bucket(key)];

    if (!unit) {
        panda_bug("out of memory");
    }
    unit->key = *key;
    unit->ir = ir;
    unit->stub = !ir;
    unit->size = size;
    unit->steps = ir ? ir->n_insns : 0;
    unit->io = does_io(ir);
    unit->hash_next = *head;
    *head = unit;
    add_page(cache, unit, key->physical);
    if (key->physical_next) {
        add_page(cache, unit, key->physical_next);
    }
    cache->count++;
    return unit;
}

void unit_cache_on_drop(struct unit_cache *cache,
                        void (*dropped)(void *opaque, struct unit *unit),
                        void *opaque)
{
    cache->dropped = dropped;
    cache->opaque = opaque;
}

void unit_cache_set_running(struct unit_cache *cache, struct unit *unit)
{
    struct unit *last = cache->running;

    cache->running = unit;
    if (last && last->doomed && last != unit) {
        unit_free(last);
    }
}

/* -- Dropping -------------------------------------------------------------- */

static void unlink_page(struct unit_cache *cache, struct unit_page *page)
{
    struct unit_page **link = &cache->by_page[mix(page->number)];

    while (*link != page) {
        link = &(*link)->next;
    }
    *link = page->next;
}

static void drop(struct unit_cache *cache, struct unit *unit)
{
    struct unit **link = &cache->by_key[key_bucket(&unit->key)];

    while (*link != unit) {
        link = &(*link)->hash_next;
    }
    *link = unit->hash_next;
    for (unsigned i = 0; i < unit->n_pages; i++) {
        unlink_page(cache, &unit->pages[i]);
    }
    cache->count--;
    if (unit->host) {
        cache->dropped(cache->opaque, unit);
        unit->host = NULL;
    }
    if (unit == cache->running) {
        unit->doomed = true;
    } else {
        unit_free(unit);
    }
}

/* Whether a byte of the unit lies in [first, last] of the page's range. */
static bool hit(const struct unit *unit, uint64_t number, uint64_t first,
                uint64_t last)
{
    uint64_t start = unit->key.physical;
    uint64_t in_first = PAGE_SIZE_ - (start & ~PAGE_MASK_);
    uint64_t size = unit->size;

    if (unit->n_pages == 2 && number == unit->pages[1].number) {
        start = number << PAGE_BITS;
        size -= in_first;
    } else if (size > in_first) {
        size = in_first;
    }
    return start <= last && first < start + size;
}

bool unit_cache_written(struct unit_cache *cache, uint64_t physical,
                        uint64_t size)
{
    uint64_t number = physical >> PAGE_BITS;
    bool running = false;
    struct unit_page *page = cache->by_page[mix(number)];

    while (page) {
        struct unit *unit = page->unit;

        page = page->next;
        if (page && page->unit == unit) {
            page = page->next; /* dropped with it */
        }
        if ((unit->pages[0].number == number ||
             unit->pages[unit->n_pages - 1].number == number) &&
            hit(unit, number, physical, physical + size - 1)) {
            running = running || unit == cache->running;
            drop(cache, unit);
        }
    }
    return running;
}

bool unit_cache_page_has_code(const struct unit_cache *cache, uint64_t physical)
{
    uint64_t number = physical >> PAGE_BITS;
    const struct unit_page *page = cache->by_page[mix(number)];

    while (page && page->number != number) {
        page = page->next;
    }
    return page != NULL;
}

void unit_cache_flush(struct unit_cache *cache)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (cache->by_key[i]) {
            drop(cache, cache->by_key[i]);
        }
    }
}

void unit_cache_each(struct unit_cache *cache,
                     void (*each)(void *opaque, struct unit *unit),
                     void *opaque)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct unit *u = cache->by_key[i]; u; u = u->hash_next) {
            each(opaque, u);
        }
    }
}

unsigned unit_cache_count(const struct unit_cache *cache)
{
    return cache->count;
}
