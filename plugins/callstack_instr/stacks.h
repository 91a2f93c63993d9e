/*
 * Shadow stacks: what functions have been called and have not returned.
 *
 * A frame is known by its slot, where its return address lies. The guest's
 * stacks grow downwards, so frames below the stack pointer are gone, by
 * whatever way: returns, longjmp(), exceptions.
 *
 * A lane is one stack of the guest (a thread's, the kernel's for it, one of
 * signals), told from others of its key by the range of its stack pointer.
 */
#ifndef CALLSTACK_INSTR_STACKS_H
#define CALLSTACK_INSTR_STACKS_H

#include "panda/plugin.h"

struct frame {
    target_ulong slot;
    target_ulong back; /* the return address */
    target_ulong func;
    uint64_t when; /* order of the calls */
};

struct lane {
    target_ulong key;  /* what it is filed under: an address space */
    target_ulong base; /* the stack pointer it was first seen with */
    target_ulong sp;   /* and last */
    struct frame *frame;
    size_t n, capacity;
    struct lane *next; /* of the key, used before */
};

/* The lane of a stack pointer. May make one, and forget the one that was not
 * used for the longest time. */
struct lane *lane_of(target_ulong key, target_ulong sp);
/* The same, or NULL. */
struct lane *lane_find(target_ulong key, target_ulong sp);
/* All lanes of a key. */
struct lane *lanes_of(target_ulong key);
void lane_push(struct lane *lane, target_ulong slot, target_ulong back,
               target_ulong func);
/* How many frames are live with that stack pointer. */
size_t lane_live(const struct lane *lane, target_ulong sp);
void lanes_free(void);

#endif
