/* The instrument pass at work: shared by its files. */
#ifndef PLUGIN_WEAVER_H
#define PLUGIN_WEAVER_H

#include "plugin/plugins.h"

#include "ir/ir.h"

/* Slots of the guest that the pass uses, by name. */
enum woven_slot { REQUEST, STALE, ASID_BIT, N_WOVEN_SLOTS };

struct weaver {
    struct plugins *p;
    const struct unit_key *key;
    const struct ir_unit *from;
    struct ir_unit *to;
    struct unit_blocks *blocks;
    ir_ref *map; /* of values */
    const uint8_t *bytes;
    size_t rest;
    unsigned keep;     /* instructions of the unit that stay */
    unsigned insn;     /* the open one */
    unsigned accesses; /* of it */
    uint32_t slot[N_WOVEN_SLOTS];
    struct unit_part *part; /* the open instruction's */
    bool told; /* plugins, by the last instruction: they may have written */
};

/* weave_blocks.c */
/* Which blocks the unit has, and how many of its instructions stay. False: it
 * has none to begin with. */
bool weave_find_parts(struct weaver *w);

#endif
