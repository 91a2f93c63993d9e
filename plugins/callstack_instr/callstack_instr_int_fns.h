/* Functions that other plugins may call; include callstack_instr_ext.h. */
#ifndef CALLSTACK_INSTR_INT_FNS_H
#define CALLSTACK_INSTR_INT_FNS_H

#include "callstack_instr/prog_point.h"

/* Return addresses, the newest one first; how many there are, n at most. */
uint32_t get_callers(target_ulong callers[], uint32_t n, CPUState *cpu);

/* The functions that run, by their first addresses, the newest one first. */
uint32_t get_functions(target_ulong functions[], uint32_t n, CPUState *cpu);

void get_prog_point(CPUState *cpu, prog_point *p);

/* The newest 16 return addresses, for a field of the pandalog; to be freed. It
 * is the Panda__CallStack of plog.pb-c.h. */
struct Panda__CallStack *pandalog_callstack_create(void);
void pandalog_callstack_free(struct Panda__CallStack *stack);

#endif
