/*
 * Each stream has a cursor of its own that walks the chunks from the start
 * of the file and skips those of other streams. A chunk is believed only
 * after its checksum; every size is checked before memory is asked for.
 */
#include "boundary/log_file.h"

#include "base/error.h"
#include "base/file.h"
#include "boundary/log_chunk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define STREAMS 2

struct chunk_head {
    uint32_t stream, n_entries, raw, packed, crc;
    struct log_context first;
    uint64_t last_count;
};

struct cursor {
    uint64_t offset; /* of the next chunk */
    uint8_t *raw;    /* the entries of this chunk */
    size_t size, at;
    uint32_t left; /* entries of it not yet read */
    uint64_t last_count;
    struct log_context context;
    enum log_result ended; /* LOG_READ_ENTRY: not yet */
};

struct log_reader {
    int fd;
    uint64_t size, first_chunk;
    struct log_identity identity;
    char *description, *problem;
    ZSTD_DCtx *zstd;
    struct cursor cursor[STREAMS];
    uint64_t last_count[STREAMS];
};

/* -- Chunks ---------------------------------------------------------------- */

static bool read_head(const struct log_reader *log, uint64_t offset,
                      uint8_t *bytes, struct chunk_head *head)
{
    if (log->size - offset < CHUNK_HEADER_SIZE ||
        !file_read_at(log->fd, bytes, CHUNK_HEADER_SIZE, offset) ||
        get32(bytes) != CHUNK_MAGIC || get32(bytes + 44)) {
        return false;
    }
    head->stream = get32(bytes + 4);
    head->first.place = 0;
    head->first.count = get64(bytes + 8);
    head->last_count = get64(bytes + 16);
    head->first.vcpu = get32(bytes + 24);
    head->n_entries = get32(bytes + 28);
    head->raw = get32(bytes + 32);
    head->packed = get32(bytes + 36);
    head->crc = get32(bytes + CHUNK_CRC);
    return head->packed <= log->size - offset - CHUNK_HEADER_SIZE &&
           head->stream <= LOG_INDEX &&
           (head->stream == LOG_INDEX || head->raw <= CHUNK_RAW_MAX);
}

/* The packed bytes of a sound chunk, to be freed; NULL: damaged. */
static uint8_t *read_packed(const struct log_reader *log, uint64_t offset,
                            const uint8_t *bytes, const struct chunk_head *head)
{
    uint8_t *packed = malloc(head->packed + 1ul);

    if (packed &&
        file_read_at(log->fd, packed, head->packed,
                     offset + CHUNK_HEADER_SIZE) &&
        log_crc(bytes, CHUNK_CRC, packed, head->packed) == head->crc) {
        return packed;
    }
    free(packed);
    return NULL;
}

static bool unpack(struct log_reader *log, struct cursor *cursor,
                   const uint8_t *packed, const struct chunk_head *head)
{
    size_t size;

    free(cursor->raw);
    cursor->raw = malloc(head->raw + 1ul);
    log->zstd = log->zstd ? log->zstd : ZSTD_createDCtx();
    if (!cursor->raw || !log->zstd) {
        return false;
    }
    size = ZSTD_decompressDCtx(log->zstd, cursor->raw, head->raw, packed,
                               head->packed);
    cursor->size = size;
    cursor->at = 0;
    cursor->left = head->n_entries;
    cursor->last_count = head->last_count;
    cursor->context = head->first;
    return !ZSTD_isError(size) && size == head->raw;
}

static enum log_result torn(struct log_reader *log, struct cursor *cursor,
                            const char *what)
{
    free(log->problem);
    log->problem = panda_message(
        "the log is %s at byte %llu of %llu; it is sound up to count %llu",
        what, (unsigned long long)cursor->offset, (unsigned long long)log->size,
        (unsigned long long)cursor->context.count);
    cursor->left = 0;
    return cursor->ended = LOG_READ_TORN;
}

