/*
 * Record and replay, end to end, on random programs of the made-up guest: a
 * device with a timer, an interrupt pin, a port and memory, and DMA. Every
 * recording replays to the recorded state, however units are cut; a bit
 * flipped in a register, in RAM or in a logged value is always noticed.
 */
#include "boundary/hash.h"
#include "boundary/record.h"
#include "boundary/replay.h"
#include "device/device.h"
#include "exec/machine.h"
#include "exec/unit_cache.h"
#include "toy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS 30000u

static int passed, failed;
static char path[64];

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

/* -- A device -------------------------------------------------------------- */

struct gadget {
    struct live *live;
    struct timer timer;
    uint64_t state;
    bool raised;
};

static void gadget_tick(void *opaque)
{
    struct gadget *gadget = opaque;

    gadget->state = mix(gadget->state + clock_now(gadget->live->clock));
    gadget->raised = true;
    timer_arm(&gadget->timer, clock_now(gadget->live->clock) + 1 +
                                  gadget->state % 300);
}

static uint64_t gadget_read(void *opaque, uint64_t address, unsigned size)
{
    struct gadget *gadget = opaque;

    gadget->state = mix(gadget->state ^ address ^ size);
    return gadget->state + clock_now(gadget->live->clock);
}

/* A write is answered by DMA of a few bytes somewhere. */
static void gadget_write(void *opaque, uint64_t address, uint64_t value,
                         unsigned size)
{
    struct gadget *gadget = opaque;
    uint64_t bytes[3] = {mix(value), mix(value + size), address};
    struct inward_event event = {.kind = INWARD_WRITE, .bytes = bytes};

    gadget->state = mix(gadget->state ^ value);
    event.size = 1 + gadget->state % sizeof(bytes);
    event.address = mix(gadget->state) % (RAM_SIZE - sizeof(bytes));
    live_post(gadget->live, &event);
}

static bool gadget_raised(void *opaque)
{
    return ((struct gadget *)opaque)->raised;
}

static unsigned gadget_acknowledge(void *opaque)
{
    struct gadget *gadget = opaque;

    gadget->raised = false;
    return gadget->state % 256;
}

static const struct io_handlers gadget_handlers = {gadget_read, gadget_write,
                                                   8};

static void attach(struct gadget *gadget, struct machine *m)
{
    memset(gadget, 0, sizeof(*gadget));
    gadget->live = live_new(m);
    gadget->timer = (struct timer){.expired = gadget_tick, .opaque = gadget};
    clock_add_timer(gadget->live->clock, &gadget->timer);
    timer_arm(&gadget->timer, 40);
    io_map_add(gadget->live->io, IO_PORT, 0, 256, &gadget_handlers, gadget);
    io_map_add(gadget->live->io, IO_MEMORY, RAM_SIZE, RAM_SIZE,
               &gadget_handlers, gadget);
    gadget->live->pin = (struct interrupt_pin){gadget_raised,
                                               gadget_acknowledge, gadget};
    m->boundary = &gadget->live->boundary;
}

/* -- Runs ------------------------------------------------------------------ */

static const struct log_identity identity = {1, "toy"};

static uint64_t live_hash(uint64_t seed, unsigned unit_insns)
{
    struct machine *m = toy_machine(seed);
    struct gadget gadget;
    uint64_t hash;

    attach(&gadget, m);
    m->unit_insns = unit_insns;
    machine_run(m, STEPS);
    hash = hash_state(m);
    live_free(gadget.live);
    machine_free(m);
    return hash;
}

static uint64_t record(uint64_t seed)
{
    struct machine *m = toy_machine(seed);
    struct gadget gadget;
    struct log_writer *log;
    char *message = NULL;
    uint64_t hash = 0;

    attach(&gadget, m);
    log = log_writer_open(path, true, &identity, &message);
    if (log) {
        struct boundary *record = record_begin(gadget.live, log);

        machine_run(m, STEPS);
        hash = hash_state(m);
        if (!record_end(record, &message)) {
            hash = 0;
        }
    }
    free(message);
    live_free(gadget.live);
    machine_free(m);
    return hash;
}

struct fault { /* what to spoil, at which count */
    enum { NOTHING, REGISTER, MEMORY } where;
    uint64_t count;
    unsigned bit;
};

