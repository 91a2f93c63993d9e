/*
 * What plugins write into the guest, and what results of theirs steer it.
 *
 * A write takes effect between steps. What a callback before an instruction
 * writes (the start of its block, insn_exec), takes effect before that
 * instruction, when all callbacks before it have returned; whatever is written
 * later, when the instruction (or the delivery) is over. Until then only the
 * callback that wrote sees it. So all plugins see the same at one event,
 * whichever order they are called in.
 *
 * Registers are written in the struct that plugins read. Its pages are mapped
 * a second time for them, without the right to write: so that a plugin writes
 * is noticed when it does, and costs nothing as long as none does. From then on
 * registers are compared around each callback, until for a while nobody has
 * written.
 *
 * In a recording each write is an entry of the log. In a replay the entries
 * are what is written; a plugin's own writes are only compared with them.
 */
#ifndef PLUGIN_STEER_H
#define PLUGIN_STEER_H

#include "plugin/plugins.h"

/*
 * Around each call of a plugin's function, whatever the event. The first is
 * for every walk, the second for what follows one function's return.
 */
static inline void steer_call(struct plugins *p, const struct subscription *s)
{
    p->calling = s;
    if (p->steer.armed) {
        steer_before(p);
    }
}
static inline void steer_returned(struct plugins *p)
{
    if (p->steer.armed) {
        steer_after(p);
    }
}

/*
 * For results that steer (see machine_steered(), which dispatch functions
 * call with what their walk came to): a function that wants something else
 * than what the guest would get is noted, to be named when a replay cannot
 * give it.
 *
 *     WALK(p, PANDA_CB_..., member, wanted = steer_result(p, wanted, plain,
 *          (calls)));
 */
void steer_blame(struct plugins *p);

#endif
