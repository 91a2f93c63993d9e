/*
 * The log's next entry decides how far the CPU runs. Entries are applied
 * where their count is reached; a read is answered inside its instruction.
 * An entry that does not fit is a divergence, which ends the run with the
 * interval since the last place that fitted.
 */
#include "boundary/replay.h"

#include "base/error.h"
#include "boundary/hash.h"
#include "exec/machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct replay {
    struct boundary boundary; /* first */
    struct log_reader *log;
    struct log_entry next; /* not yet applied */
    enum replay_state state;
    uint64_t last_good; /* count of the last sync that fitted */
    uint64_t recorded_hash, own_hash;
    char *message;
};

static struct replay *replay_of(struct boundary *b)
{
    return (struct replay *)b;
}

static void finish(struct replay *replay, enum replay_state state)
{
    replay->state = state;
    machine_stop(replay->boundary.machine,
                 replay->message ? replay->message : "the recording ends");
}

static void __attribute__((format(printf, 2, 3)))
diverge(struct replay *replay, const char *format, ...)
{
    struct machine *m = replay->boundary.machine;
    char what[256];
    va_list args;

    if (replay->state != REPLAY_RUNNING) {
        return;
    }
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    replay->message = panda_message(
        "the replay differs from the recording between count %" PRIu64
        " and %" PRIu64 " (pc 0x%" PRIx64 "): %s",
        replay->last_good, m->cpu->count, m->cpu->guest->get_pc(m->cpu),
        what);
    finish(replay, REPLAY_DIVERGED);
}

/* -- The log --------------------------------------------------------------- */

static void advance(struct replay *replay)
{
    switch (log_reader_next(replay->log, LOG_INWARD, &replay->next)) {
    case LOG_READ_ENTRY:
        break;
    case LOG_READ_END: /* without an END entry */
    case LOG_READ_TORN:
        replay->message = panda_message(
            "%s", log_reader_problem(replay->log)
                      ? log_reader_problem(replay->log)
                      : "the log has no end entry");
        finish(replay, REPLAY_TORN);
    }
}

static void check_sync(struct replay *replay)
{
    struct machine *m = replay->boundary.machine;
    const struct inward_event *event = &replay->next.event;
    uint64_t pc = m->cpu->guest->get_pc(m->cpu);

    if (pc != event->address) {
        diverge(replay, "the recording was at pc 0x%" PRIx64, event->address);
    } else if (hash_registers(m) != event->value) {
        diverge(replay, "the registers differ");
    } else {
        replay->last_good = m->cpu->count;
    }
}

static void check_end(struct replay *replay)
{
    replay->recorded_hash = replay->next.event.value;
    replay->own_hash = hash_state(replay->boundary.machine);
    if (replay->own_hash != replay->recorded_hash) {
        diverge(replay, "the final state differs");
    } else {
        finish(replay, REPLAY_IDENTICAL);
    }
}

/* Applies the next entry, whose count is reached. */
static void apply(struct replay *replay)
{
    struct log_entry entry = replay->next;
    char *message;

    if (entry.event.kind == INWARD_SYNC) {
        check_sync(replay);
    } else if (entry.event.kind == INWARD_END) {
        check_end(replay);
        return;
    }
    if (entry.event.kind == INWARD_DELIVER) {
        advance(replay); /* before: a delivery that faults does not return */
    }
    if (!inward_apply(replay->boundary.machine, &entry.event, &message)) {
        diverge(replay, "the recording has %s", message);
        free(message);
    }
    if (replay->state == REPLAY_RUNNING &&
        entry.event.kind != INWARD_DELIVER) {
        advance(replay);
    }
}

/* -- The boundary ---------------------------------------------------------- */

static enum poll_result replay_poll(struct boundary *b)
{
    struct replay *replay = replay_of(b);
    struct cpu *cpu = b->machine->cpu;

    while (replay->state == REPLAY_RUNNING &&
           replay->next.count == cpu->count &&
           replay->next.event.kind != INWARD_READ) {
        apply(replay);
    }
    if (replay->state == REPLAY_RUNNING && replay->next.count < cpu->count) {
        diverge(replay, "the recording has a %s at count %" PRIu64,
                log_entry_name(replay->next.event.kind), replay->next.count);
    }
    if (replay->state == REPLAY_RUNNING && cpu->halted) {
        diverge(replay, "the CPU has halted here, and the recording goes on "
                        "with a %s at count %" PRIu64,
                log_entry_name(replay->next.event.kind), replay->next.count);
    }
    return replay->state == REPLAY_RUNNING ? POLL_RUN : POLL_STOP;
}

/* A read is taken in its instruction; behind that it would be overdue. */
static uint64_t replay_deadline(struct boundary *b)
{
    const struct replay *replay = replay_of(b);

    return replay->next.count + (replay->next.event.kind == INWARD_READ);
}

static uint64_t replay_read(struct boundary *b, enum io_kind kind,
                            uint64_t address, unsigned size)
{
    struct replay *replay = replay_of(b);
    const struct log_entry *next = &replay->next;
    uint64_t value = 0;

    if (replay->state != REPLAY_RUNNING) {
        return 0;
    }
    if (next->event.kind != INWARD_READ ||
        next->count != b->machine->cpu->count || next->event.size != size) {
        diverge(replay, "a read of %u bytes of %s 0x%" PRIx64
                        ", where the recording has a %s of %zu at count "
                        "%" PRIu64, size,
                kind == BOUNDARY_PORT ? "port" : "address", address,
                log_entry_name(next->event.kind), next->event.size,
                next->count);
        return 0;
    }
    value = next->event.value;
    advance(replay);
    return value;
}

static void replay_write(struct boundary *b, enum io_kind kind,
                         uint64_t address, uint64_t value, unsigned size)
{
    (void)b, (void)kind, (void)address, (void)value, (void)size;
}

static enum poll_result replay_slice_end(struct boundary *b)
{
    return replay_of(b)->state == REPLAY_RUNNING ? POLL_RUN : POLL_STOP;
}

static void replay_free(struct boundary *b)
{
    struct replay *replay = replay_of(b);

    log_reader_close(replay->log);
    free(replay->message);
    free(replay);
}

static const struct boundary_ops replay_ops = {
    .name = "replay",
    .read = replay_read,
    .write = replay_write,
    .poll = replay_poll,
    .deadline = replay_deadline,
    .slice_end = replay_slice_end,
    .free = replay_free,
};

struct boundary *replay_begin(struct machine *machine, struct log_reader *log)
{
    struct replay *replay = calloc(1, sizeof(*replay));

    if (!replay) {
        panda_bug("out of memory");
    }
    replay->boundary.ops = &replay_ops;
    replay->boundary.machine = machine;
    replay->log = log;
    replay->last_good = machine->cpu->count;
    machine->boundary = &replay->boundary;
    advance(replay);
    return &replay->boundary;
}

enum replay_state replay_state(const struct boundary *b)
{
    return ((const struct replay *)b)->state;
}

const char *replay_message(const struct boundary *b)
{
    return ((const struct replay *)b)->message;
}

void replay_hashes(const struct boundary *b, uint64_t *recorded,
                   uint64_t *own)
{
    *recorded = ((const struct replay *)b)->recorded_hash;
    *own = ((const struct replay *)b)->own_hash;
}
