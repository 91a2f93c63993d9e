/* Listings of events: as they must be, and as plugins hear them. */
#ifndef PLUGINS_EVENTS_H
#define PLUGINS_EVENTS_H

#include "plugin/plugins.h"
#include "toy.h"

struct event {
    uint32_t kind; /* panda_cb_type */
    uint32_t size;
    uint64_t count, pc, address, value;
};

struct listing {
    struct event *event;
    size_t n, capacity;
    uint64_t kinds; /* a bit a kind that came */
    uint64_t state; /* digest of the machine in the end */
};

/* Blocks, instructions, and the eight kinds of accesses. */
#define ALL_KINDS \
    (KIND_BIT(PANDA_CB_BEFORE_BLOCK_EXEC) | \
     KIND_BIT(PANDA_CB_START_BLOCK_EXEC) | KIND_BIT(PANDA_CB_END_BLOCK_EXEC) | \
     KIND_BIT(PANDA_CB_AFTER_BLOCK_EXEC) | KIND_BIT(PANDA_CB_INSN_EXEC) | \
     KIND_BIT(PANDA_CB_AFTER_INSN_EXEC) | \
     0xffull << PANDA_CB_VIRT_MEM_BEFORE_READ)

struct how {
    unsigned unit_insns, flush_every;
    uint64_t piece;     /* steps a call of machine_run() */
    bool code;          /* generated code, not the interpreter */
    const char *mutant; /* of plugin/mutant.h, or NULL */
};

enum listener { SILENT, LISTEN, SWITCH, INVALIDATE };

void list_event(struct listing *listing, const struct event *event);
void list_truth(uint64_t seed, uint64_t steps, struct listing *listing);
void list_heard(uint64_t seed, uint64_t steps, const struct how *how,
                enum listener listener, struct listing *listing);
/* Prints the first difference. */
bool same_listing(const struct listing *x, const struct listing *y);
/* Each question is followed by its block: both once. */
bool same_twice(const struct listing *listing);

/* transfers.c: a recording is made there, and replayed. */
#define N_TRANSFER_KINDS 5u
bool transfers_are_heard(const char *path, const struct how *how);
unsigned transfer_faults_noticed(const char *path);

/* The outside world of both: interrupts and device reads by count. */
struct machine *outside_machine(uint64_t seed, unsigned flush_every);
void outside_free(struct machine *machine);
uint64_t outside_state(const struct machine *machine);

#endif
