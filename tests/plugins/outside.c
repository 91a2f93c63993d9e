/* A machine of the made-up guest with a world around it, all of it functions
 * of the count. */
#include "events.h"

#include "boundary/boundary.h"
#include "exec/unit_cache.h"

#include <stdlib.h>

struct outside {
    struct boundary boundary; /* first */
    uint64_t next;            /* count of the next interrupt */
    unsigned flush_every, polls;
};

static uint64_t outside_read(struct boundary *b, enum io_kind kind,
                             uint64_t address, unsigned size)
{
    uint64_t value = mix(address ^ b->machine->cpu->count << 20 ^
                         (uint64_t)kind << 60);

    return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

static void outside_write(struct boundary *b, enum io_kind kind,
                          uint64_t address, uint64_t value, unsigned size)
{
    (void)b, (void)kind, (void)address, (void)value, (void)size;
}

static enum poll_result outside_poll(struct boundary *b)
{
    struct outside *o = (struct outside *)b;
    struct cpu *cpu = b->machine->cpu;
    struct toy *toy = toy_of(cpu);

    if (o->flush_every && ++o->polls % o->flush_every == 0) {
        unit_cache_flush(b->machine->units);
        mem_tlb_flush(cpu);
    }
    if (cpu->count == o->next) { /* one step */
        watch_diverted(b->machine);
        toy->r[5] ^= mix(cpu->count);
        toy->pc = mix(toy->r[5]) % CODE_SIZE;
        cpu->count++;
        o->next += 1 + mix(o->next) % 400;
    }
    return POLL_RUN;
}

static uint64_t outside_deadline(struct boundary *b)
{
    return ((struct outside *)b)->next;
}

static enum poll_result outside_slice_end(struct boundary *b)
{
    (void)b;
    return POLL_RUN;
}

static const struct boundary_ops outside_ops = {
    .name = "test",
    .read = outside_read,
    .write = outside_write,
    .poll = outside_poll,
    .deadline = outside_deadline,
    .slice_end = outside_slice_end,
};

struct machine *outside_machine(uint64_t seed, unsigned flush_every)
{
    struct outside *o = calloc(1, sizeof(*o));
    struct machine *m = toy_machine(seed);

    if (!o) {
        abort();
    }
    o->boundary.ops = &outside_ops;
    o->boundary.machine = m;
    o->next = 50;
    o->flush_every = flush_every;
    m->boundary = &o->boundary;
    return m;
}

void outside_free(struct machine *m)
{
    free(m->boundary);
    machine_free(m);
}

uint64_t outside_state(const struct machine *m)
{
    const struct mem_block *ram = mem_block_at(m->memory, 0);
    uint64_t digest = mix(m->cpu->count ^ toy_of(m->cpu)->pc);

    for (unsigned i = 0; i < 8; i++) {
        digest = mix(digest ^ toy_of(m->cpu)->r[i]) + i;
    }
    for (unsigned i = 0; i < RAM_SIZE; i++) {
        digest = mix(digest ^ ram->host[i]);
    }
    return digest;
}
