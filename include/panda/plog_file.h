/*
 * The file of a pandalog, whatever its entries are made of; panda/plog.h and
 * panda/plog-cc.hpp put entries into it and take them out.
 */
#ifndef PANDA_PLOG_FILE_H
#define PANDA_PLOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    PL_MODE_WRITE,
    PL_MODE_READ_FWD,
    PL_MODE_READ_BWD,
    PL_MODE_UNKNOWN
} PlMode;

#ifdef __cplusplus
extern "C" {
#endif

/* -- Writing, in plugins --------------------------------------------------- */

/* 1: a pandalog is being written (-pandalog FILE), else 0. Without one,
 * entries go nowhere. */
extern int pandalog;

/* What -pandalog does, unless a log is open; a file that cannot be written is
 * told, and the log stays closed. chunk_size: bytes; 0: what is usual. */
void pandalog_open_write(const char *path, uint32_t chunk_size);
/* Closes the log that is written. */
void pandalog_close_write(void);

/* What an entry written now has as its pc and instr: 2^64-1 each before there
 * is a machine. */
void pandalog_position(uint64_t *pc, uint64_t *instr);
/* Where so many bytes of an entry are to be put at once; NULL: nowhere. */
uint8_t *pandalog_new_entry(size_t size, uint64_t instr);

/* -- Reading, in plugins and programs of their own ------------------------- */

/* Opens a log for reading, from its first entry on or backwards from its last:
 * one at a time in a thread. What is wrong with it is told. */
void pandalog_open_read_fwd(const char *path);
void pandalog_open_read_bwd(const char *path);
/* Goes on with the first entry of this instr, backwards with the last one; or
 * where it would be. */
void pandalog_seek(uint64_t instr);
/* The next entry, good until the next call; NULL at the end. */
const uint8_t *pandalog_read_packed(size_t *size);
/* Why the reading ended before the end of the log, or NULL. */
const char *pandalog_read_failure(void);
/* Closes the log that is read. */
void pandalog_close_read(void);

#ifdef __cplusplus
}
#endif

/* -- Either: a program that only reads defines PLOG_READER before ---------- */

/* For writing by mode "w", for reading by "r". */
static inline void pandalog_open(const char *path, const char *mode)
{
#ifndef PLOG_READER
    if (*mode == 'w') {
        pandalog_open_write(path, 0);
        return;
    }
#else
    (void)mode;
#endif
    pandalog_open_read_fwd(path);
}

/* Closes what is open, for writing and for reading. */
static inline void pandalog_close(void)
{
    pandalog_close_read();
#ifndef PLOG_READER
    pandalog_close_write();
#endif
}

#endif
