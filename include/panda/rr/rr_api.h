/* Record and replay: the mode, and the count. */
#ifndef PANDA_RR_API_H
#define PANDA_RR_API_H

#include "panda/rr/rr_control.h"
#include "panda/rr/rr_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What runs now: RR_OFF live, RR_RECORD, RR_REPLAY. */
RR_mode panda_rr_mode(void);

/*
 * Instructions since the recording or the replay began, also when it has
 * ended; live without one, since the run did. Within an instruction it counts
 * already; at the start of a block it does not.
 */
uint64_t rr_get_guest_instr_count(void);

/* Of the recording that is replayed, and how much of it has been; 0 when its
 * log was torn, or live. */
uint64_t replay_get_total_num_instructions(void);
double rr_get_percentage(void); /* 0 to 100 */

/* In pre_shutdown and uninit_plugin(): a replay has reached its end. */
extern bool rr_replay_complete;

#ifdef __cplusplus
}
#endif

/* rr_get_guest_instr_count() as a point of the run. */
static inline RR_prog_point rr_prog_point(void)
{
    RR_prog_point point;

    point.guest_instr_count = rr_get_guest_instr_count();
    return point;
}

/* Does a replay run? */
static inline bool rr_in_replay(void)
{
    return panda_rr_mode() == RR_REPLAY;
}

/* Is the run recorded? */
static inline bool rr_in_record(void)
{
    return panda_rr_mode() == RR_RECORD;
}

/* Is it either? */
static inline bool rr_on(void)
{
    return panda_rr_mode() != RR_OFF;
}

/* Is it neither? */
static inline bool rr_off(void)
{
    return panda_rr_mode() == RR_OFF;
}

#endif
