/* The callback points of giver, with and without their second type. */
#ifndef GIVER_H
#define GIVER_H

#include "panda/plugin.h"

typedef void (*on_plain_t)(CPUState *cpu, uint64_t number, uint8_t byte,
                           const char *text);
PPP_CB_TYPEDEF(void, on_both, CPUState *cpu, int64_t number, bool flag);
PPP_CB_TYPEDEF(bool, on_vote, int number);
typedef void (*on_nothing_t)(void);

#endif
