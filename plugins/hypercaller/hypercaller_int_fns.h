/* Functions that other plugins may call; include hypercaller_ext.h. */
#ifndef HYPERCALLER_INT_FNS_H
#define HYPERCALLER_INT_FNS_H

#include "panda/plugin.h"

typedef void (*hypercall_t)(CPUState *cpu);

/* Has the function called for hypercalls with that number. A number has one
 * function: registering another one is a failure of whoever does. */
void register_hypercall(uint32_t magic, hypercall_t function);
void unregister_hypercall(uint32_t magic);

#endif
