/*
 * The log's first stream is what the devices must cause; its second one is
 * what they are given. An entry of the second stream knows how many entries
 * the first one had before it, so it comes in at exactly its place.
 */
#include "boundary/drive.h"

#include "base/error.h"
#include "boundary/hash.h"
#include "boundary/notes.h"
#include "boundary/replay_parts.h"
#include "exec/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct drive {
    struct replay replay; /* first */
    struct live *live;
    struct log_entry outside; /* not yet given */
    bool outside_ended;
    uint64_t end_devices; /* their hash, as recorded */
    uint64_t notes[2];    /* hashes: of the recording's, of the devices' own */
    uint64_t reset_count; /* of the last reset; UINT64_MAX: none */
    bool reading;         /* an access, for messages */
    enum io_kind space;
    uint64_t address;
};

static struct drive *drive_of(struct boundary *b)
{
    return (struct drive *)b;
}

/* -- From outside ---------------------------------------------------------- */

/* Devices tell of their transfers themselves; in the end these must be the
 * recorded ones. */
static bool hash_note(uint64_t *hash, const struct log_entry *note)
{
    struct inward_event event = note->event;

    event.address = 0;
    *hash = hash_inward(*hash, note->count, &event);
    return true;
}

static void advance_outside(struct drive *drive)
{
    do {
        drive->outside_ended = log_reader_next(drive->replay.log, LOG_OUTSIDE,
                                               &drive->outside) !=
                               LOG_READ_ENTRY;
    } while (!drive->outside_ended &&
             drive->outside.event.kind == INWARD_NOTE &&
             hash_note(&drive->notes[0], &drive->outside));
}

static bool outside_is_due(const struct drive *drive, enum inward kind)
{
    const struct log_entry *next = &drive->outside;

    return !drive->outside_ended && next->event.kind == kind &&
           next->count == drive->replay.boundary.machine->cpu->count &&
           next->event.address == drive->replay.info.n_entries;
}

static void give_inputs(struct drive *drive)
{
    while (outside_is_due(drive, INWARD_INPUT)) {
        const struct inward_event *event = &drive->outside.event;

        if (event->what >= drive->live->n_inputs) {
            replay_diverge(&drive->replay,
                           "the recording has input %u, "
                           "which this machine lacks",
                           event->what);
            return;
        }
        live_input(drive->live, event->what, event->bytes, event->size);
        advance_outside(drive);
    }
}

/* Nobody waits in a replay. */
static uint64_t drive_sleep(void *opaque, uint64_t now, uint64_t ns)
{
    struct drive *drive = opaque;

    (void)now;
    if (outside_is_due(drive, INWARD_SLEPT)) {
        ns = drive->outside.event.value;
        advance_outside(drive);
    }
    return ns;
}

/* -- Inward, compared ------------------------------------------------------ */

/* What a reset loads again comes from files, not from the devices: it is
 * taken from the recording. */
static void load_again(struct drive *drive)
{
    struct replay *replay = &drive->replay;
    struct machine *m = replay->boundary.machine;
    char *message;

    while (replay->state == REPLAY_RUNNING &&
           m->cpu->count == drive->reset_count &&
           replay->next.count == m->cpu->count &&
           replay->next.event.kind == INWARD_WRITE) {
        if (!inward_apply(m, &replay->next.event, &message)) {
            replay_diverge(replay, "the recording has %s", message);
            free(message);
            return;
        }
        replay_came_in(replay);
        replay_advance(replay);
    }
}

/* Checks and inputs that are due, in the order in which they came. */
static void catch_up(struct drive *drive)
{
    struct replay *replay = &drive->replay;
    uint64_t count = replay->boundary.machine->cpu->count;

    load_again(drive);
    give_inputs(drive);
    while (replay->state == REPLAY_RUNNING && replay->next.count == count &&
           (replay_is_check(replay) ||
            (replay_is_poke(replay) && !replay_is_held(replay)))) {
        if (replay_is_poke(replay)) {
            replay_poke(replay);
            continue;
        }
        if (replay->next.event.kind == INWARD_END) {
            drive->end_devices = replay->next.event.address;
        }
        replay_check(replay);
        if (replay->state == REPLAY_RUNNING) {
            give_inputs(drive);
        }
    }
}

static bool same(const struct inward_event *a, const struct inward_event *b)
{
    size_t size = a->bytes ? a->size : 0;

    return a->kind == b->kind && a->what == b->what &&
           a->address == b->address && a->value == b->value &&
           a->size == b->size &&
           (!size || (b->bytes && !memcmp(a->bytes, b->bytes, size)));
}

static void differs(struct drive *drive, const struct inward_event *event)
{
    const struct log_entry *next = &drive->replay.next;
    char where[64] = "";

    if (drive->reading) {
        snprintf(where, sizeof(where), " of %s 0x%" PRIx64,
                 drive->space == BOUNDARY_PORT ? "port" : "address",
                 drive->address);
    }
    replay_diverge(&drive->replay,
                   "the devices cause %s%s (%u, 0x%" PRIx64 ", 0x%" PRIx64
                   "), the recording has %s (%u, 0x%" PRIx64 ", 0x%" PRIx64
                   ") at count %" PRIu64,
                   log_entry_name(event->kind), where, event->what,
                   event->address, event->value,
                   log_entry_name(next->event.kind), next->event.what,
                   next->event.address, next->event.value, next->count);
}

