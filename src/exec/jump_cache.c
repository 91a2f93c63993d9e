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
    entry->mode = JUMP_NO_MODE;
    entry->unit = NULL;
}

void jump_cache_clear(struct jump_cache *cache)
{
    memset(cache, 0, sizeof(*cache));
    for (unsigned i = 0; i < JUMP_CACHE_SIZE; i++) {
        forget(&cache->entry[i]);
    }
}

void jump_cache_put(struct jump_cache *cache, uint64_t pc, uint32_t mode,
                    const uint8_t *code, struct unit *unit)
{
    struct jump_entry *entry = jump_cache_place(cache, pc);

    if (is_low(pc) && !entry->listed) {
        entry->listed = true;
        if (cache->n_listed < JUMP_CACHE_LISTED) {
            cache->listed[cache->n_listed] =
                (uint16_t)(entry - cache->entry);
        }
        cache->n_listed++;
    }
    entry->pc = pc;
    entry->mode = mode;
    entry->code = code;
    entry->unit = unit;
}

static void search_all(struct jump_cache *cache, uint64_t start,
                       uint64_t size)
{
    for (unsigned i = 0; i < JUMP_CACHE_SIZE; i++) {
        if (cache->entry[i].pc - start < size) {
            forget(&cache->entry[i]);
        }
    }
}

static void search_listed(struct jump_cache *cache, uint64_t start,
                          uint64_t size)
{
    for (unsigned i = 0; i < cache->n_listed; i++) {
        struct jump_entry *entry = &cache->entry[cache->listed[i]];

        if (entry->pc - start < size) {
            forget(entry);
        }
    }
}

/* Everything in the lower half: then the list begins anew. */
static void clear_listed(struct jump_cache *cache)
{
    for (unsigned i = 0; i < cache->n_listed; i++) {
        struct jump_entry *entry = &cache->entry[cache->listed[i]];

        entry->listed = false;
        if (is_low(entry->pc)) {
            forget(entry);
        }
    }
    cache->n_listed = 0;
}

void jump_cache_drop_range(struct jump_cache *cache, uint64_t start,
                           uint64_t size)
{
    if (size == 0) {
        jump_cache_clear(cache);
        return;
    }
    if (!is_low(start) || !is_low(start + size - 1) ||
        cache->n_listed > JUMP_CACHE_LISTED) {
        search_all(cache, start - INSN_MAX_BYTES, size + INSN_MAX_BYTES);
    } else if (start == 0 && size == 1ull << 63) {
        clear_listed(cache);
    } else {
        search_listed(cache, start - INSN_MAX_BYTES, size + INSN_MAX_BYTES);
    }
}

void jump_cache_drop_unit(struct jump_cache *cache, uint64_t pc,
                          const struct unit *unit)
{
    struct jump_entry *entry = jump_cache_place(cache, pc);

    if (entry->unit == unit) {
        forget(entry);
    }
}
