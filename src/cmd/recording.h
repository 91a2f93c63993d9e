/* Recordings by name: NAME-rr-snp and NAME-rr-nondet.log. */
#ifndef CMD_RECORDING_H
#define CMD_RECORDING_H

#include "boundary/record.h"
#include "boundary/replay.h"
#include "guest/guest.h"

/* Begins a recording of a live machine. NULL: *message (to be freed) says
 * why; then no file is left behind. */
struct boundary *recording_begin(struct live *live, const char *name,
                                 char **message);

/* A machine that replays; its boundary is the replay. NULL as above. */
struct machine *recording_open(const struct guest *guest, const char *name,
                               char **message);

#endif
