/* The head of a snapshot's file, and bytes in a row. */
#ifndef SNAPSHOT_FORMAT_H
#define SNAPSHOT_FORMAT_H

#include "exec/cpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_MAGIC "PANDASNP"
#define SNAPSHOT_VERSION 2u

struct snapshot_head { /* all little-endian; padded to a page with zeros */
    char magic[8];
    uint32_t version;
    uint32_t meta_size; /* of what follows the head's page */
    uint64_t n_pages;
    uint64_t table; /* offset: n_pages of struct snapshot_page */
    uint64_t pages; /* offset, a multiple of the page size */
    uint64_t meta_hash, table_hash;
    uint64_t head_hash; /* of the members above */
};

struct snapshot_page {
    uint32_t block, number;
    uint64_t hash;
};

/* Each part begins on a page. */
static inline uint64_t snapshot_next_part(uint64_t offset)
{
    return (offset + PAGE_SIZE_ - 1) & PAGE_MASK_;
}

/* Bytes being written or read. */
struct snapshot_bytes {
    uint8_t *bytes;
    size_t size, room, at;
    bool bad; /* read beyond the end */
};

#endif
