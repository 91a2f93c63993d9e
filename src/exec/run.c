/*
 * The run loop. One turn: let the boundary apply what is due, then run units
 * until its next deadline, which is landed on exactly: when fewer steps are
 * left than a unit has, a shorter unit of the same code is run.
 *
 * A step that cannot be completed leaves by longjmp to run_turns(), with the
 * state at its start:
 *
 *   EXCEPTION  the guest delivers it; one step
 *   REDO       the instruction runs alone, then the boundary is asked
 *   REQUEST    somebody wants to be heard before the next step
 */
#include "exec/machine.h"

#include "base/error.h"
#include "boundary/boundary.h"
#include "exec/translate.h"
#include "ir/ir.h"

#include <stdlib.h>
#include <string.h>

/* -- The CPU's accesses to device memory ----------------------------------- */

static uint64_t io_read(void *opaque, uint64_t physical, unsigned size)
{
    struct boundary *b = ((struct machine *)opaque)->boundary;

    return b->ops->read(b, BOUNDARY_MEMORY, physical, size);
}

static void io_write(void *opaque, uint64_t physical, uint64_t value,
                     unsigned size)
{
    struct boundary *b = ((struct machine *)opaque)->boundary;

    b->ops->write(b, BOUNDARY_MEMORY, physical, value, size);
}

/* -- Machines -------------------------------------------------------------- */

struct machine *machine_new(const struct guest *guest)
{
    struct machine *m = calloc(1, sizeof(*m));
    struct mem_hooks hooks = {m, io_read, io_write, unit_code_written};

    if (!m || posix_memalign((void **)&m->cpu, 64, guest->cpu_size)) {
        panda_bug("out of memory");
    }
    memset(m->cpu, 0, guest->cpu_size);
    m->cpu->machine = m;
    m->cpu->guest = guest;
    m->memory = mem_new();
    m->units = unit_cache_new();
    m->unit_insns = UNIT_MAX_INSNS;
    mem_set_hooks(m->memory, &hooks);
    mem_attach_cpu(m->memory, m->cpu);
    guest->reset(m->cpu);
    return m;
}

void machine_free(struct machine *m)
{
    if (m) {
        unit_cache_free(m->units);
        mem_detach_cpu(m->cpu);
        mem_free(m->memory);
        free(m->cpu);
        free(m->reason);
        free(m);
    }
}

void machine_stop(struct machine *m, const char *reason)
{
    free(m->reason);
    m->reason = panda_message("%s", reason);
    m->stop_wanted = true;
}

/* -- Units ----------------------------------------------------------------- */

/* Runs one unit of at most `left` steps. */
static bool run_unit(struct machine *m, uint64_t left)
{
    struct cpu *cpu = m->cpu;
    bool alone = m->redo_alone;
    unsigned limit = alone ? 1 : m->unit_insns;
    struct unit *unit = unit_at_pc(m, left < limit ? (unsigned)left : limit);
    enum ir_exit_kind kind;

    if (!unit) {
        return false;
    }
    cpu->alone = alone || unit->io;
    m->redo_alone = false;
    unit_cache_set_running(m->units, unit);
    m->in_unit = true;
    kind = ir_interpret(cpu, unit->ir);
    m->in_unit = false;
    m->poll_wanted |= cpu->alone || kind == IR_EXIT_POLL;
    unit_cache_set_running(m->units, NULL);
    return true;
}

/* A step was left: see the head of the file. */
static void after_leaving(struct machine *m, enum cpu_leave why)
{
    if (m->in_unit) {
        m->cpu->guest->set_pc(m->cpu, m->cpu->insn_pc);
        m->in_unit = false;
        unit_cache_set_running(m->units, NULL);
    }
    switch (why) {
    case CPU_LEAVE_EXCEPTION:
        m->redo_alone = false;
        m->cpu->guest->deliver_exception(m->cpu); /* may leave, too */
        m->cpu->count++;
        break;
    case CPU_LEAVE_REDO:
        m->redo_alone = true;
        unit_mark_alone(m);
        break;
    case CPU_LEAVE_REQUEST:
        break;
    }
    m->poll_wanted = true;
}

/* -- Turns ----------------------------------------------------------------- */

/* The boundary is heard, and says up to where to run. */
static bool poll_boundary(struct machine *m, uint64_t limit,
                          uint64_t *deadline)
{
    struct boundary *b = m->boundary;

    m->poll_wanted = false;
    if (m->stop_wanted || b->ops->poll(b) == POLL_STOP) {
        return false;
    }
    *deadline = b->ops->deadline(b);
    *deadline = *deadline < limit ? *deadline : limit;
    return true;
}

/*
 * An instruction that runs alone is one step, but never a deadline away: it
 * was left at its start, so poll_boundary() has been called since.
 */
static enum run_end run_turns(struct machine *m, uint64_t limit)
{
    struct cpu *cpu = m->cpu;
    uint64_t deadline, slice_end = cpu->count + SLICE_STEPS;
    int why = setjmp(cpu->leave);

    if (why) {
        after_leaving(m, (enum cpu_leave)why);
    }
    while (cpu->count < limit) {
        if (!poll_boundary(m, limit, &deadline)) {
            return RUN_STOP;
        }
        while (cpu->count < deadline && !cpu->halted && !m->poll_wanted) {
            if (!run_unit(m, deadline - cpu->count)) {
                return RUN_BROKEN;
            }
            if (cpu->count >= slice_end) {
                return RUN_LIMIT; /* of the slice */
            }
        }
    }
    return RUN_LIMIT;
}

enum run_end machine_run(struct machine *m, uint64_t limit)
{
    enum run_end end = RUN_LIMIT;

    m->stop_wanted = false;
    while (end == RUN_LIMIT && m->cpu->count < limit) {
        end = run_turns(m, limit);
        if (end == RUN_LIMIT &&
            m->boundary->ops->slice_end(m->boundary) == POLL_STOP) {
            end = RUN_STOP;
        }
    }
    return end;
}
