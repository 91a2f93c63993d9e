/*
 * Somebody who watches the guest: the plugins (src/plugin), as the run loop
 * and the guests see them. Code for a unit depends on what is watched, which
 * is in its key; what is not watched leaves no trace.
 *
 * A watcher sees blocks, which are of the guest's making, not units. When the
 * engine cuts a unit within a block, the rest of the block is a continuation:
 * a unit of another key, which is reached from the cut and never by a look-up
 * of its pc alone.
 */
#ifndef EXEC_WATCH_H
#define EXEC_WATCH_H

#include "exec/machine.h"
#include "exec/unit_cache.h"

struct transfer;

struct watch {
    uint64_t woven;      /* key.watch of units to run now; 0: plain ones */
    bool in_block;       /* the pc may lie in the midst of a block */
    bool pending;        /* settle() is to be called before the next step */
    struct watch_wants { /* what of the following wants to be called */
        bool asids, hypercalls, exceptions, interrupts;
        bool devices, nobody, dma, transfers;
    } wants;

    /* The machine begins to run a slice, in this thread, or has run it. */
    void (*enter)(struct watch *watch);
    void (*leave)(struct watch *watch);
    /* key.block for a unit at this key: 0 at the start of a block. */
    uint64_t (*block)(struct watch *watch, const struct unit_key *key);
    /*
     * Takes a unit as translated and returns what is to run instead. `bytes`
     * are those at the key's pc, up to the end of the page. *size: how many
     * of them the unit depends on. *blocks: for left(), to be freed.
     */
    struct ir_unit *(*weave)(struct watch *watch, const struct unit_key *key,
                             struct ir_unit *ir, const uint8_t *bytes,
                             size_t rest, size_t *size, void **blocks);
    /* An instruction was left at its start, with cpu->running still there,
     * or, with CPU_LEAVE_EXCEPTION, control goes elsewhere. */
    void (*left)(struct watch *watch, enum cpu_leave why);
    /* Between units, after machine_leave_soon(). False: not in the midst of a
     * block, ask again after the next instruction. */
    bool (*serve)(struct watch *watch);
    /* Bytes with code are about to change. */
    void (*written)(struct watch *watch, uint64_t physical, uint64_t size);
    /* The address space is about to change. True: it must not. */
    bool (*asid_changed)(struct watch *watch, uint64_t from, uint64_t to);
    /* At an instruction by which programs call who watches. True: it was
     * meant so, and does nothing else. */
    bool (*hypercall)(struct watch *watch);
    /* An exception is about to be delivered, or an interrupt from outside;
     * the guest would go on at that pc. Returns the one to deliver; of
     * exceptions, a negative one is none. */
    int32_t (*exception)(struct watch *watch, int32_t number, uint64_t pc);
    unsigned (*interrupt)(struct watch *watch, unsigned vector);
    /* Device memory was read, or is about to be written. May change the
     * value. cpu->io_page is the page by virtual address. */
    void (*device)(struct watch *watch, bool write, uint64_t physical,
                   unsigned size, uint64_t *value);
    /* The same where no device answers. True: the value is the answer. */
    bool (*nobody)(struct watch *watch, bool write, uint64_t physical,
                   unsigned size, uint64_t *value);
    /* A device writes to memory, and has written. */
    void (*dma)(struct watch *watch, const struct inward_event *event,
                bool after);
    /* A device of the recorded machine told of a transfer inside it. */
    void (*transfer)(struct watch *watch, const struct transfer *transfer);
    /* Between steps: what plugins wrote takes effect. `polled`: the boundary
     * has been asked at this count, so a replay's log has had its say. True:
     * it is to be asked again. */
    bool (*settle)(struct watch *watch, bool polled);
    /* A POKE or REGISTER has taken effect. */
    void (*poked)(struct watch *watch, const struct inward_event *event);
    /* Whoever watches is yet to be told of the instruction at the pc; it will
     * be run up to there, and the boundary then asked again. */
    bool (*holds)(struct watch *watch);
    /* A replay has something else than what the plugins made of it; true:
     * they have their way all the same. */
    bool (*refused)(struct watch *watch, enum steer_what what);
};

/* The run loop calls serve() before the next block of watched code, or the
 * next unit of other code. */
void machine_leave_soon(struct machine *machine);
/* Units of another watch->woven run from now on. Between units. */
void machine_watch_changed(struct machine *machine);

/* -- Results that steer the guest: see machine_steered() ------------------- */

static inline bool watch_asid_changed(struct cpu *cpu, uint64_t from,
                                      uint64_t to)
{
    struct watch *watch = cpu->machine->watch;
    bool veto = watch && watch->wants.asids &&
                watch->asid_changed(watch, from, to);
    bool stays = machine_steered(cpu->machine, STEER_ASID, 0, veto);

    if (stays != veto && watch) {
        machine_leave_soon(cpu->machine); /* to find the space's bit anew */
    }
    return stays;
}

static inline bool watch_hypercall(struct cpu *cpu)
{
    struct watch *watch = cpu->machine->watch;
    bool answered = watch && watch->wants.hypercalls && watch->hypercall(watch);

    return machine_steered(cpu->machine, STEER_HYPERCALL, 0, answered);
}

static inline int32_t watch_exception(struct cpu *cpu, int32_t number,
                                      uint64_t pc)
{
    struct watch *watch = cpu->machine->watch;
    int32_t wanted = watch && watch->wants.exceptions
                         ? watch->exception(watch, number, pc)
                         : number;

    return (int32_t)machine_steered(cpu->machine, STEER_EXCEPTION,
                                    (uint32_t)number, (uint32_t)wanted);
}

static inline unsigned watch_interrupt(struct machine *machine, unsigned vector)
{
    struct watch *watch = machine->watch;
    unsigned wanted = watch && watch->wants.interrupts
                          ? watch->interrupt(watch, vector)
                          : vector;

    return (unsigned)machine_steered(machine, STEER_INTERRUPT, vector, wanted);
}

static inline uint64_t watch_device(struct machine *machine, bool write,
                                    uint64_t physical, unsigned size,
                                    uint64_t value)
{
    struct watch *watch = machine->watch;
    uint64_t wanted = value;

    if (watch && watch->wants.devices) {
        watch->device(watch, write, physical, size, &wanted);
    }
    return machine_steered(machine, write ? STEER_MMIO_WRITE : STEER_MMIO_READ,
                           value, wanted);
}

static inline void watch_dma(struct machine *machine,
                             const struct inward_event *event, bool after)
{
    struct watch *watch = machine->watch;

    if (watch && watch->wants.dma) {
        watch->dma(watch, event, after);
    }
}

static inline bool watch_settle(struct machine *machine, bool polled)
{
    struct watch *watch = machine->watch;

    return watch && watch->pending && watch->settle(watch, polled);
}

static inline void watch_poked(struct machine *machine,
                               const struct inward_event *event)
{
    machine->last_exit = NULL;
    if (machine->watch) {
        machine->watch->poked(machine->watch, event);
    }
}

static inline bool watch_holds(struct machine *machine)
{
    struct watch *watch = machine->watch;

    return watch && watch->woven && watch->holds(watch);
}

static inline bool watch_refused(struct machine *machine, enum steer_what what)
{
    struct watch *watch = machine->watch;

    return watch && watch->refused(watch, what);
}

/* Control goes where no block leads: an interrupt. */
static inline void watch_diverted(struct machine *machine)
{
    if (machine->watch) {
        machine->last_exit = NULL;
        machine->watch->left(machine->watch, CPU_LEAVE_EXCEPTION);
    }
}

#endif