static void observe(void *observer, const struct inward_event *event)
{
    struct drive *drive = observer;
    struct replay *replay = &drive->replay;

    catch_up(drive);
    if (replay->state != REPLAY_RUNNING) {
        return;
    }
    if (replay->next.count != replay->boundary.machine->cpu->count ||
        !same(event, &replay->next.event)) {
        differs(drive, event);
        return;
    }
    if (event->kind == INWARD_RESET) {
        drive->reset_count = replay->next.count;
    }
    replay_came_in(replay);
    replay_advance(replay);
}

static void observe_transfer(void *observer, const struct transfer *transfer,
                             bool within)
{
    struct drive *drive = observer;
    struct machine *m = drive->replay.boundary.machine;
    struct log_entry note = {.count = m->cpu->count,
                             .event = note_encode(transfer, within)};

    hash_note(&drive->notes[1], &note);
    free((void *)(uintptr_t)note.event.bytes);
    if (m->watch && m->watch->wants.transfers) {
        m->watch->transfer(m->watch, transfer);
    }
}

/* In a halt, they stand where time has jumped. */
static void skipped(void *observer)
{
    catch_up(observer);
}

/* -- The boundary ---------------------------------------------------------- */

static uint64_t drive_read(struct boundary *b, enum io_kind kind,
                           uint64_t address, unsigned size)
{
    struct drive *drive = drive_of(b);
    struct boundary *live = &drive->live->boundary;
    uint64_t value;

    drive->reading = true;
    drive->space = kind;
    drive->address = address;
    value = live->ops->read(live, kind, address, size);
    drive->reading = false;
    replay_take_steer(&drive->replay, STEER_UNASSIGNED_READ, &value);
    return value;
}

static void drive_write(struct boundary *b, enum io_kind kind, uint64_t address,
                        uint64_t value, unsigned size)
{
    struct boundary *live = &drive_of(b)->live->boundary;

    live->ops->write(live, kind, address, value, size);
}

static enum poll_result drive_poll(struct boundary *b)
{
    struct drive *drive = drive_of(b);
    struct boundary *live = &drive->live->boundary;
    struct replay *replay = &drive->replay;

    catch_up(drive);
    if (replay->state == REPLAY_RUNNING &&
        replay->next.count < b->machine->cpu->count) {
        replay_diverge(replay,
                       "the devices do nothing where the recording "
                       "has %s at count %" PRIu64,
                       log_entry_name(replay->next.event.kind),
                       replay->next.count);
    }
    if (replay->state != REPLAY_RUNNING || live->ops->poll(live) == POLL_STOP) {
        return POLL_STOP;
    }
    load_again(drive);
    return replay->state == REPLAY_RUNNING ? POLL_RUN : POLL_STOP;
}

static uint64_t drive_deadline(struct boundary *b)
{
    struct drive *drive = drive_of(b);
    struct boundary *live = &drive->live->boundary;
    uint64_t deadline = live->ops->deadline(live);
    const struct replay *replay = &drive->replay;
    uint64_t next = replay->next.count;

    if (replay_is_poke(replay)) {
        next = replay_due(replay);
    } else {
        next += !replay_is_check(replay) && next != UINT64_MAX;
    }
    deadline = deadline < next ? deadline : next;
    return drive->outside_ended || drive->outside.count > deadline ||
                   drive->outside.count <= b->machine->cpu->count
               ? deadline
               : drive->outside.count;
}

static void drive_free(struct boundary *b)
{
    struct drive *drive = drive_of(b);

    drive->live->observe = NULL;
    drive->live->observe_transfer = NULL;
    drive->live->skipped = NULL;
    drive->live->sleep = NULL;
    b->machine->boundary = &drive->live->boundary;
    replay_release(&drive->replay);
}

static const struct boundary_ops drive_ops = {
    .name = "drive",
    .read = drive_read,
    .write = drive_write,
    .poll = drive_poll,
    .deadline = drive_deadline,
    .slice_end = replay_slice_end,
    .steer = replay_steer,
    .leave = replay_leave,
    .free = drive_free,
};

struct boundary *drive_begin(struct live *live, struct log_reader *log,
                             struct page_hashes *hashes)
{
    struct drive *drive = calloc(1, sizeof(*drive));

    if (!drive) {
        panda_bug("out of memory");
    }
    drive->live = live;
    live->observe = observe;
    live->observe_transfer = observe_transfer;
    live->observer = drive;
    live->skipped = skipped;
    live->sleep = drive_sleep;
    live->opaque = drive;
    drive->reset_count = UINT64_MAX;
    replay_init(&drive->replay, &drive_ops, live->boundary.machine, log,
                hashes);
    advance_outside(drive);
    return &drive->replay.boundary;
}

bool drive_is_complete(struct boundary *b)
{
    struct drive *drive = drive_of(b);

    return drive->outside_ended && drive->notes[0] == drive->notes[1] &&
           drive->end_devices == live_hash_devices(drive->live);
}
