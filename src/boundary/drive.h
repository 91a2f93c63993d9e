/*
 * A driven replay: the real devices run, fed with what the recording says
 * came from outside the machine; everything inward that they cause is
 * compared with what was recorded. It proves that devices are deterministic.
 * To be used as a replay: see replay.h.
 */
#ifndef BOUNDARY_DRIVE_H
#define BOUNDARY_DRIVE_H

#include "boundary/live.h"
#include "boundary/replay.h"

/* Takes over the machine's boundary, which is `live`. */
struct boundary *drive_begin(struct live *live, struct log_reader *log,
                             struct page_hashes *hashes);
/* All that came from outside has been given to the devices, and they are in
 * the state in which the recording left them. */
bool drive_is_complete(struct boundary *drive);

#endif
