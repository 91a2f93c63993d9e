/*
 * The CPU's thread fills a chunk for each stream; full ones go through a
 * queue to a thread that packs and writes them, in order. Nothing of that
 * can be seen by the guest: the queue grows when the disk is slow. After a
 * failed write the file is cut back to its last whole chunk and the rest is
 * dropped, so that what was written stays sound.
 */
#include "boundary/log_file.h"

#include "base/error.h"
#include "boundary/log_chunk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#define STREAMS 2

struct chunk {
    struct chunk *next;
    enum log_stream stream;
    struct log_context first, last;
    uint32_t n_entries;
    size_t size, room;
    uint8_t *bytes;
};

struct log_writer {
    struct chunk *open[STREAMS]; /* being filled; NULL: none */
    struct log_context last[STREAMS];
    bool ended; /* no more chunks will come */

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct chunk *queue, **queue_tail;
    char *failure;
    uint64_t bytes, chunks;

    /* Of the thread alone. */
    int fd;
    ZSTD_CCtx *zstd;
    uint8_t *packed, *index;
    size_t packed_room;
    uint32_t n_index;
};

/* -- The thread ------------------------------------------------------------ */

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size) {
        ssize_t done = write(fd, bytes, size);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        bytes += done;
        size -= (size_t)done;
    }
    return true;
}

static void fail(struct log_writer *log)
{
    char *text = panda_message("cannot write the recording's log: %s; the "
                               "recording ends before this point",
                               strerror(errno));

    if (ftruncate(log->fd, (off_t)log->bytes) < 0) {
        /* A torn last chunk is found by its checksum. */
        panda_warn("cannot cut the log back: %s", strerror(errno));
    }
    pthread_mutex_lock(&log->lock);
    log->failure = text;
    pthread_mutex_unlock(&log->lock);
}

static void add_to_index(struct log_writer *log, uint64_t first_count)
{
    log->index = panda_must(realloc(log->index, (log->n_index + 1) * 16ul));
    put64(log->index + log->n_index * 16ul, log->bytes);
    put64(log->index + log->n_index * 16ul + 8, first_count);
    log->n_index++;
}

static void write_chunk(struct log_writer *log, const struct chunk *chunk)
{
    size_t room = CHUNK_HEADER_SIZE + ZSTD_compressBound(chunk->size);
    size_t packed;
    uint8_t *head;

    if (room > log->packed_room) {
        log->packed = panda_must(realloc(log->packed, room));
        log->packed_room = room;
    }
    head = log->packed;
    packed = ZSTD_compressCCtx(log->zstd, head + CHUNK_HEADER_SIZE,
                               room - CHUNK_HEADER_SIZE, chunk->bytes,
                               chunk->size, 3);
    panda_assert(!ZSTD_isError(packed));
    put32(head, CHUNK_MAGIC);
    put32(head + 4, chunk->stream);
    put64(head + 8, chunk->first.count);
    put64(head + 16, chunk->last.count);
    put32(head + 24, chunk->first.vcpu);
    put32(head + 28, chunk->n_entries);
    put32(head + 32, (uint32_t)chunk->size);
    put32(head + 36, (uint32_t)packed);
    put32(head + CHUNK_CRC,
          log_crc(head, CHUNK_CRC, head + CHUNK_HEADER_SIZE, packed));
    put32(head + 44, 0);
    if (!write_all(log->fd, head, CHUNK_HEADER_SIZE + packed)) {
        fail(log);
        return;
    }
    add_to_index(log, chunk->first.count);
    pthread_mutex_lock(&log->lock);
    log->bytes += CHUNK_HEADER_SIZE + packed;
    log->chunks++;
    pthread_mutex_unlock(&log->lock);
}

static void chunk_free(struct chunk *chunk)
{
    free(chunk->bytes);
    free(chunk);
}

