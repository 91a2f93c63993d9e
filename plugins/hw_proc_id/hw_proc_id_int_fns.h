/* Functions that other plugins may call; include hw_proc_id_ext.h. */
#ifndef HW_PROC_ID_INT_FNS_H
#define HW_PROC_ID_INT_FNS_H

#include "panda/plugin.h"

/* What tells processes apart by the hardware alone. */
target_ulong get_id(CPUState *cpu);
/* Whether get_id() has something to say already. */
bool id_is_initialized(void);

#endif
