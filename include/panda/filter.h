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
 * For virt_mem_after_read and virt_mem_after_write: which accesses may have
 * bytes that are looked for. Pairs of bytes are bits:
 * [first << 5 | second >> 3] >> (second & 7) & 1; first has the lower address.
 * Told are accesses
 *
 *  - of one byte that is in one[],
 *  - of several whose last two are in last[],
 *  - of eight whose third and fourth are in within[],
 *
 * and of these only such that have a byte of one[] that is the last one or is
 * in pairs[] with the next; and all by instructions that are marked. Others
 * may be told, too.
 */
typedef struct panda_byte_filter {
    uint8_t one[256];
    uint8_t last[8192], within[8192], pairs[8192];
} panda_byte_filter;

/* One plugin at a time is spared calls by this. The filter is copied; NULL:
 * none. */
void panda_filter_bytes(void *plugin, panda_cb_type type, panda_cb cb,
                        const panda_byte_filter *filter);

#define PANDA_ANY_ASID ((target_ulong)-1)

/* Marks it once more, or once less, in an address space or in all. Not within
 * the instruction that has the mark: it may not be done with. */
void panda_mark_pc(void *plugin, target_ulong pc, target_ulong asid,
                   bool marked);

#ifdef __cplusplus
}
#endif

#endif
