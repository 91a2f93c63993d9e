/*
 * Record and replay, end to end, on random programs of the made-up guest: a
 * device with a timer, an interrupt pin, a port and memory, and DMA. Every
 * recording replays to the recorded state, however units are cut; a bit
 * flipped in a register, in RAM or in a logged value is always noticed.
 */
#include "boundary/drive.h"
#include "boundary/hash.h"
#include "boundary/record.h"
#include "boundary/replay.h"
#include "exec/machine.h"
#include "exec/unit_cache.h"
#include "gadget.h"

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

/* -- Runs ------------------------------------------------------------------ */

static const struct log_identity identity = {1, "toy"};

static uint64_t live_hash(uint64_t seed, unsigned unit_insns)
{
    struct machine *m = toy_machine(seed);
    struct gadget gadget;
    uint64_t hash;

    gadget_attach(&gadget, m);
    m->unit_insns = unit_insns;
    machine_run(m, STEPS);
    hash = hash_state(m);
    live_free(gadget.live);
    machine_free(m);
    return hash;
}

/* The recorder's choices, which no guest can see. */
static const struct record_pace pace = {700, 4000, 1000, 1000, 100000};

/* Input comes at random counts, when there is to be any. */
static void run_with_input(struct live *live, uint64_t seed, bool input)
{
    struct machine *m = live->boundary.machine;
    uint64_t dice = seed;

    while (input && m->cpu->count < STEPS - 1000) {
        dice = mix(dice + 1);
        machine_run(m, m->cpu->count + dice % 900);
        for (unsigned i = dice >> 40 & 3; i-- > 0;) {
            live_input(live, 0, &dice, 1 + (dice >> 50) % sizeof(dice));
        }
    }
    machine_run(m, STEPS);
}

