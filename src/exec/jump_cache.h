/*
 * Code by virtual pc: where computed jumps and returns look first, in
 * generated code and in the run loop alike. An entry holds for one mode, and
 * is cleared when its unit is dropped or when a fetch of its pc may find
 * something else; so an entry that is there needs no further question.
 *
 * Clearing must be cheap for what changes often: the lower half of the
 * address space, where programs live. Its entries are listed; the upper half,
 * where kernels do, is searched.
 */
#ifndef EXEC_JUMP_CACHE_H
#define EXEC_JUMP_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#define JUMP_CACHE_BITS 15
#define JUMP_CACHE_SIZE (1u << JUMP_CACHE_BITS)
#define JUMP_CACHE_LISTED 1024u

struct jump_entry {
    uint64_t pc;
    uint32_t mode; /* or JUMP_NO_MODE: empty */
    uint32_t code; /* offset from the code memory's start */
};
#define JUMP_NO_MODE UINT32_MAX

struct jump_cache {
    const uint8_t *code_start;
    struct jump_entry entry[JUMP_CACHE_SIZE];
    uint64_t is_listed[JUMP_CACHE_SIZE / 64];
    uint16_t listed[JUMP_CACHE_LISTED]; /* indexes of the lower half */
    unsigned n_listed; /* above the size: the list is not complete */
};

static inline struct jump_entry *jump_cache_place(struct jump_cache *cache,
                                                  uint64_t pc)
{
    return &cache->entry[pc & (JUMP_CACHE_SIZE - 1)];
}

void jump_cache_clear(struct jump_cache *cache);
void jump_cache_put(struct jump_cache *cache, uint64_t pc, uint64_t mode,
                    const uint8_t *code);
/* NULL: it has none for that pc in that mode. */
const uint8_t *jump_cache_find(struct jump_cache *cache, uint64_t pc,
                               uint64_t mode);
/* Fetches from the range may find something else (size 0: from anywhere). */
void jump_cache_drop_range(struct jump_cache *cache, uint64_t start,
                           uint64_t size);
/* The code of that pc is no more. */
void jump_cache_drop_code(struct jump_cache *cache, uint64_t pc,
                          const uint8_t *code);

#endif
