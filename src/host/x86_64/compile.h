/*
 * From a unit of IR to x86-64 code.
 *
 * Registers: rbx the CPU, r13 the budget (steps left until the deadline), rsp
 * the frame; rax, rcx, rdx scratch; the others hold values. A unit begins
 *
 *     sub r13, steps of the unit ; jl out of budget
 *
 * and whoever leaves it early adds back what was not run, so the count is
 * deadline - r13 at every exit. Values of v128 live in the frame.
 *
 * State is stored where it is set, with one exception: flags. A set of the
 * flags slot from a flags op waits, and is made good where the state can be
 * seen: in the cold code of an access, before a call, at an exit.
 */
#ifndef HOST_X86_64_COMPILE_H
#define HOST_X86_64_COMPILE_H

#include "host/x86_64/code_memory.h"
#include "ir/types.h"

struct cpu;
struct draw;
struct lowering;

#define JIT_MMU_MAX 4 /* = MMU_MAX */
#define JIT_STUBS_MAX 1024u

/* One way out of a unit to a constant pc. */
struct host_exit {
    uint64_t pc;
    uint8_t *place; /* displacement of its jump, in the view to write */
    uint8_t *stub;  /* where that leads when not linked */
    struct host_unit *owner, *target; /* target: NULL when not linked */
    struct host_exit *next;           /* of those that lead to the target */
    bool never;                       /* leads to what must not be linked */
    /* Linked into another page: the list of those, and what points here. */
    struct host_exit *next_crossing, **crossing;
};

struct host_unit {
    const uint8_t *entry; /* in the view to run */
    uint64_t pc;
    struct host_exit *incoming;
    unsigned n_exits;
    struct host_exit exits[];
};

/* Why generated code came back; other values are a struct host_exit. */
enum host_return {
    HOST_RETURN_KIND, /* + enum ir_exit_kind: pc computed */
    HOST_RETURN_BUDGET = 8,
};

struct jit {
    struct code_memory memory;
    const struct guest *guest;
    struct lowering *lowering; /* of the unit being compiled */
    /* Common code, in the view to write. */
    const uint8_t *leave; /* back to C; rax: why, rdx: pc */
    const uint8_t *miss;  /* the same for a computed pc not in the cache */
    /* Look-up in the second way, by kind of access and MMU index: as the
     * first one's (lower_state.c); host flag Z: found. */
    const uint8_t *second[2][JIT_MMU_MAX];
    void *enter;                   /* see jit_run() */
    const uint8_t *call;           /* the C function in rax */
    uint8_t *stubs_at, *stubs_end; /* see lower_call.c */
    struct jit_stub {
        const void *function;
        unsigned effects;
        const uint8_t *code;
    } stubs[JIT_STUBS_MAX]; /* by hash */
    unsigned n_stubs;
    const uint8_t *floats_in, *floats_out; /* lower_float.c */
    uint32_t flags_slot;                   /* or UINT32_MAX */
    bool has_bmi2;                         /* of the host */
    struct host_exit *crossing;

    /* -- For tests: see exec/chaos.h and jit_break() --------------------- */
    struct draw *chaos;                 /* NULL: registers are chosen well */
    unsigned broken_op;                 /* enum ir_op; 0: none */
    uint64_t broken_first, broken_last; /* which uses of it, counted ... */
    uint64_t broken_uses;               /* ... here */
    struct perf_map *perf_map;          /* NULL: perf(1) is not told */
    uint64_t n_flushes, n_links;        /* for the curious */
};

bool jit_open(struct jit *jit, const struct guest *guest, size_t size);
void jit_close(struct jit *jit);
/* NULL: the code memory is full, or the unit is too large for the frame. The
 * unit's pc and mode are the arguments; `running` is what cold code writes
 * into cpu->running. */
struct host_unit *jit_compile(struct jit *jit, const struct ir_unit *unit,
                              uint64_t pc, uint64_t mode, void *running);
void jit_unit_free(struct host_unit *unit); /* unlinks both ways */
void jit_unit_unlink(struct host_unit *unit);
/*
 * Whether a constant exit may be linked at all. Within a page always: both
 * ends are mapped alike. From page to page only in the upper half of virtual
 * space, where kernels live and mappings of code hardly ever change; when
 * they do, jit_unlink_crossing() must be called before code runs again.
 */
static inline bool jit_linkable(uint64_t from, uint64_t to)
{
    return !((from ^ to) >> 12) || to >> 63;
}
void jit_unlink_crossing(struct jit *jit);
/* `straddles`: the target's code lies in two pages. */
void jit_link(struct jit *jit, struct host_exit *exit, struct host_unit *target,
              bool straddles);
/* From now on gives an op a wrong result, to see whether that is noticed: in
 * the uses from `first` to `last` that are compiled. False: no such op. */
bool jit_break(struct jit *jit, const char *op, uint64_t first, uint64_t last);
/* Forgets all code; every unit must have been freed. */
void jit_flush(struct jit *jit);

/* Runs from a unit's entry on for at most cpu->deadline - cpu->count steps.
 * Sets cpu->count. *pc is where to go on. */
uint64_t jit_run(struct jit *jit, struct cpu *cpu, const uint8_t *entry,
                 uint64_t *pc);

#endif
