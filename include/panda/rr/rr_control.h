/*
 * Recordings and replays, begun and ended by plugins. What is asked for takes
 * effect before the next block. After the end of a replay or of the run
 * nothing more is called but pre_shutdown and uninit_plugin(), once each.
 */
#ifndef PANDA_RR_CONTROL_H
#define PANDA_RR_CONTROL_H

#include "panda/types.h"

#include <signal.h>
#include <stdio.h>

typedef enum RRCTRL_ret {
    RRCTRL_EINVALID = -2, /* there is nothing to end, or something runs */
    RRCTRL_EPENDING = -1, /* something asked for has not taken effect yet */
    RRCTRL_OK = 0
} RRCTRL_ret;
#define RRCTRL_ERROR RRCTRL_EINVALID

/* As it is and as it will be: of enum RR_mode. */
typedef struct rr_control_t {
    volatile sig_atomic_t mode, next;
    char *name, *snapshot;
} rr_control_t;

#ifdef __cplusplus
extern "C" {
#endif

/* Of the machine that runs, for reading; name is NULL without a recording. */
extern rr_control_t rr_control;

/* Ask for a recording to begin or to end: RRCTRL_ret. That it cannot begin, for
 * one because the name is taken, is then a warning. The snapshot must be NULL:
 * those with a name lie in disk images, which no machine has yet, so another
 * is RRCTRL_EINVALID, after a warning that says so. */
int panda_record_begin(const char *name, const char *snapshot);
int panda_record_end(void);
/* Ask for a replay to begin or to end: RRCTRL_ret. The machine that runs is
 * given up for it; plugins stay. */
int panda_replay_begin(const char *name);
int panda_replay_end(void);

/* The name of a recording or replay begun by a plugin or at the monitor, or
 * NULL. */
char *panda_get_rr_name(void);

/* Writes physical memory from 0 to the end of RAM to a file; zeros where there
 * is none. */
void panda_memsavep(FILE *file);

/* Checksums of memory and of the registers: equal ones, equal states. Slow. */
uint32_t rr_checksum_memory(void);
uint32_t rr_checksum_regs(void);

#ifdef __cplusplus
}
#endif

/* Has a recording been asked for that has not begun yet? */
static inline bool rr_record_requested(void)
{
    return rr_control.next == 1; /* RR_RECORD */
}

/* Has a replay been asked for that has not begun yet? */
static inline bool rr_replay_requested(void)
{
    return rr_control.next == 2; /* RR_REPLAY */
}

#endif
