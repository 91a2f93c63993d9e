/* Which thread runs, as a plugin `osi` knows it: for stack_type=threaded. */
#ifndef CALLSTACK_INSTR_THREADS_H
#define CALLSTACK_INSTR_THREADS_H

#include "panda/plugin.h"

struct thread {
    target_pid_t pid, tid;
};

/* Is there such a plugin? */
bool threads_are_known(void);
/* Has it loaded; a failure ends the load of this plugin, too. */
bool threads_open(void);
/* All zero when the guest's system has none yet. */
struct thread thread_now(CPUState *cpu);
/* One number for it, in the kernel another than outside. */
target_ulong thread_key(struct thread thread, bool in_kernel);

#endif
