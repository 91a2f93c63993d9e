/*
 * The state hash: architectural state in canonical form, so that it does not
 * depend on any cache of ours, on the compiler or on the host.
 *
 * Memory goes in as a sum over its pages: a page that is not zero adds a hash
 * of its place and content. So the hash of all of memory can be kept up by
 * looking only at the pages that were written since the last time.
 */
#ifndef BOUNDARY_HASH_H
#define BOUNDARY_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inward_event;
struct machine;

/* Registers, count and skipped time. */
uint64_t hash_registers(const struct machine *machine);
/* The above and every RAM-like block, looked at whole. */
uint64_t hash_state(const struct machine *machine);

/* Of one page; 0: it is zero. */
uint64_t hash_page(const uint8_t *page);

/*
 * The hash of each page, kept. Once the machine runs it is, with the saver of
 * a snapshot, which looks at first writes alone, the only user of the flag
 * PAGE_WRITTEN. A new one holds nothing: every page is told by page_hashes_set
 * (those that are zero need not), or looked at by page_hashes_take.
 */
struct page_hashes;
struct page_hashes *page_hashes_new(const struct machine *machine);
void page_hashes_free(struct page_hashes *hashes);
void page_hashes_set(struct page_hashes *hashes, unsigned block, uint64_t page,
                     uint64_t hash);
uint64_t page_hashes_get(const struct page_hashes *hashes, unsigned block,
                         uint64_t page);
/* From now on, what is written counts as changed. */
void page_hashes_begin(struct page_hashes *hashes);
void page_hashes_take(struct page_hashes *hashes);
/* Looks at what was written, and returns the same as hash_state(). */
uint64_t page_hashes_state(struct page_hashes *hashes);

/* What came in so far, one event after another; READs with their value. */
uint64_t hash_inward(uint64_t before, uint64_t count,
                     const struct inward_event *event);

#endif
