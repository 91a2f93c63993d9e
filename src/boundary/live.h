/*
 * The live side: devices answer, and virtual time moves them. The board fills
 * in the wires; everything inward goes past one observer, which is how a
 * recording is made.
 */
#ifndef BOUNDARY_LIVE_H
#define BOUNDARY_LIVE_H

#include "boundary/boundary.h"

struct clock;
struct io_map;

/* The pins that lead to the CPU. */
struct interrupt_pin {
    bool (*raised)(void *opaque);
    unsigned (*acknowledge)(void *opaque); /* the vector */
    void *opaque;
};

struct nmi_pin { /* all NULL: there are no NMIs */
    bool (*raised)(void *opaque); /* one waits */
    void (*acknowledge)(void *opaque);
    bool (*possible)(void *opaque); /* one may come at all */
    void *opaque;
};

/* What else the board has to do; each may be NULL. */
struct live_board {
    /* A write that is to no port and no device memory. */
    void (*outward)(void *opaque, enum io_kind kind, uint64_t address,
                    uint64_t value);
    /* RESET has reached the CPU: the devices follow. */
    void (*reset)(void *opaque);
    void *opaque;
};

/* What sleep() returns when nobody will ever wake the guest. */
#define LIVE_FOREVER UINT64_MAX

struct live {
    struct boundary boundary; /* first */
    struct clock *clock;
    struct io_map *io;
    struct interrupt_pin pin;
    struct nmi_pin nmi;
    struct live_board board;

    /* Called while the CPU is halted and virtual time, which is `now`, is to
     * jump by `ns` (LIVE_FOREVER: no timer runs). May sleep; returns by how
     * much time jumps, less than `ns` when host input came before. NULL: time
     * jumps at once. */
    uint64_t (*sleep)(void *opaque, uint64_t now, uint64_t ns);
    /* Between slices: host input, monitor. NULL: none. */
    enum poll_result (*slice)(void *opaque);
    void *opaque; /* of both */

    /* Told of everything inward, before it takes effect. */
    void (*observe)(void *observer, const struct inward_event *event);
    void *observer;

    unsigned skips; /* since slice() was called */

    struct live_queue *queue; /* caused by an outward call, not yet applied */
};

struct live *live_new(struct machine *machine);
void live_free(struct live *live);

/* For boards, at a reset: a new clock and I/O map with nothing in them. */
void live_renew(struct live *live);

/* For boards and devices: takes effect between steps, in this order. The
 * bytes are copied. */
void live_post(struct live *live, const struct inward_event *event);

#endif
