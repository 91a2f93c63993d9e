/* Between run.c and translate.c: the unit to run next. */
#ifndef EXEC_TRANSLATE_H
#define EXEC_TRANSLATE_H

#include "exec/machine.h"
#include "exec/unit_cache.h"

/* The unit at the CPU's pc of at most `limit` instructions, translated when
 * it is not in the cache. May leave with the fault of a fetch. NULL: there is
 * no code but a device; machine->reason says so. */
struct unit *unit_at_pc(struct machine *machine, unsigned limit);

/* Remembers that the instruction at the pc has to run alone. */
void unit_mark_alone(struct machine *machine);
/* The unit's only instruction has run alone without need. */
void unit_unmark_alone(struct machine *machine, const struct unit *unit);

/* The code_written hook. */
bool unit_code_written(void *machine, struct mem_block *block, uint64_t offset,
                       uint64_t size);

#endif
