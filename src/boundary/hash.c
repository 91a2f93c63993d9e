#include "boundary/hash.h"

#include "base/error.h"
#include "boundary/boundary.h"
#include "exec/machine.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_registers(const struct machine *m)
{
    const struct cpu *cpu = m->cpu;
    uint64_t words[4] = {cpu->count, cpu->skipped, cpu->halted,
                         cpu->guest->hash_registers(cpu)};

    return XXH3_64bits(words, sizeof(words));
}

uint64_t hash_inward(uint64_t before, uint64_t count,
                     const struct inward_event *event)
{
    uint64_t words[6] = {
        before,         count,        (uint64_t)event->kind << 32 | event->what,
        event->address, event->value, event->size};
    uint64_t hash = XXH3_64bits(words, sizeof(words));

    return event->bytes && event->size
               ? XXH3_64bits_withSeed(event->bytes, event->size, hash)
               : hash;
}

/* -- Pages ----------------------------------------------------------------- */

uint64_t hash_page(const uint8_t *page)
{
    uint64_t hash;

    if (mem_page_is_zero(page)) {
        return 0;
    }
    hash = XXH3_64bits(page, PAGE_SIZE_);
    return hash ? hash : 1;
}

/* What a page adds to the sum. */
static uint64_t share(unsigned block, uint64_t page, uint64_t hash)
{
    const uint64_t words[3] = {block, page, hash};

    return hash ? XXH3_64bits(words, sizeof(words)) : 0;
}

static uint64_t with_sum(const struct machine *m, uint64_t sum)
{
    const uint64_t words[2] = {hash_registers(m), sum};

    return XXH3_64bits(words, sizeof(words));
}

uint64_t hash_state(const struct machine *m)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < mem_block_count(m->memory); i++) {
        const struct mem_block *block = mem_block_at(m->memory, i);

        for (uint64_t k = 0; k < block->size >> PAGE_BITS; k++) {
            sum += share(i, k, hash_page(block->host + (k << PAGE_BITS)));
        }
    }
    return with_sum(m, sum);
}

/* -- Kept ------------------------------------------------------------------ */

struct page_hashes {
    const struct machine *machine;
    uint64_t **pages; /* a block */
    unsigned n_blocks;
    uint64_t sum;
};

struct page_hashes *page_hashes_new(const struct machine *m)
{
    struct page_hashes *h = panda_must(calloc(1, sizeof(*h)));

    h->machine = m;
    h->n_blocks = mem_block_count(m->memory);
    h->pages = panda_must(calloc(h->n_blocks + 1, sizeof(h->pages[0])));
    for (unsigned i = 0; i < h->n_blocks; i++) {
        /* Large and mostly zero: the host gives memory as it is used. */
        h->pages[i] = panda_must(calloc(
            mem_block_at(m->memory, i)->size >> PAGE_BITS, sizeof(uint64_t)));
    }
    return h;
}

void page_hashes_free(struct page_hashes *h)
{
    if (h) {
        for (unsigned i = 0; i < h->n_blocks; i++) {
            free(h->pages[i]);
        }
        free(h->pages);
        free(h);
    }
}

void page_hashes_set(struct page_hashes *h, unsigned block, uint64_t page,
                     uint64_t hash)
{
    h->sum += share(block, page, hash) -
              share(block, page, h->pages[block][page]);
    h->pages[block][page] = hash;
}

uint64_t page_hashes_get(const struct page_hashes *h, unsigned block,
                         uint64_t page)
{
    return h->pages[block][page];
}

void page_hashes_begin(struct page_hashes *h)
{
    for (unsigned i = 0; i < h->n_blocks; i++) {
        mem_clear_written(h->machine->memory,
                          mem_block_at(h->machine->memory, i));
    }
}

static void look(struct page_hashes *h, bool all)
{
    for (unsigned i = 0; i < h->n_blocks; i++) {
        const struct mem_block *block = mem_block_at(h->machine->memory, i);

        for (uint64_t k = 0; k < block->size >> PAGE_BITS; k++) {
            if (all || block->page_flags[k] & PAGE_WRITTEN) {
                page_hashes_set(h, i, k,
                                hash_page(block->host + (k << PAGE_BITS)));
            }
        }
    }
    page_hashes_begin(h);
}

void page_hashes_take(struct page_hashes *h)
{
    look(h, true);
}

uint64_t page_hashes_state(struct page_hashes *h)
{
    look(h, false);
    return with_sum(h->machine, h->sum);
}
