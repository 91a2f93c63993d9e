/*
 * Notes: what devices tell of transfers inside them (base/transfer.h), as
 * entries of the log's second stream.
 *
 *     what     transfer kind, + 128: within an instruction
 *     bytes    from, to, size or value, type: each a length and so many bytes,
 *              low ones first; then those of a packet
 */
#ifndef BOUNDARY_NOTES_H
#define BOUNDARY_NOTES_H

#include "base/transfer.h"
#include "boundary/boundary.h"

/* The event's bytes are to be freed. */
struct inward_event note_encode(const struct transfer *transfer, bool within);
/* False: it is none. The transfer borrows. */
bool note_decode(const struct inward_event *event, struct transfer *transfer,
                 bool *within);

#endif
