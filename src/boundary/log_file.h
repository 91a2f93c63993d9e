/*
 * The file of a recording's log, NAME-rr-nondet.log. All numbers are
 * little-endian.
 *
 *     header    magic "PANDA-RR", format version, behaviour version,
 *               length of the machine's description, checksum; description
 *     chunks    stream, range of counts, sizes, checksum; entries (zstd)
 *     index     a chunk of stream LOG_INDEX: offset and first count of each
 *
 * Each chunk decodes by itself. A file without its index was torn: it is
 * sound up to its last sound chunk. Readers take the file for hostile.
 */
#ifndef BOUNDARY_LOG_FILE_H
#define BOUNDARY_LOG_FILE_H

#include "boundary/log_entry.h"

#define LOG_FORMAT_VERSION 3u

enum log_stream {
    LOG_INWARD = 0,  /* what replay needs */
    LOG_OUTSIDE = 1, /* inputs from outside the machine, annotations */
    LOG_INDEX = 2,
};

struct log_identity {
    uint32_t behaviour;      /* version of what a guest sees */
    const char *description; /* of the machine; borrowed by the writer,
                                owned by the reader */
};

/* -- Writing --------------------------------------------------------------- */
struct log_writer;

/* NULL: *message (to be freed) says why. Refuses an existing file unless
 * forced. */
struct log_writer *log_writer_open(const char *path, bool force,
                                   const struct log_identity *identity,
                                   char **message);
/* Never fails at once: see log_writer_failure(). */
void log_writer_put(struct log_writer *log, enum log_stream stream,
                    const struct log_entry *entry);
/* Hands what is pending to the thread that writes; called every 300 ms. */
void log_writer_flush(struct log_writer *log);
/* NULL, or a sentence: the disk is full, ... What came before is sound. */
const char *log_writer_failure(struct log_writer *log);
/* In the file so far. */
uint64_t log_writer_bytes(struct log_writer *log);
uint64_t log_writer_chunks(struct log_writer *log);
/* Writes index and end. False: *message as above. Frees the writer. */
bool log_writer_close(struct log_writer *log, char **message);

/* -- Reading --------------------------------------------------------------- */
struct log_reader;

enum log_result {
    LOG_READ_ENTRY,
    LOG_READ_END,  /* the recording was closed properly */
    LOG_READ_TORN, /* log_reader_problem() says what is wrong where */
};

struct log_reader *log_reader_open(const char *path, char **message);
const struct log_identity *log_reader_identity(const struct log_reader *log);
/* The next entry of the stream; it borrows until the next call. */
enum log_result log_reader_next(struct log_reader *log, enum log_stream stream,
                                struct log_entry *entry);
const char *log_reader_problem(const struct log_reader *log);
/* The count of the last sound chunk of the stream, for a progress line. */
uint64_t log_reader_last_count(const struct log_reader *log,
                               enum log_stream stream);
void log_reader_close(struct log_reader *log);

#endif
