/* Port 0x92: the fast way to A20 (bit 1) and reset (bit 0). */
#ifndef DEVICE_PORT92_H
#define DEVICE_PORT92_H

#include "device/device.h"

struct port92 {
    struct wire a20;   /* the board ors it with the keyboard controller's */
    struct wire reset; /* a pulse */
    uint8_t value;
};

/* Wires are set after init. */
void port92_init(struct port92 *port);
bool port92_attach(struct port92 *port, struct io_map *map);

extern const struct device_table port92_table;

#endif
