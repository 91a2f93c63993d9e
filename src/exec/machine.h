/*
 * A machine: everything that two machines in one process do not share. The
 * board makes one and wires it; the run loop (run.c) drives it.
 */
#ifndef EXEC_MACHINE_H
#define EXEC_MACHINE_H

#include "boundary/boundary.h"
#include "exec/cpu.h"
#include "mem/mem.h"

#define UNIT_MAX_INSNS 64u
/* Between looks at the monitor and at host input; no guest can see it. */
#define SLICE_STEPS 100000u

enum run_end {
    RUN_LIMIT,  /* the count asked for is reached, exactly */
    RUN_STOP,   /* the boundary or a request ends the run */
    RUN_BROKEN, /* the guest did what nobody can go on from: see reason */
};

struct machine {
    struct memory *memory;
    struct cpu *cpu;
    struct boundary *boundary; /* owned by whoever made it */
    struct unit_cache *units;

    /* Guest instructions a unit, 1 .. UNIT_MAX_INSNS; may change any time. */
    unsigned unit_insns;

    /* Set from inside (helpers, callbacks): looked at before the next step. */
    bool poll_wanted; /* deadlines and interrupts */
    bool stop_wanted; /* end the run */
    char *reason;     /* of RUN_STOP and RUN_BROKEN, or NULL; owned */

    struct jit *jit;         /* NULL: everything is interpreted */
    struct chaos *chaos;     /* NULL: the engine chooses well; chaos.h */
    struct witness *witness; /* of all that crosses the boundary, or NULL */
    /* Units run one at a time, unlinked, and machine_run() returns after
     * each; see lockstep. */
    bool one_unit;
    struct trace *trace;   /* exec/trace.h; NULL: not written */
    struct watch *watch;   /* exec/watch.h; NULL: nobody */
    bool running;          /* between the watch's enter() and the slice's end */
    uint64_t requested_at; /* count at machine_leave_soon() */

    /* -- Of run.c alone ---------------------------------------------------- */
    bool in_unit; /* cpu->insn_pc says where */
    bool in_code; /* and it is generated code: cpu->running says which */
    struct host_exit *last_exit; /* that could be linked to what runs next */
    uint64_t upper_generation;   /* of the links that cross pages */
    bool redo_alone;             /* the instruction at pc is to run alone */
    bool crossed; /* the instruction that ran alone reached a device */
    /* Code addresses that had to run alone: later units end before them.
     * Direct-mapped; what is forgotten is found again. */
    uint64_t alone[4096];
    uint64_t alone_pages[64]; /* where any may be */
};

/* The memory is empty and the boundary is to be set before the first run. */
struct machine *machine_new(const struct guest *guest);
void machine_free(struct machine *machine);
/* Runs generated code from now on. False: no code memory; errno says why. */
bool machine_use_jit(struct machine *machine);
/* And names it for perf(1). False: errno says why. */
bool machine_perf_map(struct machine *machine);

/* What crosses the boundary goes this way; the CPU's accesses in both
 * directions, everything else in inward_apply(). */
uint64_t machine_io_read(struct machine *machine, enum io_kind kind,
                         uint64_t address, unsigned size);
void machine_io_write(struct machine *machine, enum io_kind kind,
                      uint64_t address, uint64_t value, unsigned size);

/*
 * Plugins steer within a step: `plain` is what the guest would get without
 * them, `wanted` what they want. Returns what it gets, which in a replay is
 * what it got when the run was recorded. To be called wherever plugins could
 * steer, whether there are any or not: the recording may have been made with
 * some. May be called again when the step is begun again.
 */
uint64_t machine_steered(struct machine *machine, enum steer_what what,
                         uint64_t plain, uint64_t wanted);

/* Who is told of it: of a read when its value is known, of everything else
 * before it takes effect. A read's event has the enum io_kind in `what`. */
struct witness {
    void (*inward)(void *opaque, const struct inward_event *event);
    void (*write)(void *opaque, enum io_kind kind, uint64_t address,
                  uint64_t value, unsigned size);
    /* The boundary was polled, and wants to be again at that count. */
    void (*deadline)(void *opaque, uint64_t deadline);
    void *opaque;
};

/* About generated code; all zero: everything is interpreted. */
struct machine_code {
    size_t used, size; /* bytes of code memory */
    uint64_t n_flushes, n_links;
};
struct machine_code machine_code(const struct machine *machine);

/* Runs until cpu->count is `limit`, or the run ends before. */
enum run_end machine_run(struct machine *machine, uint64_t limit);

/* Ends the run before this step, which no CPU of ours can do; the reason is
 * copied. */
_Noreturn void machine_cannot(struct machine *machine, const char *reason);
/* Ends the run before the next step; the reason is copied. */
void machine_stop(struct machine *machine, const char *reason);

#endif
