/*
 * Recording: the live boundary, with everything inward written to a log.
 *
 * Besides what came in, the log gets checks at places of the recorder's
 * choice, which no guest can see: SYNC (a hash of registers and of what came
 * in), HASH (of the whole state) and END (a HASH, and the devices').
 */
#ifndef BOUNDARY_RECORD_H
#define BOUNDARY_RECORD_H

#include "boundary/live.h"
#include "boundary/log_file.h"

struct page_hashes;

/* No two sync entries are further apart: part of the format. */
#define SYNC_STEPS 1000000u

struct record_pace {     /* of host time, in ms; steps first */
    uint64_t sync_steps; /* up to SYNC_STEPS */
    uint64_t hash_steps; /* 0: by time alone */
    unsigned sync, flush, hash;
};
#define RECORD_PACE ((struct record_pace){SYNC_STEPS, 0, 100, 300, 10000})

/* Takes over the machine's boundary, which is `live`; the log is owned. So
 * are the hashes, which hold every page; NULL: they are taken here. */
struct boundary *record_begin(struct live *live, struct log_writer *log,
                              struct page_hashes *hashes);
void record_set_pace(struct boundary *record, const struct record_pace *pace);
/* What is pending goes to the file, with a sync. For whoever stops the
 * machine; while it runs, this is done by itself. */
void record_flush(struct boundary *record);

struct record_info {
    uint64_t first_count;
    uint64_t bytes, chunks; /* in the file */
    double seconds;         /* since the beginning, of host time */
    const char *failure;    /* NULL, or why nothing more can be written */
};
void record_info(struct boundary *record, struct record_info *info);

/* The snapshot that the recording begins with, while it is being written: so
 * that its failure is the recording's. */
struct record_snapshot {
    void *opaque;
    const char *(*failure)(void *opaque); /* NULL, or why it cannot be */
    char *(*end)(void *opaque); /* waits for it; NULL, or to be freed */
};
void record_set_snapshot(struct boundary *record,
                         const struct record_snapshot *snapshot);

/* Writes the end with the state's hash and gives the machine back to `live`.
 * False: *message (to be freed) says what could not be written. */
bool record_end(struct boundary *record, char **message);

#endif