static void *writer_thread(void *opaque)
{
    struct log_writer *log = opaque;

    pthread_mutex_lock(&log->lock);
    for (;;) {
        struct chunk *chunk = log->queue;
        bool good = !log->failure;

        if (!chunk) {
            if (log->ended) {
                break;
            }
            pthread_cond_wait(&log->changed, &log->lock);
            continue;
        }
        log->queue = chunk->next;
        if (!log->queue) {
            log->queue_tail = &log->queue;
        }
        pthread_mutex_unlock(&log->lock);
        if (good) {
            write_chunk(log, chunk);
        }
        chunk_free(chunk);
        pthread_mutex_lock(&log->lock);
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* -- The CPU's side -------------------------------------------------------- */

static void hand_over(struct log_writer *log, struct chunk *chunk)
{
    pthread_mutex_lock(&log->lock);
    *log->queue_tail = chunk;
    log->queue_tail = &chunk->next;
    pthread_cond_signal(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

static struct chunk *chunk_new(enum log_stream stream, struct log_context first)
{
    struct chunk *chunk = panda_must(calloc(1, sizeof(*chunk)));

    chunk->stream = stream;
    first.place = 0; /* a chunk can be read without those before it */
    chunk->first = chunk->last = first;
    return chunk;
}

static void make_room(struct chunk *chunk, size_t size)
{
    if (chunk->size + size > chunk->room) {
        chunk->room = (chunk->size + size) * 2;
        chunk->bytes = panda_must(realloc(chunk->bytes, chunk->room));
    }
}

void log_writer_put(struct log_writer *log, enum log_stream stream,
                    const struct log_entry *entry)
{
    struct chunk *chunk = log->open[stream];

    if (!chunk) {
        chunk = log->open[stream] = chunk_new(stream, log->last[stream]);
    }
    make_room(chunk, LOG_ENTRY_MAX + entry->event.size);
    chunk->size += log_entry_encode(&chunk->last, entry,
                                    chunk->bytes + chunk->size);
    chunk->n_entries++;
    log->last[stream] = chunk->last;
    if (chunk->size >= CHUNK_RAW_FULL) {
        log->open[stream] = NULL;
        hand_over(log, chunk);
    }
}

void log_writer_flush(struct log_writer *log)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        if (log->open[i]) {
            hand_over(log, log->open[i]);
            log->open[i] = NULL;
        }
    }
}

const char *log_writer_failure(struct log_writer *log)
{
    const char *failure;

    pthread_mutex_lock(&log->lock);
    failure = log->failure;
    pthread_mutex_unlock(&log->lock);
    return failure;
}

uint64_t log_writer_bytes(struct log_writer *log)
{
    uint64_t bytes;

    pthread_mutex_lock(&log->lock);
    bytes = log->bytes;
    pthread_mutex_unlock(&log->lock);
    return bytes;
}

uint64_t log_writer_chunks(struct log_writer *log)
{
    uint64_t chunks;

    pthread_mutex_lock(&log->lock);
    chunks = log->chunks;
    pthread_mutex_unlock(&log->lock);
    return chunks;
}

/* -- Opening and closing --------------------------------------------------- */

static bool write_header(struct log_writer *log,
                         const struct log_identity *identity)
{
    size_t size = strlen(identity->description);
    const uint8_t *text = (const uint8_t *)identity->description;
    uint8_t head[LOG_HEADER_SIZE];

    panda_assert(size <= LOG_DESCRIPTION_MAX);
    memcpy(head, LOG_MAGIC, 8);
    put32(head + 8, LOG_FORMAT_VERSION);
    put32(head + 12, identity->behaviour);
    put32(head + 16, (uint32_t)size);
    put32(head + LOG_HEADER_CRC, log_crc(head, LOG_HEADER_CRC, text, size));
    log->bytes = sizeof(head) + size;
    return write_all(log->fd, head, sizeof(head)) &&
           write_all(log->fd, text, size);
}

static void writer_free(struct log_writer *log)
{
    if (log->fd >= 0) {
        close(log->fd);
    }
    ZSTD_freeCCtx(log->zstd);
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->changed);
    free(log->failure);
    free(log->packed);
    free(log->index);
    free(log);
}

struct log_writer *log_writer_open(const char *path, bool force,
                                   const struct log_identity *identity,
                                   char **message)
{
    struct log_writer *log = panda_must(calloc(1, sizeof(*log)));
    int how = O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL);

    log->queue_tail = &log->queue;
    log->zstd = panda_must(ZSTD_createCCtx());
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->changed, NULL);
    log->fd = open(path, how, 0644);
    if (log->fd < 0 || !write_header(log, identity) ||
        (errno = pthread_create(&log->thread, NULL, writer_thread, log))) {
        *message = panda_message("cannot create %s: %s", path, strerror(errno));
        writer_free(log);
        return NULL;
    }
    return log;
}

static void write_index(struct log_writer *log)
{
    struct chunk *chunk = chunk_new(LOG_INDEX, log->last[LOG_INWARD]);

    chunk->n_entries = log->n_index;
    make_room(chunk, log->n_index * 16ul + 1);
    if (log->n_index) {
        memcpy(chunk->bytes, log->index, log->n_index * 16ul);
    }
    chunk->size = log->n_index * 16ul;
    write_chunk(log, chunk);
    chunk_free(chunk);
}

bool log_writer_close(struct log_writer *log, char **message)
{
    bool good;

    log_writer_flush(log);
    pthread_mutex_lock(&log->lock);
    log->ended = true;
    pthread_cond_signal(&log->changed);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    if (!log->failure) {
        write_index(log);
    }
    if (!log->failure && fsync(log->fd) < 0 && errno != EINVAL) {
        fail(log);
    }
    good = !log->failure;
    if (!good) {
        *message = log->failure;
        log->failure = NULL;
    }
    writer_free(log);
    return good;
}
