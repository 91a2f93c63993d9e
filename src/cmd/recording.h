/*
 * Recordings by name: NAME-rr-snp and NAME-rr-nondet.log. The log's header
 * describes the machine; a program whose machine would not be the same
 * refuses the recording in a sentence.
 */
#ifndef CMD_RECORDING_H
#define CMD_RECORDING_H

#include "board/pc.h"
#include "boundary/drive.h"
#include "boundary/record.h"
#include "boundary/replay.h"
#include "guest/guest.h"

struct snapshot_check;

/* Begins a recording of a live machine, between steps. An existing one of
 * that name is overwritten only when forced. NULL: *message (to be freed)
 * says why; then no file is left behind. */
struct boundary *recording_begin(struct live *live, const char *name,
                                 const struct pc_options *made_of, bool force,
                                 char **message);

/* A machine that replays; its boundary is the replay. The check of the
 * snapshot's pages goes on beside it. NULL as above. */
struct machine *recording_open(const struct guest *guest, const char *name,
                               struct snapshot_check **check, char **message);

/* The real machine in the state in which the recording began; its boundary
 * feeds it what came from outside, and compares. NULL as above. */
struct pc *recording_open_driven(const char *name,
                                 struct snapshot_check **check, char **message);

#endif
