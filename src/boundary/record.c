/*
 * Recording adds two things to a live run: the observers, which log, and the
 * deadlines of checks. Neither can be seen by the guest: host time decides
 * where checks stand, and nothing else.
 */
#include "boundary/record.h"

#include "base/error.h"
#include "boundary/hash.h"
#include "boundary/notes.h"
#include "exec/machine.h"

#include <stdlib.h>
#include <time.h>

struct record {
    struct boundary boundary; /* first */
    struct live *live;
    struct log_writer *log;
    struct page_hashes *hashes;
    struct record_snapshot snapshot; /* all NULL: it is written already */
    struct record_pace pace;
    uint64_t inward;    /* hash of what came in */
    uint64_t n_entries; /* of the first stream */
    uint64_t next_sync, next_hash;
    uint64_t first_count;
    uint64_t began, synced, flushed, hashed; /* host time, ms */
};

static struct record *record_of(struct boundary *b)
{
    return (struct record *)b;
}

static uint64_t host_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* -- Entries --------------------------------------------------------------- */

static void put(struct record *record, enum log_stream stream,
                const struct inward_event *event)
{
    struct log_entry entry = {.count = record->boundary.machine->cpu->count,
                              .event = *event};

    log_writer_put(record->log, stream, &entry);
}

static void observe(void *observer, const struct inward_event *event)
{
    struct record *record = observer;

    record->inward = hash_inward(record->inward,
                                 record->boundary.machine->cpu->count, event);
    put(record, LOG_INWARD, event);
    record->n_entries++;
}

static void observe_outside(void *observer, const struct inward_event *event)
{
    struct record *record = observer;
    struct inward_event numbered = *event;

    numbered.address = record->n_entries;
    put(record, LOG_OUTSIDE, &numbered);
}

static void observe_transfer(void *observer, const struct transfer *transfer,
                             bool within)
{
    struct inward_event event = note_encode(transfer, within);

    observe_outside(observer, &event);
    free((void *)(uintptr_t)event.bytes);
}

static void put_check(struct record *record, const struct inward_event *event)
{
    put(record, LOG_INWARD, event);
    record->n_entries++;
}

/*
 * The hash is over the registers and all that came in: a value that was
 * logged wrongly is noticed, even if the guest makes nothing of it.
 */
static void sync_now(struct record *record)
{
    struct machine *m = record->boundary.machine;
    struct inward_event event = {.kind = INWARD_SYNC,
                                 .address = m->cpu->guest->get_pc(m->cpu),
                                 .value = hash_registers(m) ^ record->inward};

    put_check(record, &event);
    record->next_sync = m->cpu->count + record->pace.sync_steps;
    record->synced = host_ms();
}

static void hash_now(struct record *record)
{
    struct machine *m = record->boundary.machine;
    struct inward_event event = {.kind = INWARD_HASH,
                                 .value = page_hashes_state(record->hashes)};

    put_check(record, &event);
    record->next_hash = record->pace.hash_steps
                            ? m->cpu->count + record->pace.hash_steps
                            : UINT64_MAX;
    record->hashed = host_ms();
}

/* Between slices the guest stands at the end of a unit anyway: a sync that is
 * due soon is cheaper there than as a deadline, for the replay, too. */
static bool sync_is_near(const struct record *record)
{
    uint64_t left = record->next_sync - record->boundary.machine->cpu->count;

    return left <= record->pace.sync_steps / 4;
}

/* What host time asks for. The guest stands between two steps; in a halt
 * that may last, this is called, too. */
static void keep_pace(void *observer)
{
    struct record *record = observer;
    uint64_t now = host_ms();

    if (now - record->hashed >= record->pace.hash) {
        hash_now(record);
    }
    if (now - record->flushed >= record->pace.flush) {
        record_flush(&record->boundary);
    } else if (now - record->synced >= record->pace.sync ||
               sync_is_near(record)) {
        sync_now(record);
    }
}

/* -- The boundary ---------------------------------------------------------- */

static uint64_t record_read(struct boundary *b, enum io_kind kind,
                            uint64_t address, unsigned size)
{
    struct boundary *live = &record_of(b)->live->boundary;

    return live->ops->read(live, kind, address, size);
}

static void record_write(struct boundary *b, enum io_kind kind,
                         uint64_t address, uint64_t value, unsigned size)
{
    struct boundary *live = &record_of(b)->live->boundary;

    live->ops->write(live, kind, address, value, size);
}

static enum poll_result record_poll(struct boundary *b)
{
    struct record *record = record_of(b);
    struct boundary *live = &record->live->boundary;

    if (b->machine->cpu->count >= record->next_sync) {
        sync_now(record);
    }
    if (b->machine->cpu->count >= record->next_hash) {
        hash_now(record);
    }
    return live->ops->poll(live);
}

