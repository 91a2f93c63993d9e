/*
 * An event on its way to those who hear of it. Functions of plugins are
 * called through one convention: every argument widened to a register.
 */
#ifndef PLUGIN_RAISE_H
#define PLUGIN_RAISE_H

#include "plugin/plugins.h"

/*
 * Calls everybody who hears of the kind, in the order of registration.
 * Functions may register, enable and disable on the way. What is returned is
 * put together of what they returned: of bool, whether one said true (the
 * first two are in p->yes); of int32_t, the first that is not the second
 * argument, else that; of others 0.
 */
uint64_t plugins_raise(struct plugins *p, panda_cb_type kind,
                       const uint64_t arguments[6]);

/* The same, without the faults of mutant.h. */
uint64_t plugins_walk(struct plugins *p, panda_cb_type kind,
                      const uint64_t arguments[6]);

#define RAISE(p, KIND, ...) \
    plugins_raise(p, PANDA_CB_##KIND, (const uint64_t[6]){__VA_ARGS__})
/* With the CPU as the first argument. */
#define RAISE_CPU(p, KIND, ...) \
    RAISE(p, KIND, (uintptr_t) & (p)->cpu __VA_OPT__(, ) __VA_ARGS__)

static inline bool heard(const struct plugins *p, panda_cb_type kind)
{
    return p->active & KIND_BIT(kind);
}

static inline struct plugins *plugins_of(const struct cpu *cpu)
{
    return (struct plugins *)cpu->machine->watch;
}

/* What plugins read besides registers: the pc, and the count. */
static inline void show_place(struct plugins *p, uint64_t pc, uint64_t count)
{
    p->cpu.panda_guest_pc = pc;
    __asm__("" ::: "memory"); /* two stores take less than one of a vector */
    p->cpu.rr_guest_instr_count = count - p->count_base;
}

/* The CPU with its pc there, and the count; `within` an instruction, it
 * counts. */
static inline void show(struct plugins *p, struct cpu *cpu, uint64_t pc,
                        bool within)
{
    show_place(p, pc, cpu->count + within);
    cpu->guest->plugin->show(cpu, pc, p->cache);
}

/* The step's first event: it is given. */
static inline bool begins(struct plugins *p, const struct cpu *cpu)
{
    if (p->step == cpu->count) {
        return false;
    }
    p->step = cpu->count;
    p->given = 1;
    p->skip = 0;
    return true;
}

/*
 * An instruction that is left and begun again (to run alone, say) raises its
 * events again, in the same order. They are counted a step, and those that
 * were given already are not given twice. False: this one was.
 */
static inline bool fresh(struct plugins *p, const struct cpu *cpu)
{
    return likely(begins(p, cpu)) || p->given++ >= p->skip;
}

/* The same as show(), from C code that may have changed anything. */
void show_at(struct plugins *p, uint64_t pc, bool within);

#endif
