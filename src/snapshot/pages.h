/* The pages of a snapshot's file: into a machine, and checked by a thread. */
#ifndef SNAPSHOT_PAGES_H
#define SNAPSHOT_PAGES_H

#include "snapshot/format.h"
#include "snapshot/snapshot.h"

/* Puts the pages into their blocks. False: the host cannot. */
bool pages_take(struct memory *mem, int fd, const struct snapshot_page *table,
                uint64_t n, uint64_t offset);

/* Takes over the table and the file. */
struct snapshot_check *pages_check(const char *path, int fd,
                                   struct snapshot_page *table, uint64_t n,
                                   uint64_t offset);

#endif
