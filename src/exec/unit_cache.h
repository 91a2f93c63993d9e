/*
 * Translated units, found by what their translation depended on. Dropping
 * any of them, or all, at any time is invisible to the guest.
 */
#ifndef EXEC_UNIT_CACHE_H
#define EXEC_UNIT_CACHE_H

#include "ir/types.h"

/* Equal keys: equal translations, as long as the bytes do not change. */
struct unit_key {
    uint64_t physical;      /* of the first byte */
    uint64_t physical_next; /* of the second page, or 0 when within one */
    uint64_t pc;            /* virtual */
    uint64_t mode;          /* guest->mode() */
    uint32_t limit;         /* at most so many instructions were asked for */
    uint64_t watch, block;  /* see exec/watch.h */
};

struct unit;
struct unit_page { /* a unit's place in the list of a page */
    struct unit *unit;
    uint64_t number; /* physical address / page size */
    struct unit_page *next;
};

struct unit {
    struct unit_key key;
    struct ir_unit *ir;     /* NULL once there is code, and for a stub */
    struct host_unit *host; /* generated code, or NULL */
    void *blocks;           /* of watched code: what exec/watch.h keeps */
    bool stub;              /* of a straddling instruction: translate.c */
    uint32_t size;          /* bytes of guest code */
    uint32_t steps;         /* of a full run */
    bool plain;             /* too large for the code generator: interpreted */
    bool alone;  /* its instruction had to run alone, and is to again */
    bool io;     /* crosses the boundary: runs alone */
    bool doomed; /* its bytes changed while it ran: freed afterwards */
    struct unit *hash_next;
    struct unit_page pages[2]; /* the pages its bytes lie in */
    unsigned n_pages;
};

struct unit_cache;

struct unit_cache *unit_cache_new(void);
void unit_cache_free(struct unit_cache *cache);

struct unit *unit_cache_find(struct unit_cache *cache,
                             const struct unit_key *key);
/* Takes ownership of the IR. */
struct unit *unit_cache_add(struct unit_cache *cache,
                            const struct unit_key *key, struct ir_unit *ir,
                            uint32_t size);

/* Called before a unit is freed, while it has code. */
void unit_cache_on_drop(struct unit_cache *cache,
                        void (*dropped)(void *opaque, struct unit *unit),
                        void *opaque);

/* Which unit runs; it is not freed under the interpreter's feet. */
void unit_cache_set_running(struct unit_cache *cache, struct unit *unit);

/* Drops the units with a byte in the range of physical addresses; true when
 * the running one is among them. The range lies within one page. */
bool unit_cache_written(struct unit_cache *cache, uint64_t physical,
                        uint64_t size);
/* Whether any unit has a byte in that page. */
bool unit_cache_page_has_code(const struct unit_cache *cache,
                              uint64_t physical);
void unit_cache_flush(struct unit_cache *cache);
/* Calls for each unit; it may drop none. */
void unit_cache_each(struct unit_cache *cache,
                     void (*each)(void *opaque, struct unit *unit),
                     void *opaque);
unsigned unit_cache_count(const struct unit_cache *cache);

#endif
