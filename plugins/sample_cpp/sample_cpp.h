/* What other plugins may use of sample_cpp, besides its functions. */
#ifndef SAMPLE_CPP_H
#define SAMPLE_CPP_H

#include "panda/plugin.h"

/* Every so many blocks: how many have begun. */
PPP_CB_TYPEDEF(void, on_sample_cpp, CPUState *cpu, uint64_t blocks)

#endif
