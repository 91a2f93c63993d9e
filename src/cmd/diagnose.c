/*
 * Two replays of one recording, warm and cold, go side by side from the last
 * check that fitted. A difference at the end of a stretch is looked for in
 * smaller stretches of it, with both replays begun anew; the last stretch is
 * one instruction.
 *
 * A difference between the two is the engine's fault (or an injected one):
 * equal code gave unequal states. Without one, both run the recorded code
 * alike, and it was the recorder that saw or wrote something else.
 */
#include "cmd/diagnose.h"

#include "base/error.h"
#include "boundary/hash.h"
#include "cmd/flip.h"
#include "cmd/recording.h"
#include "cmd/session.h"
#include "guest/x86/state.h"
#include "exec/unit_cache.h"
#include "monitor/disassemble.h"
#include "snapshot/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES 64u
#define SHOWN 16u /* differences of a kind */

struct twin {
    struct machine *machine;
    struct boundary *replay;
    struct flip flip; /* of the warm one */
    bool flips;
};

struct pair {
    const struct options *options;
    struct twin warm, cold;
    bool all_cold; /* from the beginning of the recording */
};

/* -- Twins ----------------------------------------------------------------- */

static void twin_open(struct twin *twin, const struct options *o, bool warm)
{
    struct snapshot_check *check;
    char *message;

    twin->machine = recording_open(&x86_guest, o->replay, &check, &message);
    if (!twin->machine) {
        panda_fatal("%s", message);
    }
    free(snapshot_check_end(check));
    twin->replay = twin->machine->boundary;
    twin->machine->unit_insns = 1;
    twin->flips = warm && o->flip;
    if (warm) {
        engine_choose(twin->machine, o);
    }
    if (twin->flips) {
        flip_parse(o->flip, &twin->flip);
        if (twin->flip.what == FLIP_VALUE) {
            replay_flip_value(twin->replay, twin->flip.count,
                              (unsigned)twin->flip.bit);
            twin->flips = false;
        }
    }
}

static void twin_run(struct twin *twin, uint64_t count)
{
    struct machine *m = twin->machine;

    if (twin->flips && twin->flip.count < count) {
        machine_run(m, twin->flip.count);
        flip_apply(&twin->flip, m);
        twin->flips = false;
    }
    machine_run(m, count);
}

static void pair_open(struct pair *pair, uint64_t count)
{
    twin_open(&pair->warm, pair->options, true);
    twin_open(&pair->cold, pair->options, false);
    if (!pair->all_cold) { /* an instruction at a time is slow */
        engine_choose(pair->cold.machine, pair->options);
    }
    twin_run(&pair->warm, count);
    twin_run(&pair->cold, count);
}

static void pair_cool(struct pair *pair)
{
    struct machine *m = pair->cold.machine;

    m->unit_insns = 1;
    unit_cache_flush(m->units);
    mem_tlb_flush(m->cpu);
}

static void pair_close(struct pair *pair)
{
    struct twin *const twins[] = {&pair->warm, &pair->cold};

    for (unsigned i = 0; i < 2; i++) {
        twins[i]->replay->ops->free(twins[i]->replay);
        machine_free(twins[i]->machine);
    }
}

/* Only pages that either has written; all of them when a fault may have been
 * injected into one. */
static bool same_memory(const struct pair *pair)
{
    const struct memory *warm = pair->warm.machine->memory;
    const struct memory *cold = pair->cold.machine->memory;

    for (unsigned i = 0; i < mem_block_count(warm); i++) {
        const struct mem_block *a = mem_block_at(warm, i);
        const struct mem_block *b = mem_block_at(cold, i);

        for (uint64_t k = 0; k < a->size >> PAGE_BITS; k++) {
            if ((pair->options->flip ||
                 (a->page_flags[k] | b->page_flags[k]) & PAGE_WRITTEN) &&
                memcmp(a->host + (k << PAGE_BITS), b->host + (k << PAGE_BITS),
                       PAGE_SIZE_)) {
                return false;
            }
        }
    }
    return true;
}

static bool same(const struct pair *pair)
{
    return hash_registers(pair->warm.machine) ==
               hash_registers(pair->cold.machine) &&
           same_memory(pair);
}

/* -- What differs ---------------------------------------------------------- */

static void print_hex(const uint8_t *bytes, size_t size)
{
    for (size_t i = size; i-- > 0;) {
        printf("%02x", bytes[i]);
    }
}

/* Registers in pieces of eight bytes, so that one is told from another. */
static void print_fields(const struct pair *pair)
{
    const struct guest *guest = pair->warm.machine->cpu->guest;
    const uint8_t *warm = (const uint8_t *)pair->warm.machine->cpu;
    const uint8_t *cold = (const uint8_t *)pair->cold.machine->cpu;
    unsigned shown = 0;

    for (uint32_t i = 0; i < guest->n_fields; i++) {
        const struct guest_field *f = &guest->fields[i];

        for (uint32_t at = 0; at < f->size && shown < SHOWN; at += 8) {
            size_t n = f->size - at < 8 ? f->size - at : 8;
            const uint8_t *a = warm + f->offset + at;
            const uint8_t *b = cold + f->offset + at;

            if (memcmp(a, b, n)) {
                printf("  register %s", f->name);
                f->size > 8 ? printf(" + %u: warm ", at) : printf(": warm ");
                print_hex(a, n);
                printf(", cold ");
                print_hex(b, n);
                putchar('\n');
                shown++;
            }
        }
    }
}

