/*
 * Entries gather in a buffer, which becomes a chunk. After a failed write the
 * file is cut back to its last whole chunk, and the rest is dropped.
 */
#include "pandalog/writer.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "pandalog/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

struct plog_writer {
    int fd;
    char *path, *failure;
    uint32_t chunk_size;
    uint64_t end; /* of what is written */

    uint8_t *bytes; /* of the open chunk */
    size_t size, room;
    uint64_t n_entries, first, last; /* counts of its entries */
    struct timespec opened;          /* when its first entry came */

    uint8_t *directory; /* number and rows, as in the file */
    uint32_t n_chunks;
};

/* -- The file -------------------------------------------------------------- */

static void fail(struct plog_writer *log)
{
    log->failure = panda_message("%s: %s; the pandalog ends before this "
                                 "point",
                                 log->path, strerror(errno));
    if (ftruncate(log->fd, (off_t)log->end) < 0) {
        panda_warn("%s cannot be cut back: %s", log->path, strerror(errno));
    }
    panda_warn("%s", log->failure);
}

/* dir_pos 0: the file is being written. */
static bool write_head(struct plog_writer *log, uint64_t dir_pos)
{
    uint8_t head[PLOG_HEAD_SIZE] = {0};

    put32(head, PLOG_VERSION);
    put64(head + PLOG_DIR_POS, dir_pos);
    put32(head + PLOG_CHUNK_SIZE, log->chunk_size);
    return file_write_at(log->fd, head, sizeof(head), 0);
}

static void add_row(struct plog_writer *log)
{
    uint8_t *row;

    log->directory = panda_must(
        realloc(log->directory, 4 + (log->n_chunks + 1ul) * PLOG_ROW_SIZE));
    row = log->directory + 4 + (size_t)log->n_chunks * PLOG_ROW_SIZE;
    put64(row, log->n_chunks ? log->first : 0);
    put64(row + 8, log->end);
    put64(row + 16, log->n_entries);
    put32(log->directory, ++log->n_chunks);
}

static void close_chunk(struct plog_writer *log)
{
    uLongf packed = compressBound(log->size);
    uint8_t *bytes;

    if (log->n_entries && !log->failure) {
        bytes = panda_must(malloc(packed));
        panda_assert(compress2(bytes, &packed, log->bytes, log->size,
                               Z_BEST_COMPRESSION) == Z_OK);
        if (file_write_at(log->fd, bytes, packed, log->end)) {
            add_row(log);
            log->end += packed;
        } else {
            fail(log);
        }
        free(bytes);
    }
    log->size = log->n_entries = 0;
}

/* -- Entries --------------------------------------------------------------- */

static bool is_old(const struct plog_writer *log)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec - log->opened.tv_sec -
               (now.tv_nsec < log->opened.tv_nsec) >=
           1;
}

uint8_t *plog_writer_entry(struct plog_writer *log, size_t size, uint64_t count)
{
    uint8_t *at;

    if (size > PLOG_ENTRY_MAX) {
        panda_warn("%s: an entry of %zu bytes is left out: the most is %u",
                   log->path, size, PLOG_ENTRY_MAX);
        return NULL;
    }
    /* All entries of one count are in one chunk. */
    if ((log->size >= log->chunk_size && count != log->last) ||
        log->size + 4 + size > PLOG_CHUNK_MAX) {
        close_chunk(log);
    }
    if (log->size + 4 + size > log->room) {
        log->room = 2 * log->room + 4 + size;
        log->bytes = panda_must(realloc(log->bytes, log->room));
    }
    if (!log->n_entries++) {
        log->first = count;
        clock_gettime(CLOCK_MONOTONIC, &log->opened);
    }
    log->last = count;
    at = log->bytes + log->size;
    put32(at, (uint32_t)size);
    log->size += 4 + size;
    return at + 4;
}

void plog_writer_tick(struct plog_writer *log, uint64_t count)
{
    if (log->n_entries && log->last != count && is_old(log)) {
        close_chunk(log);
    }
}

/* -- Start and end --------------------------------------------------------- */

struct plog_writer *plog_writer_new(const char *path, uint32_t chunk_size,
                                    char **message)
{
    struct plog_writer *log = panda_must(calloc(1, sizeof(*log)));

    log->path = panda_must(strdup(path));
    log->chunk_size = chunk_size;
    log->end = PLOG_HEAD_SIZE;
    log->directory = panda_must(calloc(1, 4));
    log->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (log->fd >= 0 && write_head(log, 0)) {
        return log;
    }
    *message = panda_message("the pandalog %s cannot be written: %s", path,
                             strerror(errno));
    if (log->fd >= 0) {
        close(log->fd);
    }
    free(log->directory);
    free(log->path);
    free(log);
    return NULL;
}

char *plog_writer_end(struct plog_writer *log)
{
    char *failure;

    close_chunk(log);
    if (!log->failure &&
        (!file_write_at(log->fd, log->directory,
                        4 + (size_t)log->n_chunks * PLOG_ROW_SIZE, log->end) ||
         !write_head(log, log->end))) {
        fail(log);
    }
    close(log->fd);
    failure = log->failure;
    free(log->directory);
    free(log->bytes);
    free(log->path);
    free(log);
    return failure;
}
