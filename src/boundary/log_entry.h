/*
 * One entry of a recording's log, and its bytes.
 *
 *     kind and size   1 byte: kind in bits 5:0, log2 of a read's size in 7:6
 *     count           varint: steps since the entry before
 *     fields          as entries.def lists them: varints; BYTES is a length
 *                     and the bytes
 *
 * A vCPU other than the last one is a VCPU prefix byte and a varint.
 */
#ifndef BOUNDARY_LOG_ENTRY_H
#define BOUNDARY_LOG_ENTRY_H

#include "boundary/boundary.h"

struct log_entry {
    uint64_t count;
    uint32_t vcpu;
    struct inward_event event; /* bytes: borrowed */
};

/* What an entry is coded against: the entry before it. */
struct log_context {
    uint64_t count;
    uint32_t vcpu;
    uint64_t place; /* of the last entry of the chunk that has one, or 0 */
};

const char *log_entry_name(enum inward kind); /* NULL: no such kind */

/* At most so many bytes, besides the entry's own buffer. */
#define LOG_ENTRY_MAX 64
/* Longest buffer of one entry. */
#define LOG_BYTES_MAX (1u << 20)

/* Bytes written to out, which has room for LOG_ENTRY_MAX + event.size. */
size_t log_entry_encode(struct log_context *context,
                        const struct log_entry *entry, uint8_t *out);
/* Bytes consumed, or 0: not an entry. The entry borrows from `in`. */
size_t log_entry_decode(struct log_context *context, const uint8_t *in,
                        size_t size, struct log_entry *entry);

#endif
