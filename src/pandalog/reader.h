/*
 * Reads a pandalog, forwards or backwards, from a count on; also one whose
 * writer was killed. Trusts nothing in the file.
 */
#ifndef PANDALOG_READER_H
#define PANDALOG_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plog_reader;

/* NULL: *message (to be freed) says what is wrong with the file. */
struct plog_reader *plog_reader_open(const char *path, bool backwards,
                                     char **message);
/*
 * The next entry's bytes, good until the next call. NULL at the end; then
 * plog_reader_failure() tells whether it is one.
 */
const uint8_t *plog_reader_next(struct plog_reader *log, size_t *size);
/*
 * Goes on with the first entry of this count (backwards: with the last one),
 * or where it would be. Entries tell their count by their field 2.
 */
void plog_reader_seek(struct plog_reader *log, uint64_t count);
/* What stopped the reading, or NULL. The file ended in the midst of a chunk,
 * as after a kill, or has been damaged. */
const char *plog_reader_failure(const struct plog_reader *log);
/* The file has its directory: it was closed. */
bool plog_reader_is_whole(const struct plog_reader *log);
void plog_reader_close(struct plog_reader *log);

#endif
