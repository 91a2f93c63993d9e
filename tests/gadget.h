/*
 * A device for the made-up guest: a timer, an interrupt pin, a port, memory
 * above RAM, DMA in answer to writes, and bytes from outside. It tells of
 * transfers that it makes up.
 */
#ifndef GADGET_H
#define GADGET_H

#include "base/transfer.h"
#include "boundary/live.h"
#include "device/device.h"
#include "toy.h"

struct gadget {
    struct live *live;
    struct timer timer;
    uint64_t state;
    bool raised;
    struct transfer_listener listener; /* besides live */
    void (*dma)(void *opaque, const struct inward_event *event);
};

/* Its boundary becomes the machine's; to be freed by live_free(). */
void gadget_attach(struct gadget *gadget, struct machine *machine);

#endif
