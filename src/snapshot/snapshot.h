/*
 * A snapshot: CPU, RAM and devices at one moment, NAME-rr-snp. All numbers
 * are little-endian.
 *
 *     head       a page: magic, version, sizes, checksum of head and table
 *     fields     the CPU's state by name
 *     blocks     name, kind and size of each RAM-like block, and its mapping
 *     devices    each one's fields by name; a replay skips them
 *     table      for each page that is not zero: its number, its checksum
 *     pages      from a page boundary on, in the table's order
 *
 * What lies between these parts is zero. Files come from strangers: every
 * number is checked before it is used. All but the pages is checked before
 * the machine is there; the pages are taken as they are needed, and checked
 * meanwhile by a thread.
 */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

#include "exec/machine.h"

struct live;
struct page_hashes;

/* The state of now, in a new file. The pages are written by a thread while
 * the machine runs, each before the guest changes it; the head comes last, so
 * that what is not complete is known by that. *hash becomes what the log
 * carries to know its snapshot by; the hash of every page goes to `hashes`.
 * PAGE_WRITTEN is cleared. NULL: *message (to be freed) says why. */
struct snapshot_saver *snapshot_save(const struct live *live, const char *path,
                                     struct page_hashes *hashes, uint64_t *hash,
                                     char **message);
/* NULL while all is well, or a sentence. */
const char *snapshot_save_failure(struct snapshot_saver *saver);
/* Waits until everything is written; to be called while the machine is there.
 * NULL, or a sentence (to be freed): then the file is gone. */
char *snapshot_save_end(struct snapshot_saver *saver);

struct snapshot_loaded {
    uint64_t hash;
    struct page_hashes *hashes;   /* of every page, as the file claims */
    struct snapshot_check *check; /* still running */
};

/* A new machine in the saved state, without boundary. NULL as above. */
struct machine *snapshot_load(const struct guest *guest, const char *path,
                              struct snapshot_loaded *loaded, char **message);
/* The state of a new machine of the same make, its devices included. */
bool snapshot_restore(struct live *live, const char *path,
                      struct snapshot_loaded *loaded, char **message);

/* Waits until every page has been checked, and frees the check. NULL, or a
 * sentence (to be freed) on what is wrong: then nothing that the machine did
 * counts. */
char *snapshot_check_end(struct snapshot_check *check);

#endif
