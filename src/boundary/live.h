/*
 * The live side: devices answer, and virtual time moves them. The board fills
 * in the wires, and names its devices and its inputs. Everything inward goes
 * past one observer, and everything from outside the machine past another,
 * which is how a recording is made.
 */
#ifndef BOUNDARY_LIVE_H
#define BOUNDARY_LIVE_H

#include "boundary/boundary.h"

struct clock;
struct device_table;
struct io_map;
struct transfer;

/* The pins that lead to the CPU. */
struct interrupt_pin {
    bool (*raised)(void *opaque);
    unsigned (*acknowledge)(void *opaque); /* the vector */
    void *opaque;
};

struct nmi_pin {                  /* all NULL: there are no NMIs */
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

/* A device's state, for snapshots and hashes. */
struct live_device {
    const struct device_table *table;
    void *device;
};

/* Where bytes from outside the machine go to. */
struct live_input {
    const char *name;
    void (*receive)(void *opaque, const uint8_t *bytes, size_t size);
    void *opaque;
};

#define LIVE_DEVICES_MAX 32u
#define LIVE_INPUTS_MAX 8u

struct live {
    struct boundary boundary; /* first */
    struct clock *clock;
    struct io_map *io;
    struct interrupt_pin pin;
    struct nmi_pin nmi;
    struct live_board board;

    /* In an order that is the board's: part of the snapshot's format. */
    struct live_device devices[LIVE_DEVICES_MAX];
    unsigned n_devices;
    struct live_input inputs[LIVE_INPUTS_MAX];
    unsigned n_inputs;

    /* Called while the CPU is halted and virtual time, which is `now`, is to
     * jump by `ns` (LIVE_FOREVER: no timer runs). May sleep; returns by how
     * much time jumps, less than `ns` when host input came before. NULL: time
     * jumps at once. */
    uint64_t (*sleep)(void *opaque, uint64_t now, uint64_t ns);
    /* Between slices: host input, monitor. NULL: none. */
    enum poll_result (*slice)(void *opaque);
    void *opaque; /* of both */

    /* Told of everything inward, before it takes effect; and of what came
     * from outside the machine (INPUT, SLEPT). */
    void (*observe)(void *observer, const struct inward_event *event);
    void (*observe_outside)(void *observer, const struct inward_event *event);
    /* Told of what devices tell of transfers inside them; `within` an
     * instruction of the CPU. */
    void (*observe_transfer)(void *observer, const struct transfer *transfer,
                             bool within);
    /* In a halt, when time has jumped and before host input is looked at. */
    void (*skipped)(void *observer);
    void *observer; /* of these four */

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

/* For boards, while they wire. The input's number is returned. */
void live_add_device(struct live *live, const struct device_table *table,
                     void *device);
unsigned live_add_input(struct live *live, const struct live_input *input);

/* For devices' listeners, with the struct live: see base/transfer.h. */
void live_transfer(void *live, const struct transfer *transfer);

/* Between steps: what was posted takes effect now. So nothing is on its way
 * when a snapshot is taken. */
void live_settle(struct live *live);

/* From outside the machine, between slices: bytes for an input. The only way
 * in, so that it can be recorded. */
void live_input(struct live *live, unsigned input, const void *bytes,
                size_t size);

/* Of the state of all devices. */
uint64_t live_hash_devices(const struct live *live);
/* After their fields were set: lets each device make itself sound. CPU and
 * memory are there already; what devices tell them anew is dropped. */
void live_devices_loaded(struct live *live);

#endif
