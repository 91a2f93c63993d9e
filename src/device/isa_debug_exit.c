#include "device/isa_debug_exit.h"

#include <string.h>

static uint64_t port_read(void *opaque, uint64_t address, unsigned size)
{
    (void)opaque;
    (void)address;
    (void)size;
    return 0;
}

static void port_write(void *opaque, uint64_t address, uint64_t value,
                       unsigned size)
{
    struct isa_debug_exit *device = opaque;

    (void)address;
    (void)size;
    if (device->end) {
        device->end(device->opaque, value);
    }
}

bool isa_debug_exit_attach(struct isa_debug_exit *device, struct io_map *map,
                           uint16_t port, unsigned size)
{
    static const struct io_handlers handlers = {port_read, port_write, 4};

    return io_map_add(map, IO_PORT, port, size, &handlers, device);
}

void isa_debug_exit_init(struct isa_debug_exit *device)
{
    memset(device, 0, sizeof(*device));
}

const struct device_table isa_debug_exit_table = {"isa_debug_exit", NULL, 0,
                                                  NULL};
