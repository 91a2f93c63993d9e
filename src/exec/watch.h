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

struct watch {
    uint64_t woven; /* key.watch of units to run now; 0: plain ones */
    bool asids;     /* asid_changed() wants to be called */
    bool in_block;  /* the pc may lie in the midst of a block */

    /* The machine begins to run a slice, in this thread. */
    void (*enter)(struct watch *watch);
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
};

/* The run loop calls serve() before the next block of watched code, or the
 * next unit of other code. */
void machine_leave_soon(struct machine *machine);
/* Units of another watch->woven run from now on. Between units. */
void machine_watch_changed(struct machine *machine);

static inline bool watch_asid_changed(struct cpu *cpu, uint64_t from,
                                      uint64_t to)
{
    struct watch *watch = cpu->machine->watch;

    return watch && watch->asids && watch->asid_changed(watch, from, to);
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