static uint64_t record_deadline(struct boundary *b)
{
    struct record *record = record_of(b);
    struct boundary *live = &record->live->boundary;
    uint64_t deadline = live->ops->deadline(live);

    deadline = deadline < record->next_sync ? deadline : record->next_sync;
    return deadline < record->next_hash ? deadline : record->next_hash;
}

static enum poll_result record_slice_end(struct boundary *b)
{
    struct boundary *live = &record_of(b)->live->boundary;

    keep_pace(record_of(b));
    return live->ops->slice_end(live);
}

static void record_poke(struct boundary *b, const struct inward_event *event)
{
    struct boundary *live = &record_of(b)->live->boundary;

    live->ops->poke(live, event);
}

static uint64_t record_steer(struct boundary *b, enum steer_what what,
                             uint64_t plain, uint64_t wanted)
{
    struct boundary *live = &record_of(b)->live->boundary;

    return live->ops->steer(live, what, plain, wanted);
}

static void record_free(struct boundary *b)
{
    char *message;

    if (!record_end(b, &message)) {
        panda_warn("%s", message);
        free(message);
    }
}

static const struct boundary_ops record_ops = {
    .name = "record",
    .read = record_read,
    .write = record_write,
    .poll = record_poll,
    .deadline = record_deadline,
    .slice_end = record_slice_end,
    .poke = record_poke,
    .steer = record_steer,
    .free = record_free,
};

struct boundary *record_begin(struct live *live, struct log_writer *log,
                              struct page_hashes *hashes)
{
    struct record *record = calloc(1, sizeof(*record));

    if (!record) {
        panda_bug("out of memory");
    }
    record->boundary.ops = &record_ops;
    record->boundary.machine = live->boundary.machine;
    record->live = live;
    record->log = log;
    record->hashes = hashes;
    if (!hashes) {
        record->hashes = page_hashes_new(live->boundary.machine);
        page_hashes_take(record->hashes);
    }
    page_hashes_begin(record->hashes);
    record->first_count = live->boundary.machine->cpu->count;
    record->began = record->flushed = record->hashed = host_ms();
    live->observe = observe;
    live->observe_outside = observe_outside;
    live->observe_transfer = observe_transfer;
    live->skipped = keep_pace;
    live->observer = record;
    live->boundary.machine->boundary = &record->boundary;
    record_set_pace(&record->boundary, &RECORD_PACE);
    sync_now(record);
    return &record->boundary;
}

void record_set_pace(struct boundary *b, const struct record_pace *pace)
{
    struct record *record = record_of(b);
    uint64_t count = b->machine->cpu->count;

    panda_assert(pace->sync_steps && pace->sync_steps <= SYNC_STEPS);
    record->pace = *pace;
    record->next_sync = count + pace->sync_steps;
    record->next_hash = pace->hash_steps ? count + pace->hash_steps
                                         : UINT64_MAX;
}

void record_set_snapshot(struct boundary *b,
                         const struct record_snapshot *snapshot)
{
    record_of(b)->snapshot = *snapshot;
}

void record_flush(struct boundary *b)
{
    sync_now(record_of(b));
    log_writer_flush(record_of(b)->log);
    record_of(b)->flushed = host_ms();
}

void record_info(struct boundary *b, struct record_info *info)
{
    struct record *record = record_of(b);
    const struct record_snapshot *snapshot = &record->snapshot;
    const char *failure = snapshot->failure
                              ? snapshot->failure(snapshot->opaque)
                              : NULL;

    *info = (struct record_info){
        .first_count = record->first_count,
        .bytes = log_writer_bytes(record->log),
        .chunks = log_writer_chunks(record->log),
        .seconds = (double)(host_ms() - record->began) / 1e3,
        .failure = failure ? failure : log_writer_failure(record->log)};
}

/* Of a recording whose log was closed, with or without success. */
static bool end_snapshot(struct record *record, bool good, char **message)
{
    const struct record_snapshot *snapshot = &record->snapshot;
    char *failure = snapshot->end ? snapshot->end(snapshot->opaque) : NULL;

    if (!failure) {
        return good;
    }
    if (!good) { /* without a snapshot the log is no matter */
        free(*message);
    }
    *message = failure;
    return false;
}

bool record_end(struct boundary *b, char **message)
{
    struct record *record = record_of(b);
    struct inward_event event = {.kind = INWARD_END,
                                 .address = live_hash_devices(record->live),
                                 .value = hash_state(b->machine)};
    bool good;

    sync_now(record);
    put_check(record, &event);
    good = log_writer_close(record->log, message);
    good = end_snapshot(record, good, message);
    record->live->observe = NULL;
    record->live->observe_outside = NULL;
    record->live->observe_transfer = NULL;
    record->live->skipped = NULL;
    b->machine->boundary = &record->live->boundary;
    page_hashes_free(record->hashes);
    free(record);
    return good;
}
