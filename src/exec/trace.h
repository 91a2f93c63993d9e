/*
 * The interpreter's log of what it runs, for those who want a truth that has
 * passed no plugin: see `-trace` in the manual. Lines, numbers hexadecimal
 * but for counts and sizes:
 *
 *     I COUNT PC PHYSICAL MODE BYTES    an instruction begins behind so many
 *                               steps; the code there, enough for two
 *     D COUNT PC                an exception or interrupt is delivered, by the
 *                               accesses that follow; again if PC changes
 *     R ADDRESS SIZE FLAGS      it is about to read; FLAGS as in IR (memop)
 *     W ADDRESS SIZE FLAGS VALUE    or to write
 *     = PHYSICAL SIZE VALUE     of that, a part within one page is done
 *     L COUNT PC WHY            the instruction was left: enum cpu_leave
 *
 * Values are bytes in the order of addresses. A step that was left for
 * another reason than an exception begins anew.
 */
#ifndef EXEC_TRACE_H
#define EXEC_TRACE_H

#include "exec/machine.h"

/* From now on, with interpreted code. False: errno says why not. */
bool trace_open(struct machine *machine, const char *path);
void trace_close(struct machine *machine);

void trace_write_left(struct machine *machine, enum cpu_leave why);

static inline void trace_left(struct machine *machine, enum cpu_leave why)
{
    if (machine->trace && machine->in_unit) {
        trace_write_left(machine, why);
    }
}

#endif
