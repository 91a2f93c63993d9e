/*
 * One chunk at a time is in memory, with an index of its entries. Where the
 * chunks lie comes from the directory or, where there is none, from walking.
 */
#include "pandalog/reader.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "pandalog/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

struct place {
    uint64_t first; /* count */
    uint64_t at;
    uint64_t n_entries;
};

struct plog_reader {
    int fd;
    char *path, *failure;
    bool backwards, whole;
    uint64_t end; /* of the chunks */

    struct place *places;
    size_t n_places;
    bool walked; /* all places are known */

    uint8_t *bytes; /* of the chunk in memory */
    size_t size, room;
    size_t *entries; /* offsets */
    size_t n_entries, entries_room;
    uint64_t behind; /* where it ends in the file */

    size_t chunk; /* the one in memory; n_places: none yet */
    size_t entry; /* the next one to give; backwards: behind it */
};

static bool failed(struct plog_reader *log, char *message)
{
    if (log->failure) {
        free(message);
    } else {
        log->failure = message;
    }
    return false;
}

/* -- A chunk --------------------------------------------------------------- */

#define PIECE 65536u

/* All that a stream holds. */
static bool inflate_chunk(struct plog_reader *log, z_stream *z, uint64_t at)
{
    uint8_t piece[PIECE];
    uint64_t read = at;
    int code = Z_OK;

    log->size = 0;
    while (code != Z_STREAM_END) {
        if (!z->avail_in && read < log->end) {
            size_t n = log->end - read < PIECE ? log->end - read : PIECE;

            if (!file_read_at(log->fd, piece, n, read)) {
                return failed(log, panda_message("%s cannot be read: %s",
                                                 log->path, strerror(errno)));
            }
            z->next_in = piece;
            z->avail_in = (uInt)n;
            read += n;
        }
        if (log->size == log->room) {
            log->room = 2 * log->room + PIECE;
            log->bytes = panda_must(realloc(log->bytes, log->room));
        }
        z->next_out = log->bytes + log->size;
        z->avail_out = (uInt)(log->room - log->size);
        code = inflate(z, Z_NO_FLUSH);
        log->size = log->room - z->avail_out;
        if (code == Z_BUF_ERROR && !z->avail_in && read == log->end) {
            return failed(
                log, panda_message("%s ends in the midst of its last chunk: "
                                   "its writer was killed, or the file has "
                                   "been cut",
                                   log->path));
        }
        if ((code != Z_OK && code != Z_STREAM_END) ||
            log->size > PLOG_CHUNK_MAX) {
            return failed(log, panda_message("%s is damaged: there is no "
                                             "sound chunk at %" PRIu64,
                                             log->path, at));
        }
    }
    log->behind = read - z->avail_in;
    return true;
}

static bool index_entries(struct plog_reader *log, uint64_t chunk)
{
    size_t at = 0;

    log->n_entries = 0;
    while (at < log->size) {
        size_t rest = log->size - at;

        if (rest < 4 || get32(log->bytes + at) > rest - 4) {
            return failed(log, panda_message("%s is damaged: an entry goes "
                                             "beyond the chunk at %" PRIu64,
                                             log->path, chunk));
        }
        if (log->n_entries == log->entries_room) {
            log->entries_room = 2 * log->entries_room + 64;
            log->entries = panda_must(realloc(
                log->entries, log->entries_room * sizeof(log->entries[0])));
        }
        log->entries[log->n_entries++] = at;
        at += 4 + get32(log->bytes + at);
    }
    return true;
}

static const uint8_t *entry_at(const struct plog_reader *log, size_t entry,
                               size_t *size)
{
    const uint8_t *at = log->bytes + log->entries[entry];

    *size = get32(at);
    return at + 4;
}

/* -- The count of an entry: field 2 of the message ------------------------- */

static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;

        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

