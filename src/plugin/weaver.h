/* The instrument pass at work: shared by its files. */
#ifndef PLUGIN_WEAVER_H
#define PLUGIN_WEAVER_H

#include "plugin/plugins.h"

#include "ir/ir.h"

/* Slots of the guest that the pass uses, by name. */
enum woven_slot { REQUEST, CURRENT, ASID_BIT, N_WOVEN_SLOTS };

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
    /* Here, what plugins see is known to be what it was made of: the copies
     * that C code may have outdated, and those that sets of slots may. */
    bool current, flags_shown;
    bool changed; /* state, by C code in the open instruction: the mode, too */
};

/* dispatch.c: helpers of woven units */
enum woven_helper {
    WOVEN_BLOCK_START,  /* (block) */
    WOVEN_BLOCK_NEW,    /* (block) */
    WOVEN_BLOCK_END,    /* (block, pc) */
    WOVEN_BLOCK_END_IF, /* (condition, block, pc) */
    WOVEN_BLOCK_CUT,    /* (block, position) */
    WOVEN_INSN_EXEC,    /* (answer) */
    WOVEN_AFTER_INSN,   /* (next pc, answer) */
    WOVEN_SHOW,         /* for call_unless: the copies are made anew */
    WOVEN_ACCESS,       /* (address, value, how) */
    WOVEN_BEFORE_WRITE, /* the same, and the CPU struct is up to date; the
                           size in bytes is how >> ACCESS_SIZE */
    WOVEN_AFTER_READ,
    WOVEN_AFTER_WRITE,
    WOVEN_ACCESS_FILTERED, /* the same */
    WOVEN_ACCESS_V,
    WOVEN_INSERTED, /* (first call) */
    WOVEN_TOLD,
    WOVEN_LEAVE, /* for call_unless: what was written is to take effect */
    N_WOVEN_HELPERS
};
extern const struct guest_helper woven_helpers[N_WOVEN_HELPERS];

/* -- weave.c --------------------------------------------------------------- */

ir_ref weave_constant(struct weaver *w, enum ir_type type, uint64_t value);
ir_ref weave_put(struct weaver *w, enum ir_op op, enum ir_type type, ir_ref a,
                 ir_ref b, ir_ref c, uint32_t imm);
void weave_call(struct weaver *w, enum woven_helper helper, ir_ref a, ir_ref b,
                ir_ref c);
/* Calls unless what lies at the address on the host has one of the bits. */
void weave_call_unless(struct weaver *w, enum woven_helper helper,
                       const void *address, ir_ref bits);
/* One of these kinds is heard of. */
bool weave_wants(const struct weaver *w, uint64_t kinds);
/* Of the open instruction, or its access of that size, one might be. */
bool weave_told_of_insn(const struct weaver *w, uint64_t kinds, unsigned size);
uint64_t weave_insn_pc(const struct weaver *w);

/* -- weave_access.c -------------------------------------------------------- */

/* Of the four kinds of virtual accesses; those of physical ones are two
 * further on. */
static inline panda_cb_type virtual_kind(uint32_t how)
{
    return (how & ACCESS_AFTER ? PANDA_CB_VIRT_MEM_AFTER_READ
                               : PANDA_CB_VIRT_MEM_BEFORE_READ) +
           ((how & ACCESS_WRITE) != 0);
}

/* How many the instruction that begins there has. */
unsigned weave_count_accesses(const struct weaver *w, uint32_t at);
/* A load or store, copied, and told of before and after. */
ir_ref weave_access(struct weaver *w, const struct ir_ins *ins);
/* The registers that plugins see are brought up to date, but for the pc.
 * False: whoever is called does it. */
bool weave_show(struct weaver *w);
/* The same but for the copies. */
bool weave_show_flags(struct weaver *w);
/* A slot has been set, or any state by C code. */
void weave_set(struct weaver *w, uint32_t slot);
void weave_changed(struct weaver *w);

/* -- weave_blocks.c -------------------------------------------------------- */

/* Which blocks the unit has, and how many of its instructions stay. False: it
 * has none to begin with. */
bool weave_find_parts(struct weaver *w);

#endif
