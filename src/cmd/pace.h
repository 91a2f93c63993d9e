/*
 * Virtual time against the host's clock: an idle guest really sleeps, but
 * only while its time is ahead of the host's, so that one that lags catches
 * up when it is idle.
 */
#ifndef CMD_PACE_H
#define CMD_PACE_H

#include "backend/stream.h"

#include <signal.h>
#include <stdint.h>

struct pace {
    const volatile sig_atomic_t *interrupted; /* ends a sleep */
    uint64_t origin; /* of virtual time, on the host's clock in ns */
    uint64_t stopped;
};

/* Virtual time is 0 now; a flag that ends sleeps. */
void pace_start(struct pace *pace, const volatile sig_atomic_t *interrupted);
/* The guest is halted at virtual time `now` and waits for `ns`, or for ever
 * (UINT64_MAX): sleeps as far as it has to. Returns what passes of `ns`: less
 * when one of the streams has input, or a signal came. */
uint64_t pace_sleep(struct pace *pace, uint64_t now, uint64_t ns,
                    struct stream *const *streams, unsigned n);
/* The time in between does not count. */
void pace_stop(struct pace *pace);
void pace_go_on(struct pace *pace);

#endif
