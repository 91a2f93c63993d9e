/* The events of a run, from the states before and after each step. */
#include "events.h"

#include "boundary/boundary.h"

#include <stdlib.h>
#include <string.h>

struct truth {
    struct machine *machine;
    const uint8_t *ram;
    struct listing *listing;
    /* The block under way: n == 0 when none is. */
    uint64_t start;
    unsigned n, at; /* instructions of it; how many have begun */
    uint8_t bytes[PAGE_SIZE_];
};

static void tell(struct truth *t, unsigned kind, uint64_t count, uint64_t pc,
                 uint64_t address, unsigned size, uint64_t value)
{
    const struct event event = {kind, size, count, pc, address, value};

    list_event(t->listing, &event);
}

static bool ends(uint8_t byte)
{
    return byte % 10 == 5 || byte % 10 == 6 || byte % 10 == 9;
}

/* A block from here: to a jump or a port, the page's end, or 512. */
static void begin_block(struct truth *t, uint64_t pc)
{
    uint64_t rest = PAGE_SIZE_ - pc % PAGE_SIZE_;

    t->start = pc;
    t->at = 0;
    t->n = 1;
    while (!ends(t->ram[pc + 3 * t->n - 3]) && t->n < 512 &&
           3 * t->n + 3 <= rest) {
        t->n++;
    }
    memcpy(t->bytes, t->ram + pc, 3 * t->n);
    tell(t, PANDA_CB_BEFORE_BLOCK_EXEC, t->machine->cpu->count, pc, pc,
         3 * t->n, t->n);
    tell(t, PANDA_CB_START_BLOCK_EXEC, t->machine->cpu->count, pc, pc, 3 * t->n,
         t->n);
}

static bool faults(uint64_t address, unsigned size)
{
    return address + size - 1 >= BAD_ADDRESS;
}

static uint64_t cut(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

struct access { /* of the instruction; size 0: none */
    bool write;
    unsigned size;
    uint64_t address, value;
};

static struct access access_of(const struct toy *toy, const uint8_t *insn)
{
    unsigned x = insn[1] & 7, y = insn[2] & 7;
    struct access a = {.address = toy->r[y] & ADDRESS_MASK};

    switch (insn[0] % 10) {
    case 2:
        a.size = 8;
        break;
    case 3:
        a.write = true;
        a.size = 1u << (insn[1] >> 3 & 3);
        break;
    case 4:
        a.write = true;
        a.size = 1u << (insn[1] >> 6);
        a.address = (toy->pc + (uint64_t)((int8_t)insn[2] * 3)) % CODE_SIZE;
        a.address = (a.address + (insn[1] >> 3)) % CODE_SIZE;
        break;
    }
    a.value = cut(toy->r[x], a.size ? a.size : 8);
    return a;
}

/* One access: as the program makes it, and then what of each page it is. */
static void tell_access(struct truth *t, unsigned virtual_kind, uint64_t count,
                        uint64_t pc, const struct access *a, uint64_t value)
{
    tell(t, virtual_kind, count, pc, a->address, a->size, value);
    for (unsigned done = 0, n; done < a->size; done += n) {
        uint64_t at = a->address + done;

        n = (unsigned)(PAGE_SIZE_ - at % PAGE_SIZE_);
        n = n < a->size - done ? n : a->size - done;
        if (at < BAD_ADDRESS) {
            tell(t, virtual_kind + 2, count, pc, at, n,
                 cut(value >> 8 * done, n));
        }
    }
}

/* One instruction, which the machine runs or faults at. */
static void insn(struct truth *t)
{
    struct toy *toy = toy_of(t->machine->cpu);
    uint64_t pc = toy->pc, count = toy->cpu.count + 1;
    uint8_t bytes[3] = {t->ram[pc], t->ram[pc + 1], t->ram[pc + 2]};
    struct access a = access_of(toy, bytes);

    tell(t, PANDA_CB_INSN_EXEC, count, pc, 0, 0, 0);
    if (a.size) {
        tell_access(t,
                    a.write ? PANDA_CB_VIRT_MEM_BEFORE_WRITE
                            : PANDA_CB_VIRT_MEM_BEFORE_READ,
                    count, pc, &a, a.write ? a.value : 0);
    }
    machine_run(t->machine, count);
    if (a.size && faults(a.address, a.size)) {
        t->n = 0;
        return;
    }
    if (a.size) {
        tell_access(t,
                    a.write ? PANDA_CB_VIRT_MEM_AFTER_WRITE
                            : PANDA_CB_VIRT_MEM_AFTER_READ,
                    count, pc, &a, a.write ? a.value : toy->r[bytes[1] & 7]);
    }
    t->at++;
    if (t->at == t->n) {
        tell(t, PANDA_CB_END_BLOCK_EXEC, count, toy->pc, t->start, 3 * t->n,
             t->n);
        tell(t, PANDA_CB_AFTER_BLOCK_EXEC, count, toy->pc, t->start, 3 * t->n,
             t->n);
        t->n = 0;
        return;
    }
    tell(t, PANDA_CB_AFTER_INSN_EXEC, count, toy->pc, 0, 0, 0);
    if (memcmp(t->bytes + 3 * t->at, t->ram + t->start + 3 * t->at,
               3 * (t->n - t->at))) {
        t->n = 0; /* it has changed itself */
    }
}

void list_truth(uint64_t seed, uint64_t steps, struct listing *listing)
{
    struct machine *m = outside_machine(seed, 0);
    struct truth t = {.machine = m,
                      .listing = listing,
                      .ram = mem_block_at(m->memory, 0)->host};

    m->unit_insns = 1;
    while (m->cpu->count < steps) {
        if (m->boundary->ops->deadline(m->boundary) == m->cpu->count) {
            m->boundary->ops->poll(m->boundary); /* an interrupt: a step */
            t.n = 0;
            continue;
        }
        if (!t.n) {
            begin_block(&t, toy_of(m->cpu)->pc);
        }
        insn(&t);
    }
    listing->state = outside_state(m);
    outside_free(m);
}
