/*
 * Ours, beyond PANDA: a function is called only for the events that its
 * filter lets pass. Code address, privilege and size are decided when a block
 * is translated: what they leave out costs nothing.
 */
#ifndef PANDA_FILTER_H
#define PANDA_FILTER_H

#include "panda/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PANDA_IN_KERNEL 1u
#define PANDA_IN_USER 2u

/* All zero: everything passes. Loads and stores are callbacks of their own. */
typedef struct panda_filter {
    /* Of blocks their start, of all else the instruction. Last 0: no end. */
    target_ulong first_pc, last_pc;
    /* Of accesses, as the callback is given it. Last 0: no end. */
    target_ulong first, last;
    target_ulong asid; /* as panda_current_asid() gives it */
    bool has_asid;
    uint8_t where; /* PANDA_IN_*; 0: both */
    uint8_t sizes; /* of accesses: those wanted, or'ed: 1 | 4; 0: all */
} panda_filter;

/*
 * For 2, 4, 5, 7, 9 to 19, 49 and 50, of the first registration of that
 * function without a context. NULL: no filter. Takes effect before the next
 * block; the filter is copied.
 */
void panda_set_filter(void *plugin, panda_cb_type type, panda_cb cb,
                      const panda_filter *filter);

/*
 * For virt_mem_after_read and virt_mem_after_write: accesses with a byte for
 * which wanted[] is not zero, and which is either the last one or goes on with
 * a byte such that bit (second & 7) of pairs[first << 5 | second >> 3] is set;
 * and all by instructions whose pc is marked. Others may be told, too. One
 * plugin at a time is spared calls by this. wanted NULL: no filter.
 */
void panda_filter_bytes(void *plugin, panda_cb_type type, panda_cb cb,
                        const uint8_t wanted[256], const uint8_t pairs[8192]);
/* Marks it once more, or once less. Not within the instruction that has the
 * mark: it may not be done with. */
void panda_mark_pc(void *plugin, target_ulong pc, bool marked);

#ifdef __cplusplus
}
#endif

#endif
