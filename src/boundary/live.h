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

/* The pin that leads to the CPU. */
struct interrupt_pin {
    bool (*raised)(void *opaque);
    unsigned (*acknowledge)(void *opaque); /* the vector */
    void *opaque;
};

struct live {
    struct boundary boundary; /* first */
    struct clock *clock;
    struct io_map *io;
    struct interrupt_pin pin;

    /* Called while the CPU is halted and virtual time is to jump: sleeps up
     * to `ns` and returns how long it slept, less when host input came. NULL:
     * time jumps at once. */
    uint64_t (*sleep)(void *opaque, uint64_t ns);
    /* Between slices: host input, monitor. NULL: none. */
    enum poll_result (*slice)(void *opaque);
    void *opaque; /* of both */

    /* Told of everything inward, before it takes effect. */
    void (*observe)(void *observer, const struct inward_event *event);
    void *observer;

    struct live_queue *queue; /* caused by an outward call, not yet applied */
};

struct live *live_new(struct machine *machine);
void live_free(struct live *live);

/* For boards and devices: takes effect between steps, in this order. The
 * bytes are copied. */
void live_post(struct live *live, const struct inward_event *event);

#endif
