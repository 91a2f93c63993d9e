/* The fake guest: its walk, its faults, and a step of one access. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#define E_FRAME 0x000ffffffffff000ull

struct level {
    uint8_t shift, bits;
};
static const struct level wide_levels[] = {{30, 9}, {21, 9}, {12, 9}};
static const struct level narrow_levels[] = {{22, 10}, {12, 10}};

static bool permitted(uint64_t rights, bool no_execute, enum mem_access access,
                      unsigned mmu)
{
    if (mmu == 1 && !(rights & E_U)) {
        return false;
    }
    if (access == MEM_WRITE) {
        return rights & E_W;
    }
    return access != MEM_FETCH || !no_execute;
}

/* Sets the bits that this access sets, last of all: a fault sets none. */
static uint64_t set_bits(const struct walk_via *via,
                         const struct walk_result *r, const uint64_t *entries,
                         enum mem_access access)
{
    uint64_t leaf = 0;

    for (unsigned i = 0; i < r->n_steps; i++) {
        bool last = i == r->n_steps - 1;
        uint64_t want = entries[i] | E_A;

        if (last && access == MEM_WRITE) {
            want |= E_D;
        }
        if (want != entries[i] && via->update) {
            via->update(via->opaque, r->steps[i].address, r->steps[i].size,
                        want);
        }
        leaf = want;
    }
    return leaf;
}

bool fake_walk(const struct walk_via *via, uint64_t root, bool narrow,
               uint64_t address, enum mem_access access, unsigned mmu,
               struct walk_result *r)
{
    const struct level *level = narrow ? narrow_levels : wide_levels;
    unsigned n = narrow ? 2 : 3, size = narrow ? 4 : 8;
    uint64_t table = root, rights = E_ALL, entries[3], leaf;
    bool no_execute = false;

    *r = (struct walk_result){.physical = address, .page_size = PAGE_SIZE_};
    if (root == NO_PAGING) {
        r->readable = r->writable = r->executable = true;
        return true;
    }
    if (!narrow && (uint64_t)((int64_t)(address << 25) >> 25) != address) {
        return false;
    }
    for (unsigned i = 0; i < n; i++, level++) {
        uint64_t in = address & ((1ull << level->shift) - 1);
        uint64_t index = address >> level->shift & ((1u << level->bits) - 1);
        uint64_t at = table + index * size;
        uint64_t entry = via->read(via->opaque, at, size);

        entries[i] = entry;
        r->steps[r->n_steps++] = (struct walk_step){
            at, (uint8_t)size, level->shift, !narrow && i == 0};
        if (!(entry & E_P)) {
            return false;
        }
        rights &= entry;
        no_execute |= !narrow && entry & E_NX;
        table = entry & E_FRAME;
        if (i == n - 1 || (i == n - 2 && entry & E_LARGE)) {
            r->page_size = 1ull << level->shift;
            r->physical = (table & ~(r->page_size - 1)) + in;
            break;
        }
    }
    if (!permitted(rights, no_execute, access, mmu)) {
        return false;
    }
    leaf = set_bits(via, r, entries, access);
    r->readable = permitted(rights, no_execute, MEM_READ, mmu);
    r->writable = permitted(rights, no_execute, MEM_WRITE, mmu) && leaf & E_D;
    r->executable = permitted(rights, no_execute, MEM_FETCH, mmu);
    return true;
}

static uint64_t read_entry(void *opaque, uint64_t physical, unsigned size)
{
    return mem_walk_read(opaque, physical, size);
}

static void update_entry(void *opaque, uint64_t physical, unsigned size,
                         uint64_t entry)
{
    mem_walk_update(opaque, physical, size, entry);
}

static bool guest_walk(struct cpu *cpu, uint64_t address,
                       enum mem_access access, unsigned mmu, bool debug,
                       struct walk_result *result)
{
    struct fake_cpu *fake = (struct fake_cpu *)cpu;
    struct walk_via via = {read_entry, debug ? NULL : update_entry, cpu};

    if (fake_walk(&via, fake->root, fake->narrow, address, access, mmu,
                  result)) {
        return true;
    }
    if (!debug) {
        fake->fault = (struct fake_fault){true, false, address, access};
    }
    return false;
}

static void note_misaligned(struct cpu *cpu, uint64_t address,
                            enum mem_access access)
{
    ((struct fake_cpu *)cpu)->fault = (struct fake_fault){true, true, address,
                                                          access};
}

const struct guest fake_guest = {
    .name = "fake",
    .cpu_size = sizeof(struct fake_cpu),
    .n_mmu = 2,
    .walk = guest_walk,
    .note_misaligned = note_misaligned,
};

struct fake_cpu *fake_cpu_new(struct memory *mem)
{
    struct fake_cpu *cpu = calloc(1, sizeof(*cpu));

    cpu->base.guest = &fake_guest;
    cpu->root = NO_PAGING;
    mem_attach_cpu(mem, &cpu->base);
    return cpu;
}

void fake_cpu_free(struct fake_cpu *cpu)
{
    mem_detach_cpu(&cpu->base);
    free(cpu);
}

_Noreturn void cpu_leave(struct cpu *cpu, enum cpu_leave why)
{
    longjmp(cpu->leave, why);
}

int try_load(struct fake_cpu *cpu, uint64_t address, uint32_t memop,
             union ir_value *value)
{
    int why;

    cpu->fault = (struct fake_fault){0};
    why = setjmp(cpu->base.leave);
    if (why == 0) {
        mem_load(&cpu->base, address, memop, value);
    }
    return why;
}

int try_store(struct fake_cpu *cpu, uint64_t address, uint32_t memop,
              const union ir_value *value)
{
    int why;

    cpu->fault = (struct fake_fault){0};
    why = setjmp(cpu->base.leave);
    if (why == 0) {
        mem_store(&cpu->base, address, memop, value);
    }
    return why;
}
