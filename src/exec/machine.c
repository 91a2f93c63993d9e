/*
 * A machine: what it consists of, its way to the boundary, and the memory for
 * generated code. What it does is in run.c.
 */
#include "exec/machine.h"

#include "base/error.h"
#include "boundary/boundary.h"
#include "exec/chaos.h"
#include "exec/trace.h"
#include "exec/translate.h"
#include "exec/unit_cache.h"
#include "exec/watch.h"
#include "host/x86_64/compile.h"
#include "host/x86_64/perf_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* -- The CPU's accesses to devices ----------------------------------------- */

uint64_t machine_io_read(struct machine *m, enum io_kind kind, uint64_t address,
                         unsigned size)
{
    struct inward_event event = {
        .kind = INWARD_READ, .what = kind, .address = address, .size = size};

    event.value = m->boundary->ops->read(m->boundary, kind, address, size);
    if (m->witness) {
        m->witness->inward(m->witness->opaque, &event);
    }
    return event.value;
}

void machine_io_write(struct machine *m, enum io_kind kind, uint64_t address,
                      uint64_t value, unsigned size)
{
    if (m->witness) {
        m->witness->write(m->witness->opaque, kind, address, value, size);
    }
    m->boundary->ops->write(m->boundary, kind, address, value, size);
}

uint64_t machine_steered(struct machine *m, enum steer_what what,
                         uint64_t plain, uint64_t wanted)
{
    struct boundary *b = m->boundary;
    struct inward_event event = {
        .kind = INWARD_STEER,
        .what = what,
        .value = b && b->ops->steer ? b->ops->steer(b, what, plain, wanted)
                                    : wanted};

    if (m->witness && event.value != plain) {
        m->witness->inward(m->witness->opaque, &event);
    }
    return event.value;
}

static uint64_t io_read(void *opaque, uint64_t physical, unsigned size)
{
    struct machine *m = opaque;
    uint64_t value;

    m->crossed = true;
    value = machine_io_read(m, BOUNDARY_MEMORY, physical, size);
    return watch_device(m, false, physical, size, value);
}

static void io_write(void *opaque, uint64_t physical, uint64_t value,
                     unsigned size)
{
    struct machine *m = opaque;

    m->crossed = true;
    value = watch_device(m, true, physical, size, value);
    machine_io_write(m, BOUNDARY_MEMORY, physical, value, size);
}

/* -- Machines -------------------------------------------------------------- */

#define HUGE_SIZE (2ul << 20)

/* TLB and jump cache are a megabyte that is looked into all over: in one of
 * the host's huge pages they take one entry of its own TLB. Pages of its own:
 * plugins see some of them a second time. */
static struct cpu *new_cpu(const struct guest *guest)
{
    size_t size = (guest->cpu_size + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1);
    void *cpu;

    if (posix_memalign(&cpu, HUGE_SIZE, size)) {
        panda_bug("out of memory");
    }
    madvise(cpu, size, MADV_HUGEPAGE); /* a wish; it may be refused */
    memset(cpu, 0, guest->cpu_size);
    return cpu;
}

struct machine *machine_new(const struct guest *guest)
{
    struct machine *m = panda_must(calloc(1, sizeof(*m)));
    struct mem_hooks hooks = {m, io_read, io_write, unit_code_written};

    m->cpu = new_cpu(guest);
    jump_cache_clear(&m->cpu->jump_cache);
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
        trace_close(m);
        unit_cache_free(m->units);
        if (m->jit) {
            jit_close(m->jit);
            free(m->jit);
        }
        mem_detach_cpu(m->cpu);
        mem_free(m->memory);
        free(m->cpu);
        free(m->chaos);
        free(m->reason);
        free(m);
    }
}

void machine_cannot(struct machine *m, const char *reason)
{
    free(m->reason);
    m->reason = panda_message("%s", reason);
    cpu_leave(m->cpu, CPU_LEAVE_BROKEN);
}

void machine_stop(struct machine *m, const char *reason)
{
    free(m->reason);
    m->reason = panda_message("%s", reason);
    m->stop_wanted = true;
}

/* -- Generated code -------------------------------------------------------- */

#define CODE_SIZE (256ul << 20)

static void unit_dropped(void *opaque, struct unit *unit)
{
    struct machine *m = opaque;

    jump_cache_drop_code(&m->cpu->jump_cache, unit->key.pc, unit->host->entry);
    jit_unit_free(unit->host);
    m->last_exit = NULL;
}

bool machine_use_jit(struct machine *m)
{
    m->jit = calloc(1, sizeof(*m->jit));
    if (!m->jit ||
        !jit_open(m->jit, m->cpu->guest,
                  m->chaos ? chaos_code_size(m->chaos) : CODE_SIZE)) {
        free(m->jit);
        m->jit = NULL;
        return false;
    }
    m->jit->chaos = m->chaos ? &m->chaos->code : NULL;
    unit_cache_on_drop(m->units, unit_dropped, m);
    m->cpu->jump_cache.code_start = m->jit->memory.run;
    return true;
}

bool machine_perf_map(struct machine *m)
{
    m->jit->perf_map = perf_map_open();
    return m->jit->perf_map;
}

struct machine_code machine_code(const struct machine *m)
{
    const struct jit *jit = m->jit;

    return jit ? (struct machine_code){jit->memory.used +
                                           jit->memory.cold_used -
                                           jit->memory.cold_start,
                                       jit->memory.size, jit->n_flushes,
                                       jit->n_links}
               : (struct machine_code){0};
}
