/* The plugins' blocks that a unit of the translator consists of. */
#include "plugin/weaver.h"

#include "base/error.h"
#include "ir/build.h"

#include <stdlib.h>

static uint64_t pc_of(const struct ir_unit *unit, unsigned insn)
{
    uint64_t pc = 0;

    for (uint32_t at = 1; at < unit->n_ins; at++) {
        if (unit->ins[at].op == IR_insn && unit->ins[at].imm == insn) {
            ir_const_value(unit, unit->ins[at].a, &pc);
            return pc;
        }
    }
    panda_bug("a unit has no instruction %u", insn);
}

/* Blocks are those of one mode. */
static unsigned of_mode(const struct ir_unit *unit)
{
    return unit->n_in_mode ? unit->n_in_mode : unit->n_insns;
}

static void add_part(struct weaver *w, struct block *block, unsigned position)
{
    unsigned left = block->shown.icount - position;
    struct unit_part *part = &w->blocks->part[w->blocks->n++];

    *part = (struct unit_part){block, w->keep, position, left};
    if (w->keep + left > of_mode(w->from)) {
        part->n = of_mode(w->from) - w->keep;
    }
    w->keep += part->n;
}

/* Whole blocks behind the first one, as long as they fit. */
static void more_parts(struct weaver *w)
{
    while (w->keep < of_mode(w->from)) {
        uint64_t pc = pc_of(w->from, w->keep);
        size_t at = pc - w->key->pc;
        unsigned n = at < w->rest ? block_length(w->p, w->key->mode,
                                                 w->bytes + at, w->rest - at)
                                  : 0;

        if (!n || w->keep + n > of_mode(w->from)) {
            return;
        }
        add_part(w, block_intern(w->p, w->key, pc, w->bytes + at, w->rest - at),
                 0);
    }
}

bool weave_find_parts(struct weaver *w)
{
    struct plugins *p = w->p;
    struct block *block;
    unsigned position = 0;

    if (w->key->block) {
        block = p->running;
        position = w->key->block & 1023;
    } else {
        block = block_intern(p, w->key, w->key->pc, w->bytes, w->rest);
    }
    if (!block) {
        return false;
    }
    add_part(w, block, position);
    more_parts(w);
    return true;
}
