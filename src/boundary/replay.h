/* Replay: a log answers in place of the devices. */
#ifndef BOUNDARY_REPLAY_H
#define BOUNDARY_REPLAY_H

#include "boundary/boundary.h"
#include "boundary/log_file.h"

struct page_hashes;

enum replay_state {
    REPLAY_RUNNING,
    REPLAY_IDENTICAL, /* the end was reached, and the hash is the same */
    REPLAY_TORN,      /* the log ends early; all of it fitted */
    REPLAY_DIVERGED,  /* the run is not the recorded one */
    REPLAY_LEFT,      /* nor was it to be; the recording's end was reached */
};

/* Takes over the machine's boundary; the log is owned, and so are the hashes,
 * which hold every page (NULL: they are taken here). The machine is in the
 * state in which the recording began. */
struct boundary *replay_begin(struct machine *machine, struct log_reader *log,
                              struct page_hashes *hashes);
/* Between slices; no guest can see when. */
void replay_set_slice(struct boundary *replay,
                      enum poll_result (*slice)(void *opaque), void *opaque);
enum replay_state replay_state(const struct boundary *replay);
/* What happened where: a sentence, or NULL while all is well. */
const char *replay_message(const struct boundary *replay);
/* The hashes of the whole state at the end: recorded and own; 0: not there
 * yet. */
void replay_hashes(const struct boundary *replay, uint64_t *recorded,
                   uint64_t *own);

struct replay_info {
    uint64_t first_count, last_count; /* of the recording */
    uint64_t last_good;               /* count of the last check that fitted */
    uint64_t n_entries;               /* applied so far */
    uint64_t n_checks;                /* of them, that fitted */
};
void replay_info(const struct boundary *replay, struct replay_info *info);

/* For tests: the first value logged at that count or later is read with one
 * bit changed. */
void replay_flip_value(struct boundary *replay, uint64_t count, unsigned bit);
/* It was read: the recording may have no value so late. */
bool replay_has_flipped(const struct boundary *replay);

/* The machine cannot go on: the recorded one did. */
void replay_stuck(struct boundary *replay, const char *reason);

#endif
