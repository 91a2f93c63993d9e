/* -replay-diagnose: where a replay that differs parts from itself. */
#ifndef CMD_DIAGNOSE_H
#define CMD_DIAGNOSE_H

#include "cmd/options.h"

#include <stdint.h>

/* Reruns the interval between the last check that fitted and the count at
 * which the replay was seen to differ, twice side by side: warm (as it ran)
 * and cold (interpreted, an instruction at a time). Prints the first
 * instruction after which the two differ, and in what. */
void diagnose(const struct options *options, uint64_t last_good,
              uint64_t count);

#endif
