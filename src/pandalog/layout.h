/*
 * The file of a pandalog: version 2 of PANDA's format, all little-endian.
 *
 *      0         8         16           128                      dir_pos
 *     +----+----+---------+------+-----+-------+-------+---     +-----------+
 *     | 2  | 0  | dir_pos | size | 0.. | chunk | chunk |   ...  | directory |
 *     +----+----+---------+------+-----+-------+-------+---     +-----------+
 *
 * A chunk is a zlib stream of entries, each a length (32 bits) and so many
 * bytes of a panda.LogEntry. The directory has the number of chunks (32 bits)
 * and, for each, the instruction count at its first entry, its place and how
 * many entries it has (64 bits each); the first chunk's count is 0.
 *
 * Ours, as far as the format leaves it open: dir_pos is 0 while the file is
 * being written, and readers then walk from chunk to chunk, each ending where
 * its stream does; so a file whose writer was killed can be read.
 */
#ifndef PANDALOG_LAYOUT_H
#define PANDALOG_LAYOUT_H

#define PLOG_VERSION 2u
#define PLOG_DIR_POS 8u /* offsets in the head */
#define PLOG_CHUNK_SIZE 16u
#define PLOG_HEAD_SIZE 128u
#define PLOG_ROW_SIZE 24u /* of the directory */

/* A chunk that has so many bytes is closed when the count goes on; one that
 * gets as long as the second is closed then and there. */
#define PLOG_CHUNK_FULL (16u << 20)
#define PLOG_CHUNK_MAX (256u << 20)
#define PLOG_ENTRY_MAX (64u << 20)

#endif