static enum replay_state replay(uint64_t seed, unsigned unit_insns,
                                const struct fault *fault, uint64_t *hash)
{
    struct machine *m = toy_machine(seed);
    char *message = NULL;
    struct log_reader *log = log_reader_open(path, &message);
    struct boundary *replay;
    enum replay_state state;
    uint64_t recorded;

    if (!log) {
        free(message);
        machine_free(m);
        return REPLAY_TORN;
    }
    replay = replay_begin(m, log);
    m->unit_insns = unit_insns;
    if (fault->where) {
        machine_run(m, fault->count);
        if (fault->where == REGISTER) {
            toy_of(m->cpu)->r[fault->bit / 64 % 8] ^= 1ull << fault->bit % 64;
        } else {
            mem_block_at(m->memory, 0)->host[fault->bit / 8 % RAM_SIZE] ^=
                1u << fault->bit % 8;
        }
    }
    machine_run(m, UINT64_MAX);
    state = replay_state(replay);
    replay_hashes(replay, &recorded, hash);
    if (state == REPLAY_DIVERGED && !fault->where) {
        printf("  %s\n", replay_message(replay));
    }
    replay->ops->free(replay);
    machine_free(m);
    return state;
}

/* -- Tests ----------------------------------------------------------------- */

static void test_same(void)
{
    static const unsigned lengths[] = {64, 7, 1};
    const struct fault none = {NOTHING, 0, 0};
    bool live = true, recorded = true, replayed = true;

    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t hash = live_hash(seed, 64), own;

        live = live && hash == live_hash(seed, 7) &&
               hash == live_hash(seed, 1);
        recorded = recorded && hash == record(seed);
        for (unsigned i = 0; i < 3; i++) {
            replayed = replayed && replay(seed, lengths[i], &none, &own) ==
                                       REPLAY_IDENTICAL &&
                       own == hash;
        }
    }
    expect(live, "10 live runs, each the same at 64, 7 and 1 a unit");
    expect(recorded, "recording changes nothing");
    expect(replayed, "30 replays, 30 identical");
}

static void test_faults(void)
{
    unsigned noticed = 0, n = 0;

    for (uint64_t seed = 1; seed <= 4; seed++) {
        record(seed);
        for (unsigned i = 0; i < 25; i++, n++) {
            uint64_t dice = mix(seed * 100 + i), own;
            struct fault fault = {i % 2 ? REGISTER : MEMORY, 1 + dice % 25000,
                                  (unsigned)(dice >> 32)};
            enum replay_state state = replay(seed, 64, &fault, &own);

            /* A value that is overwritten unread leaves the same run. */
            noticed +=
                state == REPLAY_DIVERGED ||
                (state == REPLAY_IDENTICAL && own == live_hash(seed, 64));
        }
    }
    expect(noticed == n, "100 flipped bits: noticed, or without any effect");
}

/* Rewrites the log with one value changed. */
static bool spoil_entry(unsigned which)
{
    char *message = NULL, other[80];
    struct log_reader *from = log_reader_open(path, &message);
    struct log_writer *to;
    struct log_entry entry;
    unsigned n = 0;

    snprintf(other, sizeof(other), "%s.spoilt", path);
    to = log_writer_open(other, true, &identity, &message);
    while (log_reader_next(from, LOG_INWARD, &entry) == LOG_READ_ENTRY) {
        if (n++ == which) {
            entry.event.value ^= 1;
        }
        log_writer_put(to, LOG_INWARD, &entry);
    }
    log_reader_close(from);
    log_writer_close(to, &message);
    rename(other, path);
    return n > which;
}

static void test_spoilt_log(void)
{
    const struct fault none = {NOTHING, 0, 0};
    bool good = true;

    for (unsigned i = 0; i < 40; i++) {
        uint64_t right = record(3), own;
        enum replay_state state;

        if (!spoil_entry((unsigned)(mix(i) % 400))) {
            continue;
        }
        state = replay(3, 64, &none, &own);
        good = good && (state == REPLAY_DIVERGED || own == right);
    }
    expect(good, "40 logged values changed: noticed, or without any effect");
}

int main(void)
{
    snprintf(path, sizeof(path), "/tmp/replay-test-%d", (int)getpid());
    test_same();
    test_faults();
    test_spoilt_log();
    unlink(path);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
