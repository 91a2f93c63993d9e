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
 *   IO         the same, and later units end before this instruction, until
 *              it once runs alone without need
 *   REQUEST    somebody wants to be heard before the next step
 *   BROKEN     the guest asks for what is not there: the run ends
 */
#include "exec/machine.h"

#include "base/error.h"
#include "exec/chaos.h"
#include "exec/trace.h"
#include "exec/translate.h"
#include "exec/watch.h"
#include "host/x86_64/compile.h"
#include "host/x86_64/perf_map.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <stdlib.h>
#include <string.h>

/* -- Generated code -------------------------------------------------------- */

/* Generates the unit's code. False: it stays interpreted. */
static bool compile(struct machine *m, struct unit *unit)
{
    ir_pass_dead(unit->ir);
    unit->host = jit_compile(m->jit, unit->ir, unit->key.pc, unit->key.mode,
                             unit);
    if (!unit->host) {
        return false;
    }
    if (unit->key.limit > 1) { /* else it may have to run alone */
        ir_unit_free(unit->ir);
        unit->ir = NULL;
    }
    return true;
}

/* The whole unit as code, when it is one to run as code. NULL: to interpret.
 * May flush the cache, and then finds the unit anew. */
static struct unit *coded(struct machine *m, struct unit *unit)
{
    if (unit->host || compile(m, unit)) {
        return unit;
    }
    unit_cache_flush(m->units);
    jit_flush(m->jit);
    unit = unit_at_pc(m, m->unit_insns);
    if (unit && !compile(m, unit)) {
        unit->plain = true;
    }
    return unit && unit->host ? unit : NULL;
}

/* Where control came from, leads here from now on. */
static void connect(struct machine *m, const struct unit *unit)
{
    struct host_exit *exit = m->last_exit;
    uint64_t pc = unit->key.pc;

    m->last_exit = NULL;
    if (m->one_unit || (m->chaos && !chaos_connects(m->chaos))) {
        return;
    }
    if (exit && exit->pc == pc) {
        if (unit->n_pages == 1 || pc >> 63) {
            jit_link(m->jit, exit, unit->host, unit->n_pages > 1);
        } else {
            exit->never = true;
        }
    }
    if (!unit->key.block) { /* not the rest of a block */
        jump_cache_put(&m->cpu->jump_cache, pc, unit->key.mode,
                       unit->host->entry);
    }
}

/* Runs from this unit on, as far as the deadline allows. */
static void run_code(struct machine *m, const uint8_t *entry, uint64_t deadline)
{
    struct cpu *cpu = m->cpu;
    uint64_t why, pc;

    if (m->upper_generation != cpu->upper_generation) {
        m->upper_generation = cpu->upper_generation;
        jit_unlink_crossing(m->jit);
    }
    cpu->deadline = deadline;
    cpu->alone = false;
    m->in_unit = m->in_code = true;
    why = jit_run(m->jit, cpu, entry, &pc);
    m->in_unit = m->in_code = false;
    cpu->guest->set_pc(cpu, pc);
    m->poll_wanted |= why == HOST_RETURN_KIND + IR_EXIT_POLL &&
                      (cpu->attention || cpu->halted);
    m->last_exit = why > HOST_RETURN_BUDGET ? (struct host_exit *)(uintptr_t)why
                                            : NULL;
    if (m->last_exit && m->last_exit->never) {
        m->last_exit = NULL;
    }
}

/* The code at the pc, when it is at hand and no exit waits for a link. */
static const uint8_t *code_at_pc(struct machine *m)
{
    struct cpu *cpu = m->cpu;

    return m->last_exit || (m->watch && m->watch->in_block)
               ? NULL
               : jump_cache_find(&cpu->jump_cache, cpu->guest->get_pc(cpu),
                                 cpu->guest->mode(cpu));
}

/* -- Watchers -------------------------------------------------------------- */

void machine_leave_soon(struct machine *m)
{
    struct unit *unit = m->cpu->running;

    if (!m->cpu->request) {
        m->requested_at = m->cpu->count;
    }
    m->cpu->request = 1;
    m->cpu->asid_bit = 0;
    m->poll_wanted = true;
    if (m->in_code) {
        jump_cache_clear(&m->cpu->jump_cache);
        if (unit->host) {
            jit_unit_unlink(unit->host);
        }
    }
}

void machine_watch_changed(struct machine *m)
{
    m->last_exit = NULL;
    jump_cache_clear(&m->cpu->jump_cache);
}

/* -- Units ----------------------------------------------------------------- */

static void interpret(struct machine *m, struct unit *unit, bool alone)
{
    struct cpu *cpu = m->cpu;
    enum ir_exit_kind kind;

    cpu->alone = alone || unit->io;
    m->crossed = unit->io;
    cpu->running = unit;
    unit_cache_set_running(m->units, unit);
    m->in_unit = true;
    kind = ir_interpret(cpu, unit->ir);
    m->in_unit = false;
    m->poll_wanted |= cpu->alone || kind == IR_EXIT_POLL;
    if (unit->alone && !m->crossed) {
        unit_unmark_alone(m, unit);
    }
    m->last_exit = NULL;
    unit_cache_set_running(m->units, NULL);
}