/* Moves the cursor to the next chunk of its stream. */
static enum log_result next_chunk(struct log_reader *log, struct cursor *cursor,
                                  unsigned stream)
{
    for (;;) {
        uint8_t bytes[CHUNK_HEADER_SIZE], *packed;
        struct chunk_head head;
        uint64_t offset = cursor->offset;
        bool good;

        if (offset == log->size) {
            return torn(log, cursor, "cut off");
        }
        if (!read_head(log, offset, bytes, &head) ||
            !(packed = read_packed(log, offset, bytes, &head))) {
            return torn(log, cursor, "damaged or cut off");
        }
        good = head.stream != stream || unpack(log, cursor, packed, &head);
        free(packed);
        if (!good) {
            return torn(log, cursor, "damaged");
        }
        cursor->offset += CHUNK_HEADER_SIZE + head.packed;
        if (head.stream == LOG_INDEX) {
            return cursor->ended = cursor->offset == log->size
                                       ? LOG_READ_END
                                       : torn(log, cursor,
                                              "followed by foreign bytes");
        }
        if (head.stream == stream && head.n_entries) {
            return LOG_READ_ENTRY;
        }
    }
}

enum log_result log_reader_next(struct log_reader *log, enum log_stream stream,
                                struct log_entry *entry)
{
    struct cursor *cursor = &log->cursor[stream];
    size_t size;

    if (cursor->ended != LOG_READ_ENTRY) {
        return cursor->ended;
    }
    if (!cursor->left && next_chunk(log, cursor, stream) != LOG_READ_ENTRY) {
        return cursor->ended;
    }
    size = log_entry_decode(&cursor->context, cursor->raw + cursor->at,
                            cursor->size - cursor->at, entry);
    if (!size || entry->count > cursor->last_count) {
        return torn(log, cursor, "malformed before");
    }
    cursor->at += size;
    cursor->left--;
    if (!cursor->left && cursor->at != cursor->size) {
        return torn(log, cursor, "malformed before");
    }
    return LOG_READ_ENTRY;
}

/* -- Opening --------------------------------------------------------------- */

static bool read_header(struct log_reader *log, const char *path,
                        char **message)
{
    uint8_t head[LOG_HEADER_SIZE];
    uint32_t size;

    if (!file_read_at(log->fd, head, sizeof(head), 0) ||
        memcmp(head, LOG_MAGIC, 8) != 0) {
        *message = panda_message("%s is not the log of a recording", path);
        return false;
    }
    if (get32(head + 8) != LOG_FORMAT_VERSION) {
        *message = panda_message("%s has log format %u; this program reads "
                                 "format %u",
                                 path, get32(head + 8), LOG_FORMAT_VERSION);
        return false;
    }
    size = get32(head + 16);
    if (size > LOG_DESCRIPTION_MAX ||
        !(log->description = calloc(1, size + 1ul)) ||
        !file_read_at(log->fd, log->description, size, sizeof(head)) ||
        log_crc(head, LOG_HEADER_CRC, (uint8_t *)log->description, size) !=
            get32(head + LOG_HEADER_CRC)) {
        *message = panda_message("%s is damaged in its header", path);
        return false;
    }
    log->identity.behaviour = get32(head + 12);
    log->identity.description = log->description;
    log->first_chunk = sizeof(head) + size;
    return true;
}

static void find_last_counts(struct log_reader *log)
{
    uint64_t offset = log->first_chunk;
    uint8_t bytes[CHUNK_HEADER_SIZE];
    struct chunk_head head;

    while (read_head(log, offset, bytes, &head)) {
        if (head.stream < STREAMS) {
            log->last_count[head.stream] = head.last_count;
        }
        offset += CHUNK_HEADER_SIZE + head.packed;
    }
}

struct log_reader *log_reader_open(const char *path, char **message)
{
    struct log_reader *log = calloc(1, sizeof(*log));
    struct stat status;

    if (!log) {
        panda_bug("out of memory");
    }
    log->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (log->fd < 0 || fstat(log->fd, &status) < 0) {
        *message = panda_message("cannot open %s: %s", path, strerror(errno));
        log_reader_close(log);
        return NULL;
    }
    log->size = (uint64_t)status.st_size;
    if (!read_header(log, path, message)) {
        log_reader_close(log);
        return NULL;
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        log->cursor[i].offset = log->first_chunk;
    }
    find_last_counts(log);
    return log;
}

const struct log_identity *log_reader_identity(const struct log_reader *log)
{
    return &log->identity;
}

const char *log_reader_problem(const struct log_reader *log)
{
    return log->problem;
}

uint64_t log_reader_last_count(const struct log_reader *log,
                               enum log_stream stream)
{
    return log->last_count[stream];
}

void log_reader_close(struct log_reader *log)
{
    if (!log) {
        return;
    }
    if (log->fd >= 0) {
        close(log->fd);
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        free(log->cursor[i].raw);
    }
    ZSTD_freeDCtx(log->zstd);
    free(log->description);
    free(log->problem);
    free(log);
}
