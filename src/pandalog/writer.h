/* Writes a pandalog, chunk by chunk. */
#ifndef PANDALOG_WRITER_H
#define PANDALOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plog_writer;

/* An existing file is replaced. NULL: *message (to be freed) says why. */
struct plog_writer *plog_writer_new(const char *path, uint32_t chunk_size,
                                    char **message);
/*
 * Room for the bytes of an entry that belongs to this count, good until the
 * next call; NULL when it is too large (a warning has been given).
 */
uint8_t *plog_writer_entry(struct plog_writer *log, size_t size,
                           uint64_t count);
/* Now and then: the chunk is closed when it is a second old and the count
 * has gone on. */
void plog_writer_tick(struct plog_writer *log, uint64_t count);
/* Writes the rest and the directory. NULL, or a message to be freed: what
 * could not be written. */
char *plog_writer_end(struct plog_writer *log);

#endif
