/* What other plugins may hear from stringsearch; see README.md. */
#ifndef STRINGSEARCH_H
#define STRINGSEARCH_H

#include "panda/plugin.h"

#define MAX_STRINGS 100
#define MAX_STRLEN 1024
#define MAX_CALLERS 128

/*
 * A string has been read or written, its last byte just now at pc. in_memory:
 * it lies in memory as a whole, at addr; else addr is that of the last access.
 */
PPP_CB_TYPEDEF(void, on_ssm, CPUState *cpu, target_ulong pc, target_ulong addr,
               uint8_t *matched_string, uint32_t matched_string_length,
               bool is_write, bool in_memory)

#endif