/* UINT64_MAX: of an entry from outside the run, or one that is unsound. */
static uint64_t count_of(const struct plog_reader *log, size_t entry)
{
    size_t size;
    const uint8_t *at = entry_at(log, entry, &size), *end = at + size;
    uint64_t key, value;

    while (varint(&at, end, &key)) {
        switch (key & 7) {
        case 0:
            if (!varint(&at, end, &value)) {
                return UINT64_MAX;
            }
            if (key >> 3 == 2) {
                return value;
            }
            value = 0;
            break;
        case 1:
            value = 8;
            break;
        case 2:
            if (!varint(&at, end, &value)) {
                return UINT64_MAX;
            }
            break;
        case 5:
            value = 4;
            break;
        default:
            return UINT64_MAX;
        }
        if (value > (uint64_t)(end - at)) {
            return UINT64_MAX;
        }
        at += value;
    }
    return UINT64_MAX;
}

/* -- Chunks in a row ------------------------------------------------------- */

static void add_place(struct plog_reader *log, const struct place *place)
{
    log->places = panda_must(
        realloc(log->places, (log->n_places + 1) * sizeof(log->places[0])));
    log->places[log->n_places++] = *place;
}

/* What the directory says of the chunk in memory. */
static bool fits_directory(struct plog_reader *log, size_t chunk)
{
    uint64_t behind = chunk + 1 < log->n_places ? log->places[chunk + 1].at
                                                : log->end;

    return (log->behind == behind &&
            log->n_entries == log->places[chunk].n_entries) ||
           failed(log, panda_message("%s is damaged: its directory does not "
                                     "fit the chunk at %" PRIu64,
                                     log->path, log->places[chunk].at));
}

static void learn_next(struct plog_reader *log, size_t chunk)
{
    struct place *place = &log->places[chunk];
    const struct place next = {.at = log->behind};

    for (size_t i = 0; i < log->n_entries && chunk && !place->first; i++) {
        uint64_t count = count_of(log, i);

        place->first = count == UINT64_MAX ? 0 : count;
    }
    if (log->behind < log->end) {
        add_place(log, &next);
    } else {
        log->walked = true;
    }
}

static bool load(struct plog_reader *log, size_t chunk)
{
    uint64_t at = log->places[chunk].at;
    z_stream z = {0};
    bool good;

    if (log->chunk == chunk) {
        return true;
    }
    panda_assert(inflateInit(&z) == Z_OK);
    good = inflate_chunk(log, &z, at);
    inflateEnd(&z);
    log->chunk = log->n_places;
    if (!good || !index_entries(log, at) ||
        (log->whole && !fits_directory(log, chunk))) {
        return false;
    }
    log->chunk = chunk;
    if (!log->walked && chunk + 1 == log->n_places) {
        learn_next(log, chunk);
    }
    return true;
}

/* Finds all chunks; an unsound one is where they end. */
static void walk(struct plog_reader *log)
{
    while (!log->walked) {
        if (!load(log, log->n_places - 1)) {
            log->n_places--;
            log->walked = true;
        }
    }
}

/* -- Reading --------------------------------------------------------------- */

/* Behind the last entry of a chunk. */
static bool enter(struct plog_reader *log, size_t chunk)
{
    if (!load(log, chunk)) {
        return false;
    }
    log->entry = log->backwards ? log->n_entries : 0;
    return true;
}

static bool enter_next(struct plog_reader *log)
{
    if (log->backwards) {
        return log->chunk && enter(log, log->chunk - 1);
    }
    return log->chunk + 1 < log->n_places && enter(log, log->chunk + 1);
}

const uint8_t *plog_reader_next(struct plog_reader *log, size_t *size)
{
    if (log->chunk >= log->n_places) { /* it has failed, or is empty */
        return NULL;
    }
    while (log->backwards ? !log->entry : log->entry == log->n_entries) {
        if (!enter_next(log)) {
            return NULL;
        }
    }
    return entry_at(log, log->backwards ? --log->entry : log->entry++, size);
}

/* The last chunk that begins before the count, or with it. */
static size_t chunk_before(const struct plog_reader *log, uint64_t count,
                           bool with)
{
    size_t chunk = log->n_places - 1;

    while (chunk && (with ? log->places[chunk].first > count
                          : log->places[chunk].first >= count)) {
        chunk--;
    }
    return chunk;
}

void plog_reader_seek(struct plog_reader *log, uint64_t count)
{
    walk(log);
    if (!log->n_places ||
        !enter(log, chunk_before(log, count, log->backwards))) {
        return;
    }
    for (;;) {
        uint64_t here;

        if (log->backwards ? !log->entry : log->entry == log->n_entries) {
            if (!enter_next(log)) {
                return;
            }
            continue;
        }
        here = count_of(log, log->backwards ? log->entry - 1 : log->entry);
        if (here != UINT64_MAX &&
            (log->backwards ? here <= count : here >= count)) {
            return;
        }
        log->entry += log->backwards ? (size_t)-1 : 1;
    }
}

