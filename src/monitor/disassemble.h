/* One instruction as text, and the bytes of it. */
#ifndef MONITOR_DISASSEMBLE_H
#define MONITOR_DISASSEMBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu;

/* Bytes of the instruction, and its text; 0: none is there. The CPU says how
 * code is to be read. */
size_t disassemble(const struct cpu *cpu, uint64_t pc, const uint8_t *bytes,
                   size_t size, char *text, size_t room);

/* Memory as the CPU sees it, or physical; nothing is changed by looking.
 * Bytes read before the first that is not there. */
size_t examine_memory(const struct cpu *cpu, bool physical, uint64_t address,
                      uint8_t *bytes, size_t size);

#endif
