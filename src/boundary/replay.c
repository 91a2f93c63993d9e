/*
 * The log's next entry decides how far the CPU runs. Entries are applied
 * where their count is reached; a read is answered inside its instruction.
 * An entry that does not fit is a divergence, which ends the run with the
 * interval since the last place that fitted.
 */
#include "boundary/replay_parts.h"

#include "base/error.h"
#include "boundary/hash.h"
#include "boundary/record.h"
#include "exec/machine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void finish(struct replay *replay, enum replay_state state)
{
    replay->state = state;
    machine_stop(replay->boundary.machine,
                 replay->message ? replay->message : "the recording ends");
}

void replay_diverge(struct replay *replay, const char *format, ...)
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
        replay->info.last_good, m->cpu->count, m->cpu->guest->get_pc(m->cpu),
        what);
    finish(replay, REPLAY_DIVERGED);
}

/* -- The log --------------------------------------------------------------- */

static void torn(struct replay *replay, const char *why)
{
    replay->message = panda_message("%s", why);
    finish(replay, REPLAY_TORN);
}

static bool carries_value(const struct inward_event *event)
{
    return event->kind == INWARD_READ || event->kind == INWARD_SKIP ||
           event->kind == INWARD_DELIVER;
}

/* See replay_flip_value(). */
static void flip(struct replay *replay)
{
    struct inward_event *event = &replay->next.event;
    unsigned bits = event->kind == INWARD_READ ? 8 * (unsigned)event->size : 8;

    if (replay->next.count >= replay->flip_count && carries_value(event)) {
        event->value ^= 1ull << replay->flip_bit % bits;
        replay->flip_count = UINT64_MAX;
        replay->flipped = true;
        panda_warn("bit %u of the value of a %s flipped at count %" PRIu64,
                   replay->flip_bit % bits, log_entry_name(event->kind),
                   replay->next.count);
    }
}

void replay_advance(struct replay *replay)
{
    const struct log_entry *next = &replay->next;

    switch (log_reader_next(replay->log, LOG_INWARD, &replay->next)) {
    case LOG_READ_ENTRY:
        break;
    case LOG_READ_END: /* without an END entry */
    case LOG_READ_TORN:
        torn(replay, log_reader_problem(replay->log)
                         ? log_reader_problem(replay->log)
                         : "the log has no end entry");
        return;
    }
    /* So that a forged log cannot let the guest run for ever. */
    if (next->count - replay->last_sync > SYNC_STEPS) {
        torn(replay, "the log has no sync entry where one is due");
    }
    if (next->event.kind == INWARD_SYNC) {
        replay->last_sync = next->count;
    }
    if (replay->flip_count != UINT64_MAX) {
        flip(replay);
    }
}

static void check_fitted(struct replay *replay)
{
    replay->info.last_good = replay->boundary.machine->cpu->count;
    replay->info.n_checks++;
}

static void check_sync(struct replay *replay)
{
    struct machine *m = replay->boundary.machine;
    const struct inward_event *event = &replay->next.event;
    uint64_t pc = m->cpu->guest->get_pc(m->cpu);

    if (pc != event->address) {
        replay_diverge(replay, "the recording was at pc 0x%" PRIx64,
                       event->address);
    } else if ((hash_registers(m) ^ replay->inward) != event->value) {
        replay_diverge(replay, "the registers, or what came in, differ");
    } else {
        check_fitted(replay);
    }
}

static void check_hash(struct replay *replay)
{
    if (page_hashes_state(replay->hashes) != replay->next.event.value) {
        replay_diverge(replay, "the memory differs");
    } else {
        check_fitted(replay);
    }
}

static void check_end(struct replay *replay)
{
    replay->recorded_hash = replay->next.event.value;
    replay->own_hash = hash_state(replay->boundary.machine);
    if (replay->own_hash != replay->recorded_hash) {
        replay_diverge(replay, "the final state differs");
        return;
    }
    check_fitted(replay);
    switch (log_reader_next(replay->log, LOG_INWARD, &replay->next)) {
    case LOG_READ_END:
        finish(replay, REPLAY_IDENTICAL);
        break;
    case LOG_READ_ENTRY:
        torn(replay, "the log goes on behind its end entry");
        break;
    case LOG_READ_TORN:
        torn(replay, log_reader_problem(replay->log));
        break;
    }
}

void replay_came_in(struct replay *replay)
{
    replay->info.n_entries++;
    replay->inward = hash_inward(replay->inward, replay->next.count,
                                 &replay->next.event);
}

bool replay_is_check(const struct replay *replay)
{
    enum inward kind = replay->next.event.kind;

    return kind == INWARD_SYNC || kind == INWARD_HASH || kind == INWARD_END;
}

void replay_check(struct replay *replay)
{
    replay->info.n_entries++;
    if (replay->left) {
        if (replay->next.event.kind == INWARD_END) {
            finish(replay, REPLAY_LEFT);
        } else {
            replay_advance(replay);
        }
        return;
    }
    switch (replay->next.event.kind) {
    case INWARD_SYNC:
        check_sync(replay);
        break;
    case INWARD_HASH:
        check_hash(replay);
        break;
    default:
        check_end(replay);
        break;
    }
    if (replay->state == REPLAY_RUNNING) {
        replay_advance(replay);
    }
}

/* Applies the next entry, whose count is reached. A delivery that faults
 * does not return: so the one after it is read before. */