/* -- Open and close -------------------------------------------------------- */

static bool read_directory(struct plog_reader *log, uint64_t file_size)
{
    uint8_t row[PLOG_ROW_SIZE];
    uint64_t at = log->end, before = 0, rows;

    if (log->end < PLOG_HEAD_SIZE || log->end > file_size - 4 ||
        !file_read_at(log->fd, row, 4, at)) {
        return failed(log, panda_message("%s has no directory where its head "
                                         "says: it is damaged, or cut short",
                                         log->path));
    }
    rows = get32(row);
    at += 4;
    if (rows > (file_size - at) / PLOG_ROW_SIZE) {
        return failed(log, panda_message("%s is cut short: its directory has "
                                         "not all of %" PRIu64 " rows",
                                         log->path, rows));
    }
    for (uint64_t i = 0; i < rows; i++, at += sizeof(row)) {
        struct place place;

        if (!file_read_at(log->fd, row, sizeof(row), at)) {
            return failed(log, panda_message("%s cannot be read: %s", log->path,
                                             strerror(errno)));
        }
        place = (struct place){get64(row), get64(row + 8), get64(row + 16)};
        if (i ? place.at <= before : place.at != PLOG_HEAD_SIZE) {
            return failed(log, panda_message("%s is damaged: row %" PRIu64
                                             " of its directory",
                                             log->path, i));
        }
        before = place.at;
        add_place(log, &place);
    }
    if (before >= log->end || (!rows && log->end != PLOG_HEAD_SIZE)) {
        return failed(log, panda_message("%s is damaged: its directory names "
                                         "chunks beyond their end",
                                         log->path));
    }
    log->whole = log->walked = true;
    return true;
}

static bool read_head(struct plog_reader *log)
{
    const struct place first = {.at = PLOG_HEAD_SIZE};
    uint8_t head[PLOG_HEAD_SIZE];
    struct stat info;

    if (log->fd < 0 || fstat(log->fd, &info)) {
        return failed(log, panda_message("%s cannot be read: %s", log->path,
                                         strerror(errno)));
    }
    if (!S_ISREG(info.st_mode) || info.st_size < PLOG_HEAD_SIZE ||
        !file_read_at(log->fd, head, sizeof(head), 0)) {
        return failed(
            log, panda_message("%s is no pandalog: it has no head", log->path));
    }
    if (get32(head) != PLOG_VERSION) {
        return failed(log, panda_message("%s is no pandalog of version %u (it "
                                         "begins with %" PRIu32 ")",
                                         log->path, PLOG_VERSION, get32(head)));
    }
    log->end = get64(head + PLOG_DIR_POS);
    if (log->end) {
        return read_directory(log, (uint64_t)info.st_size);
    }
    log->end = (uint64_t)info.st_size;
    if (log->end > PLOG_HEAD_SIZE) {
        add_place(log, &first);
    } else {
        log->walked = true;
    }
    return true;
}

struct plog_reader *plog_reader_open(const char *path, bool backwards,
                                     char **message)
{
    struct plog_reader *log = panda_must(calloc(1, sizeof(*log)));

    log->path = panda_must(strdup(path));
    log->backwards = backwards;
    log->chunk = SIZE_MAX;
    log->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (!read_head(log)) {
        *message = log->failure;
        log->failure = NULL;
        plog_reader_close(log);
        return NULL;
    }
    if (backwards) {
        walk(log);
    }
    if (log->n_places) {
        enter(log, backwards ? log->n_places - 1 : 0);
    }
    return log;
}

const char *plog_reader_failure(const struct plog_reader *log)
{
    return log->failure;
}

bool plog_reader_is_whole(const struct plog_reader *log)
{
    return log->whole;
}

void plog_reader_close(struct plog_reader *log)
{
    if (log->fd >= 0) {
        close(log->fd);
    }
    free(log->entries);
    free(log->places);
    free(log->bytes);
    free(log->path);
    free(log->failure);
    free(log);
}
