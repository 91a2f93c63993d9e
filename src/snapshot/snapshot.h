/*
 * A snapshot: CPU and RAM at one moment, NAME-rr-snp. All numbers are
 * little-endian.
 *
 *     head       a page: magic, version, sizes, checksum of head and table
 *     fields     the CPU's state by name
 *     blocks     name, kind and size of each RAM-like block, and its mapping
 *     table      for each page that is not zero: its number, its checksum
 *     pages      from a page boundary on, in the table's order
 *
 * Files come from strangers: every number is checked before it is used.
 */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

#include "exec/machine.h"

/* False: *message (to be freed) says why. Refuses an existing file unless
 * forced. *hash becomes what the log carries to know its snapshot by. */
bool snapshot_save(const struct machine *machine, const char *path,
                   bool force, uint64_t *hash, char **message);

/* A new machine in the saved state, without boundary. NULL as above. */
struct machine *snapshot_load(const struct guest *guest, const char *path,
                              uint64_t *hash, char **message);

#endif
