#include "exec/trace.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CODE_BYTES 32u

struct trace {
    FILE *file;
    struct machine *machine;
    uint64_t count, pc; /* of the delivery that was told last */
};

static void write_bytes(FILE *file, const uint8_t *bytes, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        fprintf(file, "%02x", bytes[i]);
    }
    fputc('\n', file);
}

/* -- Accesses -------------------------------------------------------------- */

static void tell_delivery(struct trace *trace, const struct cpu *cpu)
{
    uint64_t pc = cpu->guest->get_pc(cpu);

    if (trace->count != cpu->count || trace->pc != pc) {
        trace->count = cpu->count;
        trace->pc = pc;
        fprintf(trace->file, "D %" PRIu64 " %" PRIx64 "\n", cpu->count, pc);
    }
}

static void begun(void *opaque, uint64_t address, uint32_t memop,
                  const uint8_t *bytes)
{
    struct trace *trace = opaque;
    const struct cpu *cpu = trace->machine->cpu;
    FILE *file = trace->file;

    if (!trace->machine->in_unit) {
        tell_delivery(trace, cpu);
    }
    fprintf(file, "%c %" PRIx64 " %u %x%c", bytes ? 'W' : 'R', address,
            MO_SIZE(memop), memop, bytes ? ' ' : '\n');
    if (bytes) {
        write_bytes(file, bytes, MO_SIZE(memop));
    }
}

static void done(void *opaque, uint64_t physical, const uint8_t *bytes,
                 unsigned size)
{
    FILE *file = ((struct trace *)opaque)->file;

    fprintf(file, "= %" PRIx64 " %u ", physical, size);
    write_bytes(file, bytes, size);
}

/* -- Instructions ---------------------------------------------------------- */

/* What lies there now, by walks without effect. */
static unsigned read_code(struct machine *m, uint64_t pc, uint64_t mode,
                          uint64_t *physical, uint8_t bytes[CODE_BYTES])
{
    const struct guest *guest = m->cpu->guest;
    struct walk_result walk;
    unsigned n = 0;

    while (n < CODE_BYTES &&
           guest->walk(m->cpu, pc + n, MEM_FETCH, guest->mmu_index(mode), true,
                       &walk) &&
           mem_read_physical(m->memory, walk.physical, &bytes[n], 1)) {
        *physical = n ? *physical : walk.physical;
        n++;
    }
    return n;
}

static void insn_begun(struct cpu *cpu)
{
    struct machine *m = cpu->machine;
    uint64_t mode = cpu->guest->mode(cpu);
    uint64_t physical = 0;
    uint8_t bytes[CODE_BYTES];
    unsigned n = read_code(m, cpu->insn_pc, mode, &physical, bytes);

    fprintf(m->trace->file,
            "I %" PRIu64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " ", cpu->count,
            cpu->insn_pc, physical, mode);
    write_bytes(m->trace->file, bytes, n);
}

void trace_write_left(struct machine *m, enum cpu_leave why)
{
    fprintf(m->trace->file, "L %" PRIu64 " %" PRIx64 " %d\n", m->cpu->count,
            m->cpu->insn_pc, (int)why);
}

/* -------------------------------------------------------------------------- */

bool trace_open(struct machine *m, const char *path)
{
    FILE *file = fopen(path, "w");
    struct mem_listener listener = {.begun = begun, .done = done};

    if (!file) {
        return false;
    }
    m->trace = panda_must(calloc(1, sizeof(*m->trace)));
    m->trace->file = file;
    m->trace->machine = m;
    m->trace->count = UINT64_MAX;
    listener.opaque = m->trace;
    m->cpu->insn_begun = insn_begun;
    mem_set_listener(m->memory, &listener);
    return true;
}

void trace_close(struct machine *m)
{
    if (m->trace) {
        if (fclose(m->trace->file)) {
            panda_warn("-trace: the file could not be written");
        }
        free(m->trace);
        m->trace = NULL;
    }
}
