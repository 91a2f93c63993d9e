#include "device/port92.h"

#include <string.h>

enum { RESET = 1, A20 = 2 };

static uint64_t port_read(void *opaque, uint64_t address, unsigned size)
{
    const struct port92 *port = opaque;

    (void)address;
    (void)size;
    return port->value;
}

/* Reset is its bit's rising edge. */
static void port_write(void *opaque, uint64_t address, uint64_t value,
                       unsigned size)
{
    struct port92 *port = opaque;
    uint8_t changed = port->value ^ value;

    (void)address;
    (void)size;
    port->value = value & (RESET | A20);
    if (changed & A20) {
        wire_set(&port->a20, (value & A20) != 0);
    }
    if (changed & value & RESET) {
        wire_pulse(&port->reset);
    }
}

bool port92_attach(struct port92 *port, struct io_map *map)
{
    static const struct io_handlers handlers = {port_read, port_write, 1};

    return io_map_add(map, IO_PORT, 0x92, 1, &handlers, port);
}

void port92_init(struct port92 *port)
{
    memset(port, 0, sizeof(*port));
}

static void loaded(void *opaque)
{
    struct port92 *port = opaque;

    port->value &= RESET | A20;
    wire_set(&port->a20, (port->value & A20) != 0);
}

static const struct device_field fields[] = {
    DEVICE_FIELD(struct port92, value)};

const struct device_table port92_table = {"port92", fields, 1, loaded};
