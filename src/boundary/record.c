/*
 * Recording adds two things to a live run: the observer, which logs, and the
 * deadlines of sync entries. Neither can be seen by the guest.
 */
#include "boundary/record.h"

#include "base/error.h"
#include "boundary/hash.h"
#include "exec/machine.h"

#include <stdlib.h>

struct record {
    struct boundary boundary; /* first */
    struct live *live;
    struct log_writer *log;
    uint64_t next_sync;
};

static struct record *record_of(struct boundary *b)
{
    return (struct record *)b;
}

static void put(struct record *record, const struct inward_event *event)
{
    struct log_entry entry = {
        .count = record->boundary.machine->cpu->count, .event = *event};

    log_writer_put(record->log, LOG_INWARD, &entry);
}

static void observe(void *observer, const struct inward_event *event)
{
    put(observer, event);
}

static void sync_now(struct record *record)
{
    struct machine *m = record->boundary.machine;
    struct inward_event event = {.kind = INWARD_SYNC,
                                 .address = m->cpu->guest->get_pc(m->cpu),
                                 .value = hash_registers(m)};

    put(record, &event);
    record->next_sync = m->cpu->count + SYNC_STEPS;
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
    return live->ops->poll(live);
}

static uint64_t record_deadline(struct boundary *b)
{
    struct record *record = record_of(b);
    struct boundary *live = &record->live->boundary;
    uint64_t deadline = live->ops->deadline(live);

    return deadline < record->next_sync ? deadline : record->next_sync;
}

static enum poll_result record_slice_end(struct boundary *b)
{
    struct boundary *live = &record_of(b)->live->boundary;

    return live->ops->slice_end(live);
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
    .free = record_free,
};

struct boundary *record_begin(struct live *live, struct log_writer *log)
{
    struct record *record = calloc(1, sizeof(*record));

    if (!record) {
        panda_bug("out of memory");
    }
    record->boundary.ops = &record_ops;
    record->boundary.machine = live->boundary.machine;
    record->live = live;
    record->log = log;
    live->observe = observe;
    live->observer = record;
    live->boundary.machine->boundary = &record->boundary;
    sync_now(record);
    return &record->boundary;
}

void record_flush(struct boundary *b)
{
    log_writer_flush(record_of(b)->log);
}

const char *record_failure(struct boundary *b)
{
    return log_writer_failure(record_of(b)->log);
}

bool record_end(struct boundary *b, char **message)
{
    struct record *record = record_of(b);
    struct inward_event event = {.kind = INWARD_END,
                                 .value = hash_state(b->machine)};
    bool good;

    put(record, &event);
    good = log_writer_close(record->log, message);
    record->live->observe = NULL;
    b->machine->boundary = &record->live->boundary;
    free(record);
    return good;
}
