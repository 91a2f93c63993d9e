/* Replay: a log answers in place of the devices. */
#ifndef BOUNDARY_REPLAY_H
#define BOUNDARY_REPLAY_H

#include "boundary/boundary.h"
#include "boundary/log_file.h"

enum replay_state {
    REPLAY_RUNNING,
    REPLAY_IDENTICAL, /* the end was reached, and the hash is the same */
    REPLAY_TORN,      /* the log ends early; all of it fitted */
    REPLAY_DIVERGED,  /* the run is not the recorded one */
};

/* Takes over the machine's boundary; the log is owned. The machine is in the
 * state in which the recording began. */
struct boundary *replay_begin(struct machine *machine,
                              struct log_reader *log);
enum replay_state replay_state(const struct boundary *replay);
/* What happened where: a sentence, or NULL while all is well. */
const char *replay_message(const struct boundary *replay);
/* The hashes of the whole state at the end: recorded and own. */
void replay_hashes(const struct boundary *replay, uint64_t *recorded,
                   uint64_t *own);

#endif
