/*
 * What crosses the boundary of one machine, kept in order for a while, and a
 * boundary that puts a second machine through it: each inward event is
 * applied at its count, reads are answered, and whatever the second machine
 * asks or says must be what the first one did.
 */
#ifndef EXEC_CROSSING_H
#define EXEC_CROSSING_H

#include "exec/machine.h"

struct crossing {
    uint64_t count;
    bool outward;              /* a write: address, value, size, what */
    struct inward_event event; /* `what` of a read: enum io_kind */
    size_t bytes_at;           /* of event.bytes, in the list's `bytes` */
};

struct crossing_deadline { /* as asked for at a count */
    uint64_t count, deadline;
};

struct crossings {
    struct machine *machine; /* whose count they bear */
    struct crossing *list;
    size_t n, room;
    struct crossing_deadline *deadlines;
    size_t n_deadlines, deadlines_room;
    uint8_t *bytes;
    size_t n_bytes, bytes_room;
    struct witness witness;
};

/* Listens to a machine from now on. */
void crossings_listen(struct crossings *crossings, struct machine *machine);
void crossings_clear(struct crossings *crossings);
void crossings_free(struct crossings *crossings); /* and stops listening */

struct playback {
    struct boundary boundary; /* first */
    const struct crossings *crossings;
    size_t next, end;
    /* The deadlines are those that the first machine had, so that units are
     * cut where they were; else the counts of the crossings. */
    bool same_deadlines;
    size_t deadline; /* of the list, the one in force */
    uint64_t target; /* poll() stops there, with all applied that is due
                        and stands before `end` */
    char *mismatch;  /* NULL: none; owned */
};

/* Becomes the machine's boundary. */
void playback_begin(struct playback *playback, struct machine *machine,
                    const struct crossings *crossings);
/* From this entry on. */
void playback_seek(struct playback *playback, size_t next);

#endif
