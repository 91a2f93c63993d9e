#include "exec/jump_cache.h"

#include <string.h>

/* An instruction that straddles into the range begins so much before. */
#define INSN_MAX_BYTES 16u

static bool is_low(uint64_t pc)
{
    return !(pc >> 63);
}

static void forget(struct jump_entry *entry)
{
    *entry = (struct jump_entry){.mode = JUMP_NO_MODE};
}

void jump_cache_clear(struct jump_cache *cache)
{
    for (unsigned i = 0; i < JUMP_CACHE_SIZE; i++) {
        forget(&cache->entry[i]);
    }
    memset(cache->is_listed, 0, sizeof(cache->is_listed));
    cache->n_listed = 0;
}

static void list(struct jump_cache *cache, unsigned index)
{
    uint64_t *word = &cache->is_listed[index / 64], bit = 1ull << index % 64;

    if (*word & bit) {
        return;
    }
    *word |= bit;
    if (cache->n_listed < JUMP_CACHE_LISTED) {
        cache->listed[cache->n_listed] = (uint16_t)index;
    }
    cache->n_listed++;
}

void jump_cache_put(struct jump_cache *cache, uint64_t pc, uint64_t mode,
                    const uint8_t *code)
{
    struct jump_entry *entry = jump_cache_place(cache, pc);

    if (is_low(pc)) {
        list(cache, (unsigned)(entry - cache->entry));
    }
    entry->pc = pc;
    entry->mode = (uint32_t)mode;
    entry->code = (uint32_t)(code - cache->code_start);
}

const uint8_t *jump_cache_find(struct jump_cache *cache, uint64_t pc,
                               uint64_t mode)
{
    const struct jump_entry *entry = jump_cache_place(cache, pc);

    return entry->pc == pc && entry->mode == mode
               ? cache->code_start + entry->code
               : NULL;
}

/* -- Dropping -------------------------------------------------------------- */

static void forget_within(struct jump_entry *entry, uint64_t start,
                          uint64_t size)
{
    if (entry->pc - start < size) {
        forget(entry);
    }
}

static void search_all(struct jump_cache *cache, uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < JUMP_CACHE_SIZE; i++) {
        forget_within(&cache->entry[i], start, size);
    }
}

static void search_listed(struct jump_cache *cache, uint64_t start,
                          uint64_t size)
{
    for (unsigned i = 0; i < cache->n_listed; i++) {
        forget_within(&cache->entry[cache->listed[i]], start, size);
    }
}

/* Everything in the lower half: then the list begins anew. */
static void clear_lower(struct jump_cache *cache)
{
    if (cache->n_listed > JUMP_CACHE_LISTED) {
        search_all(cache, 0, 1ull << 63);
        memset(cache->is_listed, 0, sizeof(cache->is_listed));
    } else {
        search_listed(cache, 0, 1ull << 63);
        for (unsigned i = 0; i < cache->n_listed; i++) {
            cache->is_listed[cache->listed[i] / 64] = 0;
        }
    }
    cache->n_listed = 0;
}

void jump_cache_drop_range(struct jump_cache *cache, uint64_t start,
                           uint64_t size)
{
    if (size == 0) {
        jump_cache_clear(cache);
    } else if (start == 0 && size == 1ull << 63) {
        clear_lower(cache);
    } else if (!is_low(start) || !is_low(start + size - 1) ||
               cache->n_listed > JUMP_CACHE_LISTED) {
        search_all(cache, start - INSN_MAX_BYTES, size + INSN_MAX_BYTES);
    } else {
        search_listed(cache, start - INSN_MAX_BYTES, size + INSN_MAX_BYTES);
    }
}

void jump_cache_drop_code(struct jump_cache *cache, uint64_t pc,
                          const uint8_t *code)
{
    struct jump_entry *entry = jump_cache_place(cache, pc);

    if (entry->pc == pc && cache->code_start + entry->code == code) {
        forget(entry);
    }
}
