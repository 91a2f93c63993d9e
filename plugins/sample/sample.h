/* What other plugins may use of sample, besides its functions. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "panda/plugin.h"

/* Every so many blocks: how many have begun. */
PPP_CB_TYPEDEF(void, on_sample, CPUState *cpu, uint64_t blocks)

#endif
