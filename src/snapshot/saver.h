/* Writes a snapshot's pages, and then its head, while the machine runs. */
#ifndef SNAPSHOT_SAVER_H
#define SNAPSHOT_SAVER_H

#include "snapshot/format.h"
#include "snapshot/snapshot.h"

/* Takes over the file and the table, which has head->n_pages. */
struct snapshot_saver *saver_new(struct memory *mem, const char *path, int fd,
                                 const struct snapshot_head *head,
                                 struct snapshot_page *table);

#endif
