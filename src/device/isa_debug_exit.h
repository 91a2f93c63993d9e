/*
 * A port by which test programs end the machine. By custom the status of a
 * run that is ended by writing v is 2v + 1, so never 0; that is the board's.
 * It has no state.
 */
#ifndef DEVICE_ISA_DEBUG_EXIT_H
#define DEVICE_ISA_DEBUG_EXIT_H

#include "device/device.h"

struct isa_debug_exit {
    void (*end)(void *opaque, unsigned value); /* to be set after init */
    void *opaque;
};

void isa_debug_exit_init(struct isa_debug_exit *device);
/* Usually port 0x501, size 2; or 0xf4, size 4. */
bool isa_debug_exit_attach(struct isa_debug_exit *device, struct io_map *map,
                           uint16_t port, unsigned size);

extern const struct device_table isa_debug_exit_table;

#endif
