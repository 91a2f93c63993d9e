/*
 * Bytes of the log file that writer and reader share.
 *
 *      0        4        8             16            24
 *     +--------+--------+-------------+-------------+
 *     | "PCHK" | stream | first count | last count  |
 *     +--------+--------+------+------+------+------+
 *     | vcpu   | entries| raw  | packed | crc | zero |
 *     +--------+--------+------+--------+-----+------+  48 bytes
 *
 * first count and vcpu are what the first entry is coded against; crc is
 * over the 40 bytes before it and the packed entries.
 */
#ifndef BOUNDARY_LOG_CHUNK_H
#define BOUNDARY_LOG_CHUNK_H

#include "base/bytes.h"

#include <zlib.h>

#define LOG_MAGIC "PANDA-RR"
#define LOG_HEADER_SIZE 24u
#define LOG_HEADER_CRC 20u /* offset; over what is before, and description */
#define LOG_DESCRIPTION_MAX (1u << 20)

#define CHUNK_MAGIC 0x4b484350u
#define CHUNK_HEADER_SIZE 48u
#define CHUNK_CRC 40u
/* A chunk is closed when it holds so many bytes of entries. */
#define CHUNK_RAW_FULL (64u << 10)
#define CHUNK_RAW_MAX (CHUNK_RAW_FULL + LOG_BYTES_MAX + LOG_ENTRY_MAX)

static inline uint32_t log_crc(const uint8_t *head, size_t head_size,
                               const uint8_t *rest, size_t rest_size)
{
    uLong crc = crc32(0, head, (uInt)head_size);

    return (uint32_t)crc32(crc, rest, (uInt)rest_size);
}

#endif