static uint64_t record(uint64_t seed, bool input)
{
    struct machine *m = toy_machine(seed);
    struct gadget gadget;
    struct log_writer *log;
    char *message = NULL;
    uint64_t hash = 0;

    gadget_attach(&gadget, m);
    log = log_writer_open(path, true, &identity, &message);
    if (log) {
        struct boundary *record = record_begin(gadget.live, log, NULL);

        record_set_pace(record, &pace);
        run_with_input(gadget.live, seed, input);
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
    replay = replay_begin(m, log, NULL);
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
    if (state == REPLAY_DIVERGED && !fault->where && fault->bit) {
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
    const struct fault none = {NOTHING, 0, 1};
    bool live = true, recorded = true, replayed = true;

    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t hash = live_hash(seed, 64), own;

        live = live && hash == live_hash(seed, 7) && hash == live_hash(seed, 1);
        recorded = recorded && hash == record(seed, false);
        for (unsigned i = 0; i < 3; i++) {
            replayed = replayed &&
                       replay(seed, lengths[i], &none, &own) ==
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
        record(seed, false);
        for (unsigned i = 0; i < 25; i++, n++) {
            uint64_t dice = mix(seed * 100 + i), own;
            struct fault fault = {i % 2 ? REGISTER : MEMORY, 1 + dice % 25000,
                                  (unsigned)(dice >> 32)};
            enum replay_state state = replay(seed, 64, &fault, &own);

            /* A value that is overwritten unread leaves the same run. */
            noticed += state == REPLAY_DIVERGED || (state == REPLAY_IDENTICAL &&
                                                    own == live_hash(seed, 64));
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
        if (entry.event.kind != INWARD_WRITE && n++ == which) {
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
    const struct fault none = {NOTHING, 0, 0}; /* and no message */
    unsigned spoilt = 0, noticed = 0;

    for (unsigned i = 0; spoilt < 100; i++) {
        uint64_t own;

        record(3, true);
        if (spoil_entry((unsigned)(mix(i) % 1000))) {
            spoilt++;
            noticed += replay(3, 64, &none, &own) == REPLAY_DIVERGED;
        }
    }
    expect(noticed == 100, "100 of 100 changed values in the log are noticed");
}

/* The sum over pages that is kept is the one over all pages. */
static void test_page_hashes(void)
{
    struct machine *m = toy_machine(5);
    struct page_hashes *hashes = page_hashes_new(m);
    struct gadget gadget;
    bool good = true;

    gadget_attach(&gadget, m);
    page_hashes_take(hashes);
    for (uint64_t count = 0; count < STEPS; count += 777) {
        machine_run(m, count);
        good = good && page_hashes_state(hashes) == hash_state(m);
    }
    expect(good, "hashes kept by page are those of the whole memory");
    page_hashes_free(hashes);
    live_free(gadget.live);
    machine_free(m);
}

/* Runs the real gadget from the log's second stream; `spoil` makes it another
 * gadget at the start. */
static enum replay_state drive(uint64_t seed, unsigned unit_insns, bool spoil,
                               bool *complete)
{
    struct machine *m = toy_machine(seed);
    struct gadget gadget;
    char *message = NULL;
    struct log_reader *log = log_reader_open(path, &message);
    struct boundary *driven;
    enum replay_state state;

    gadget_attach(&gadget, m);
    gadget.state += spoil;
    driven = drive_begin(gadget.live, log, NULL);
    m->unit_insns = unit_insns;
    machine_run(m, UINT64_MAX);
    state = replay_state(driven);
    *complete = drive_is_complete(driven);
    if (state == REPLAY_DIVERGED && !spoil) {
        printf("  %s\n", replay_message(driven));
    }
    driven->ops->free(driven);
    live_free(gadget.live);
    machine_free(m);
    return state;
}

/* A host that wakes sleepers as it likes, gives them input, and ends the run
 * in one of their halts. */
struct host {
    struct live *live;
    uint64_t dice, end;
};

static uint64_t host_sleep(void *opaque, uint64_t now, uint64_t ns)
{
    struct host *host = opaque;

    (void)now;
    host->dice = mix(host->dice + 1);
    if (ns == LIVE_FOREVER) {
        return host->dice % 100;
    }
    return host->dice % 3 == 0 ? ns : host->dice % 3 == 1 ? ns / 2 : 0;
}

static enum poll_result host_slice(void *opaque)
{
    struct host *host = opaque;
    struct machine *m = host->live->boundary.machine;

    host->dice = mix(host->dice + 1);
    if (m->cpu->halted && m->cpu->count >= host->end) {
        return POLL_STOP;
    }
    if (host->dice % 4 == 0) {
        live_input(host->live, 0, &host->dice, 1);
    }
    return POLL_RUN;
}

/* True: it ended in a halt. */
static bool record_sleeper(uint64_t seed)
{
    struct machine *m = toy_machine(seed);
    struct gadget gadget;
    struct host host = {.dice = seed, .end = 100 + mix(seed) % 3000};
    char *message = NULL;
    bool good;

    gadget_attach(&gadget, m);
    host.live = gadget.live;
    gadget.live->sleep = host_sleep;
    gadget.live->slice = host_slice;
    gadget.live->opaque = &host;
    record_begin(gadget.live, log_writer_open(path, true, &identity, &message),
                 NULL);
    record_set_pace(m->boundary, &pace);
    good = machine_run(m, STEPS) == RUN_STOP && m->cpu->halted;
    record_end(m->boundary, &message);
    live_free(gadget.live);
    machine_free(m);
    return good;
}

static void test_halts(void)
{
    const struct fault none = {NOTHING, 0, 1};
    unsigned halts = 0, replayed = 0, driven = 0;

    for (uint64_t seed = 1; seed <= 400; seed++) {
        bool complete;
        uint64_t own;

        if (!record_sleeper(seed)) {
            continue;
        }
        halts++;
        replayed += replay(seed, 64, &none, &own) == REPLAY_IDENTICAL;
        driven += drive(seed, 64, false, &complete) == REPLAY_IDENTICAL &&
                  complete;
    }
    expect(halts >= 10 && replayed == halts, "recordings that end in a halt");
    expect(driven == halts, "and driven, with sleeps cut short");
}

static void test_driven(void)
{
    const struct fault none = {NOTHING, 0, 1};
    bool same = true, replayed = true, other = true, complete;
    unsigned matters = 0; /* runs in which the input did */

    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t hash = record(seed, true), own;

        matters += hash != live_hash(seed, 64);
        replayed = replayed &&
                   replay(seed, 7, &none, &own) == REPLAY_IDENTICAL &&
                   own == hash;
        for (unsigned insns = 1; insns <= 64; insns *= 8) {
            same = same &&
                   drive(seed, insns, false, &complete) == REPLAY_IDENTICAL &&
                   complete;
        }
        other = other && drive(seed, 64, true, &complete) == REPLAY_DIVERGED;
    }
    expect(replayed && matters >= 5, "10 recordings with input replay");
    expect(same, "the real devices, fed from the log, do the same again");
    expect(other, "another device's doing is noticed");
}

int main(void)
{
    snprintf(path, sizeof(path), "/tmp/replay-test-%d", (int)getpid());
    test_same();
    test_faults();
    test_spoilt_log();
    test_page_hashes();
    test_driven();
    test_halts();
    unlink(path);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
