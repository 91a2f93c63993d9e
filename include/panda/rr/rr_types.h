/* What record and replay speak of. */
#ifndef PANDA_RR_TYPES_H
#define PANDA_RR_TYPES_H

#include "panda/types.h"

typedef enum { RR_NOCHANGE = -1, RR_OFF = 0, RR_RECORD, RR_REPLAY } RR_mode;

/* A point of the run: how many instructions lie before it. */
typedef struct RR_prog_point {
    uint64_t guest_instr_count;
} RR_prog_point;

/* `type` of replay_hd_transfer and replay_net_transfer. */
typedef enum {
    HD_TRANSFER_HD_TO_IOB,
    HD_TRANSFER_IOB_TO_HD,
    HD_TRANSFER_PORT_TO_IOB,
    HD_TRANSFER_IOB_TO_PORT,
    HD_TRANSFER_HD_TO_RAM,
    HD_TRANSFER_RAM_TO_HD
} Hd_transfer_type;

typedef enum {
    NET_TRANSFER_RAM_TO_IOB,
    NET_TRANSFER_IOB_TO_RAM,
    NET_TRANSFER_IOB_TO_IOB
} Net_transfer_type;

#endif