/*
 * Runs one unit, or a chain of them, up to the deadline. What must be cut to
 * land on it, or runs alone, is interpreted.
 */
static bool run_unit(struct machine *m, uint64_t deadline)
{
    uint64_t left = deadline - m->cpu->count;
    bool alone = m->redo_alone, whole = left >= m->unit_insns;
    bool careful = alone || m->cpu->request; /* to the end of the block */
    unsigned limit = careful ? 1 : m->unit_insns;
    struct unit *unit, *code = NULL;
    const uint8_t *entry;

    /* It may be longer than what would be translated now. */
    entry = m->jit && !careful && left >= UNIT_MAX_INSNS ? code_at_pc(m) : NULL;
    if (entry) {
        run_code(m, entry, deadline);
        return true;
    }
    unit = unit_at_pc(m, left < limit ? (unsigned)left : limit);
    if (!unit) {
        return false;
    }
    m->redo_alone = false;
    if (m->jit && !careful && !m->cpu->request && (whole || unit->host) &&
        !unit->io && !unit->plain && !unit->alone) {
        code = coded(m, unit);
        if (!code) {
            unit = unit_at_pc(m, limit);
        }
    }
    if (code) {
        connect(m, code);
        run_code(m, code->host->entry, deadline);
    } else if (unit) {
        interpret(m, unit, alone);
    }
    return unit;
}

/* A step was left: see the head of the file. */
static void after_leaving(struct machine *m, enum cpu_leave why)
{
    trace_left(m, why);
    if (m->watch && (m->in_unit || why == CPU_LEAVE_EXCEPTION)) {
        m->watch->left(m->watch, why);
    }
    if (m->in_unit) {
        m->cpu->guest->set_pc(m->cpu, m->cpu->insn_pc);
        m->in_unit = m->in_code = false;
        m->last_exit = NULL;
        unit_cache_set_running(m->units, NULL);
    }
    switch (why) {
    case CPU_LEAVE_EXCEPTION:
        m->redo_alone = false;
        m->cpu->alone = true; /* nothing runs that could not go on */
        m->cpu->guest->deliver_exception(m->cpu); /* may leave, too */
        m->cpu->count++;
        break;
    case CPU_LEAVE_IO:
        unit_mark_alone(m);
        m->redo_alone = true;
        break;
    case CPU_LEAVE_REDO:
        m->redo_alone = true;
        break;
    case CPU_LEAVE_REQUEST:
    case CPU_LEAVE_BROKEN:
        break;
    }
    m->poll_wanted = true;
}

/* -- Turns ----------------------------------------------------------------- */

/* The boundary is heard, and says up to where to run. It may be another one
 * afterwards: a recording begins or ends while the CPU is halted, too. */
static bool poll_boundary(struct machine *m, uint64_t limit, uint64_t *deadline)
{
    m->poll_wanted = false;
    if (m->stop_wanted || m->boundary->ops->poll(m->boundary) == POLL_STOP) {
        return false;
    }
    *deadline = m->boundary->ops->deadline(m->boundary);
    if (m->witness) {
        m->witness->deadline(m->witness->opaque, *deadline);
    }
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
    uint64_t deadline,
        slice_end = cpu->count + (m->chaos ? chaos_slice(m) : SLICE_STEPS);
    int why = setjmp(cpu->leave);

    if (why) {
        after_leaving(m, (enum cpu_leave)why);
        if (why == CPU_LEAVE_BROKEN) {
            return RUN_BROKEN;
        }
        if (m->one_unit) {
            return RUN_LIMIT;
        }
        if (m->chaos) {
            chaos_act(m);
        }
    }
    while (cpu->count < limit) {
        watch_settle(m, false);
        if (cpu->request && m->watch->serve(m->watch)) {
            cpu->request = 0;
        }
        if (!poll_boundary(m, limit, &deadline)) {
            return RUN_STOP;
        }
        if (watch_settle(m, true)) {
            continue;
        }
        while (cpu->count < deadline && !cpu->halted && !m->poll_wanted) {
            /* An exception or interrupt may have been its last step. */
            if (cpu->count >= slice_end) {
                return RUN_LIMIT;
            }
            if (!run_unit(m, deadline < slice_end ? deadline : slice_end)) {
                return RUN_BROKEN;
            }
            if (m->one_unit || cpu->count + m->unit_insns >= slice_end) {
                return RUN_LIMIT; /* of the slice */
            }
            if (cpu->request) {
                break;
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
        m->running = true;
        if (m->watch) {
            m->watch->enter(m->watch);
        }
        end = run_turns(m, limit);
        if (m->watch) {
            m->watch->leave(m->watch);
        }
        m->running = false;
        if (m->one_unit) {
            break;
        }
        if (end == RUN_LIMIT &&
            m->boundary->ops->slice_end(m->boundary) == POLL_STOP) {
            end = RUN_STOP;
        }
    }
    return end;
}