static void apply(struct replay *replay)
{
    struct log_entry entry = replay->next;
    bool deliver = entry.event.kind == INWARD_DELIVER;
    char *message;

    if (replay_is_check(replay)) {
        replay_check(replay);
        return;
    }
    if (replay_is_poke(replay)) {
        replay_poke(replay);
        return;
    }
    replay_came_in(replay);
    if (deliver) {
        replay_advance(replay);
    }
    if (!inward_apply(replay->boundary.machine, &entry.event, &message)) {
        replay_diverge(replay, "the recording has %s", message);
        free(message);
    } else if (!deliver) {
        replay_advance(replay);
    }
}

/* -- The boundary ---------------------------------------------------------- */

static enum poll_result replay_poll(struct boundary *b)
{
    struct replay *replay = replay_of(b);
    struct cpu *cpu = b->machine->cpu;

    replay_notes_raise(replay, false);
    while (replay->state == REPLAY_RUNNING &&
           replay->next.count == cpu->count && !replay_is_held(replay)) {
        apply(replay);
        replay_notes_raise(replay, false);
    }
    if (replay->state == REPLAY_RUNNING && replay->next.count < cpu->count) {
        replay_diverge(replay, "the recording has a %s at count %" PRIu64,
                       log_entry_name(replay->next.event.kind),
                       replay->next.count);
    }
    if (replay->state == REPLAY_RUNNING && cpu->halted) {
        replay_diverge(replay,
                       "the CPU has halted here, and the recording "
                       "goes on with a %s at count %" PRIu64,
                       log_entry_name(replay->next.event.kind),
                       replay->next.count);
    }
    return replay->state == REPLAY_RUNNING ? POLL_RUN : POLL_STOP;
}

static uint64_t replay_deadline(struct boundary *b)
{
    uint64_t due = replay_due(replay_of(b));
    uint64_t notes = replay_notes_deadline(replay_of(b));

    return due < notes ? due : notes;
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
        replay_diverge(replay,
                       "a read of %u bytes of %s 0x%" PRIx64
                       ", where the recording has a %s of %zu at count "
                       "%" PRIu64,
                       size, kind == BOUNDARY_PORT ? "port" : "address",
                       address, log_entry_name(next->event.kind),
                       next->event.size, next->count);
        return 0;
    }
    replay_notes_raise(replay, true);
    value = next->event.value;
    replay_came_in(replay);
    replay_advance(replay);
    replay_take_steer(replay, STEER_UNASSIGNED_READ, &value);
    return value;
}

static void replay_write(struct boundary *b, enum io_kind kind,
                         uint64_t address, uint64_t value, unsigned size)
{
    (void)kind, (void)address, (void)value, (void)size;
    replay_notes_raise(replay_of(b), true);
}

enum poll_result replay_slice_end(struct boundary *b)
{
    struct replay *replay = replay_of(b);

    if (replay->state != REPLAY_RUNNING) {
        return POLL_STOP;
    }
    return replay->slice ? replay->slice(replay->opaque) : POLL_RUN;
}

void replay_release(struct replay *replay)
{
    log_reader_close(replay->log);
    page_hashes_free(replay->hashes);
    free(replay->message);
    free(replay);
}

static void replay_free(struct boundary *b)
{
    replay_release(replay_of(b));
}

static const struct boundary_ops replay_ops = {
    .name = "replay",
    .read = replay_read,
    .write = replay_write,
    .poll = replay_poll,
    .deadline = replay_deadline,
    .slice_end = replay_slice_end,
    .steer = replay_steer,
    .leave = replay_leave,
    .free = replay_free,
};

void replay_init(struct replay *replay, const struct boundary_ops *ops,
                 struct machine *machine, struct log_reader *log,
                 struct page_hashes *hashes)
{
    replay->boundary.ops = ops;
    replay->boundary.machine = machine;
    replay->log = log;
    replay->hashes = hashes;
    if (!hashes) {
        replay->hashes = page_hashes_new(machine);
        page_hashes_take(replay->hashes);
    }
    page_hashes_begin(replay->hashes);
    replay->info.first_count = replay->info.last_good = machine->cpu->count;
    replay->info.last_count = log_reader_last_count(log, LOG_INWARD);
    replay->last_sync = machine->cpu->count;
    replay->flip_count = UINT64_MAX;
    machine->boundary = &replay->boundary;
    replay_advance(replay);
}

struct boundary *replay_begin(struct machine *machine, struct log_reader *log,
                              struct page_hashes *hashes)
{
    struct replay *replay = calloc(1, sizeof(*replay));

    if (!replay) {
        panda_bug("out of memory");
    }
    replay_init(replay, &replay_ops, machine, log, hashes);
    return &replay->boundary;
}

void replay_set_slice(struct boundary *b,
                      enum poll_result (*slice)(void *opaque), void *opaque)
{
    replay_of(b)->slice = slice;
    replay_of(b)->opaque = opaque;
}

void replay_info(const struct boundary *b, struct replay_info *info)
{
    *info = ((const struct replay *)b)->info;
}

void replay_flip_value(struct boundary *b, uint64_t count, unsigned bit)
{
    struct replay *replay = replay_of(b);

    replay->flip_count = count;
    replay->flip_bit = bit;
    flip(replay);
}

bool replay_has_flipped(const struct boundary *b)
{
    return ((const struct replay *)b)->flipped;
}

enum replay_state replay_state(const struct boundary *b)
{
    return ((const struct replay *)b)->state;
}

const char *replay_message(const struct boundary *b)
{
    return ((const struct replay *)b)->message;
}

void replay_hashes(const struct boundary *b, uint64_t *recorded, uint64_t *own)
{
    *recorded = ((const struct replay *)b)->recorded_hash;
    *own = ((const struct replay *)b)->own_hash;
}

void replay_stuck(struct boundary *b, const char *reason)
{
    replay_diverge(replay_of(b), "%s; the recorded machine went on", reason);
}
