/* What other plugins may hear from callstack_instr; see README.md. */
#ifndef CALLSTACK_INSTR_H
#define CALLSTACK_INSTR_H

#include "panda/plugin.h"

#include "callstack_instr/prog_point.h"

/* A function has been entered; func is its first address. */
PPP_CB_TYPEDEF(void, on_call, CPUState *cpu, target_ulong func)
/* It has been left. */
PPP_CB_TYPEDEF(void, on_ret, CPUState *cpu, target_ulong func)

#endif
