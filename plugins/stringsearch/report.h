/* What is written about the strings that were found. */
#ifndef STRINGSEARCH_REPORT_H
#define STRINGSEARCH_REPORT_H

#include "callstack_instr/prog_point.h"

struct hit {
    prog_point point;
    uint32_t string;
    target_ulong addr;
    bool is_write, in_memory;
};

/* False: a file cannot be written; a message was printed. */
bool report_open(const char *name);
/* callers: the newest one first. */
void report_hit(const struct hit *hit, const target_ulong *callers,
                uint32_t n_callers);
/* Writes the list of tap points and ends. */
void report_close(uint32_t n_strings);

#endif
