/*
 * Names for perf(1), in /tmp/perf-PID.map, where perf looks for those of
 * generated code: unit_PC, and cold_PC for what of it runs seldom.
 */
#ifndef HOST_X86_64_PERF_MAP_H
#define HOST_X86_64_PERF_MAP_H

#include <stddef.h>
#include <stdint.h>

struct perf_map;

struct perf_map *perf_map_open(void); /* NULL: errno says why */
void perf_map_add(struct perf_map *map, const char *kind, const void *code,
                  size_t size, uint64_t pc);
void perf_map_close(struct perf_map *map); /* NULL is fine */

#endif
