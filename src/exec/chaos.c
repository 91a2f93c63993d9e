#include "exec/chaos.h"

#include "base/error.h"
#include "exec/unit_cache.h"
#include "host/x86_64/compile.h"

#include <stdlib.h>
#include <string.h>

#define MIB (1ul << 20)

struct chaos *chaos_new(uint64_t seed)
{
    struct chaos *chaos = calloc(1, sizeof(*chaos));

    if (!chaos) {
        panda_bug("out of memory");
    }
    chaos->draw.state = seed;
    chaos->code.state = draw_next(&chaos->draw);
    /* A few lengths only: each has translations of its own. */
    chaos->lengths[0] = 1 + (unsigned)draw_below(&chaos->draw, 4);
    for (unsigned i = 1; i < 4; i++) {
        chaos->lengths[i] = 1 +
                            (unsigned)draw_below(&chaos->draw, UNIT_MAX_INSNS);
    }
    chaos->longest = SLICE_STEPS;
    return chaos;
}

size_t chaos_code_size(struct chaos *chaos)
{
    return MIB << draw_below(&chaos->draw, 7);
}

bool chaos_connects(struct chaos *chaos)
{
    return draw_below(&chaos->draw, 4) != 0;
}

/* -- What may change between units ----------------------------------------- */

static void flush_code(struct machine *m)
{
    unit_cache_flush(m->units);
    if (m->jit) {
        jit_flush(m->jit);
    }
}

static void change_length(struct machine *m)
{
    m->unit_insns = m->chaos->lengths[draw_below(&m->chaos->draw, 4)];
}

static void lose_tlb_entries(struct machine *m)
{
    struct cpu *cpu = m->cpu;
    struct draw *draw = &m->chaos->draw;

    for (unsigned i = 0; i < 32; i++) {
        unsigned mmu = (unsigned)draw_below(draw, cpu->guest->n_mmu);
        uint64_t at = draw_below(draw, TLB_SIZE);

        for (unsigned way = 0; way < TLB_WAYS; way++) {
            cpu->read_tlb[mmu].way[way][at].tag = TLB_INVALID;
            cpu->write_tlb[mmu].way[way][TLB_SIZE - 1 - at].tag = TLB_INVALID;
        }
    }
}

static void forget_alone(struct machine *m)
{
    memset(m->alone, 0, sizeof(m->alone));
}

static void lose_jumps(struct machine *m)
{
    jump_cache_clear(&m->cpu->jump_cache);
}

static void unlink_some(void *opaque, struct unit *unit)
{
    struct machine *m = opaque;

    if (unit->host && draw_below(&m->chaos->draw, 3) == 0) {
        jit_unit_unlink(unit->host);
    }
}

static void unlink_units(struct machine *m)
{
    m->last_exit = NULL;
    unit_cache_each(m->units, unlink_some, m);
}

void chaos_act(struct machine *m)
{
    uint64_t what = draw_below(&m->chaos->draw, 1024);

    if (what < 3) { /* dear */
        flush_code(m);
    } else if (what < 32) {
        mem_tlb_flush(m->cpu);
    } else if (what < 64) {
        unlink_units(m);
    } else if (what < 80) {
        forget_alone(m);
    } else if (what < 128) {
        lose_jumps(m);
    } else if (what < 256) {
        change_length(m);
    } else if (what < 512) {
        lose_tlb_entries(m);
    }
}

/* All magnitudes alike. */
uint64_t chaos_slice(struct machine *m)
{
    uint64_t most = m->chaos->longest;

    chaos_act(m);
    for (uint64_t i = draw_below(&m->chaos->draw, 6); i; i--) {
        most /= 10;
    }
    return 1 + draw_below(&m->chaos->draw, most + 1);
}

bool chaos_break(struct machine *m, const char *op, uint64_t first,
                 uint64_t last)
{
    return jit_break(m->jit, op, first, last);
}