static void print_page(const char *name, uint64_t offset, const uint8_t *warm,
                       const uint8_t *cold)
{
    unsigned n = 0, first = 0;

    for (unsigned i = PAGE_SIZE_; i-- > 0;) {
        if (warm[i] != cold[i]) {
            n++;
            first = i;
        }
    }
    printf("  page 0x%" PRIx64 " of %s: %u bytes, the first at 0x%" PRIx64
           ": warm %02x, cold %02x\n",
           offset, name, n, offset + first, warm[first], cold[first]);
}

static void print_pages(const struct pair *pair)
{
    const struct memory *warm = pair->warm.machine->memory;
    const struct memory *cold = pair->cold.machine->memory;
    unsigned shown = 0;

    for (unsigned i = 0; i < mem_block_count(warm); i++) {
        const struct mem_block *a = mem_block_at(warm, i);
        const struct mem_block *b = mem_block_at(cold, i);

        for (uint64_t at = 0; at < a->size && shown < SHOWN; at += PAGE_SIZE_) {
            if (memcmp(a->host + at, b->host + at, PAGE_SIZE_)) {
                print_page(a->name, at, a->host + at, b->host + at);
                shown++;
            }
        }
    }
}

static void print_instruction(const struct cpu *cpu, uint64_t pc)
{
    uint8_t bytes[15];
    char text[160] = "?";
    size_t there = examine_memory(cpu, false, pc, bytes, sizeof(bytes));

    disassemble(cpu, pc, bytes, there, text, sizeof(text));
    printf("  pc 0x%" PRIx64 ": %s\n", pc, text);
}

static void print_difference(const struct pair *pair, uint64_t count)
{
    const struct cpu *warm = pair->warm.machine->cpu;
    const struct cpu *cold = pair->cold.machine->cpu;

    if (warm->count != cold->count) {
        printf("  warm is at count %" PRIu64 ", cold at %" PRIu64
               " (of %" PRIu64 " asked for)\n",
               warm->count, cold->count, count);
    }
    if (warm->skipped != cold->skipped || warm->halted != cold->halted) {
        printf("  skipped %" PRIu64 " and %" PRIu64 " ns, halted %d and "
               "%d\n",
               warm->skipped, cold->skipped, warm->halted, cold->halted);
    }
    print_fields(pair);
    print_pages(pair);
}

/* -- The search ------------------------------------------------------------ */

/* Goes from `from`, where both are the same, in steps of `step`. The count at
 * which they first are not, or 0. */
static uint64_t walk(struct pair *pair, uint64_t from, uint64_t to,
                     uint64_t step)
{
    uint64_t at = from;

    while (at < to) {
        at = to - at < step ? to : at + step;
        twin_run(&pair->warm, at);
        twin_run(&pair->cold, at);
        if (!same(pair)) {
            return at;
        }
    }
    return 0;
}

static void found(struct pair *pair, uint64_t before, uint64_t after)
{
    printf("warm and cold part at count %" PRIu64 ", in this "
           "instruction:\n",
           before);
    pair_close(pair);
    pair_open(pair, before);
    print_instruction(
        pair->cold.machine->cpu,
        pair->cold.machine->cpu->guest->get_pc(pair->cold.machine->cpu));
    pair_cool(pair);
    twin_run(&pair->warm, after);
    twin_run(&pair->cold, after);
    printf("after it:\n");
    print_difference(pair, after);
}

/* Narrows the interval down to one instruction. False: no difference. */
static bool search(struct pair *pair, uint64_t from, uint64_t to)
{
    uint64_t step, bad;

    pair_open(pair, from);
    from = pair->warm.machine->cpu->count;
    do {
        step = (to - from + PIECES - 1) / PIECES;
        pair_cool(pair);
        bad = walk(pair, from, to, step);
        if (bad && step > 1) {
            to = bad;
            from = bad - from > step ? bad - step : from;
            pair_close(pair);
            pair_open(pair, from);
        }
    } while (bad && step > 1);
    if (bad) {
        found(pair, bad - 1, bad);
    }
    pair_close(pair);
    return bad;
}

void diagnose(const struct options *o, uint64_t last_good, uint64_t count)
{
    struct pair pair = {.options = o};

    printf("diagnosis: between count %" PRIu64 " and %" PRIu64
           ", warm against cold\n",
           last_good, count);
    fflush(stdout);
    if (search(&pair, last_good, count)) {
        return;
    }
    /* Memory may have parted long before anything was seen of it. */
    printf("they stay the same there; from the beginning, which is slow\n");
    fflush(stdout);
    pair.all_cold = true;
    if (!search(&pair, 0, count)) {
        printf("they stay the same: generated code and interpreter agree; "
               "the recorder saw or logged something else between count "
               "%" PRIu64 " and %" PRIu64 "\n",
               last_good, count);
    }
}
