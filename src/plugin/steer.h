/*
 * What plugins write into the guest, and what results of theirs steer it.
 *
 * A write takes effect between steps. What a callback before an instruction
 * writes (the start of its block, insn_exec), takes effect before that
 * instruction, when all callbacks before it have returned; whatever is written
 * later, when the instruction (or the delivery) is over. Until then only the
 * plugin that wrote sees it. So all plugins see the same at one event,
 * whichever order they are called in.
 *
 * In a recording each write is an entry of the log. In a replay the entries
 * are what is written; a plugin's own writes are only compared with them.
 *
 * Included by plugin/plugins.h.
 */
#ifndef PLUGIN_STEER_H
#define PLUGIN_STEER_H

#include "plugin/plugins.h"

/* -- shown.c --------------------------------------------------------------- */

/*
 * Registers are written in the struct that plugins read. Its pages are mapped
 * a second time for them, without the right to write: so a plugin's first
 * write is noticed, and costs nothing as long as there is none. From then on
 * registers are compared around each call, until for long nobody has written.
 */
void shown_open(struct plugins *p);
void shown_close(struct plugins *p);
/* A fault at that address: true when it is the first write. */
bool shown_touched(struct plugins *p, uintptr_t address);
void shown_before(struct plugins *p);
void shown_after(struct plugins *p);

/* Around each call of a plugin's function, whatever the event. */
static inline void steer_call(struct plugins *p, const struct subscription *s)
{
    p->calling = s;
    if (p->steer.armed) {
        shown_before(p);
    }
}

static inline void steer_returned(struct plugins *p,
                                  const struct subscription *outer)
{
    if (p->steer.armed) {
        shown_after(p);
    }
    p->calling = outer;
}

/* -- steer.c --------------------------------------------------------------- */

void steer_open(struct plugins *p);
void steer_free(struct plugins *p);

/* From a plugin: takes effect later. The range lies within memory. */
void steer_write_memory(struct plugins *p, const struct mem_block *block,
                        uint64_t offset, const void *bytes, size_t size);
void steer_write_register(struct plugins *p, uint32_t number, const void *bytes,
                          size_t size);
/* What the calling plugin has written there and has not taken effect. */
void steer_overlay(const struct plugins *p, const struct mem_block *block,
                   uint64_t offset, void *bytes, size_t size);

/* At the end of what woven code calls before an instruction. May leave. */
void steer_begin_again(struct plugins *p);
static inline void steer_before_insn(struct plugins *p)
{
    if (unlikely(p->watch.pending)) {
        steer_begin_again(p);
    }
}
/* All of them have been called. Leaves. */
void steer_told(struct plugins *p, struct cpu *cpu);

/*
 * For results that steer. Wherever plugins might, the place in the engine
 * calls machine_steered(m, what, plain, wanted), whether there are plugins or
 * not. The walk tells who wants something else than `plain`, so that a replay
 * can name it: after a function returned, while it is still p->calling,
 *
 *     if (result != plain)
 *         steer_blame(p);
 */
static inline void steer_blame(struct plugins *p)
{
    p->steer.blamed = p->calling ? p->calling->owner : NULL;
}

#endif
