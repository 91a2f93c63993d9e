#include "device/apic_bus.h"

#include "device/io_apic.h"
#include "device/local_apic.h"

#include <string.h>

void apic_bus_init(struct apic_bus *bus)
{
    memset(bus, 0, sizeof(*bus));
}

bool apic_bus_add_cpu(struct apic_bus *bus, struct local_apic *apic)
{
    if (bus->n_cpu == APIC_BUS_CPUS) {
        return false;
    }
    bus->cpu[bus->n_cpu++] = apic;
    return true;
}

bool apic_bus_add_io(struct apic_bus *bus, struct io_apic *io)
{
    if (bus->n_io == APIC_BUS_IO) {
        return false;
    }
    bus->io[bus->n_io++] = io;
    return true;
}

/* Of those addressed, the one that does the least urgent work; the first of
 * equals, so that two runs agree. */
static bool send_lowest(struct apic_bus *bus,
                        const struct apic_message *message)
{
    struct local_apic *best = NULL;

    for (unsigned i = 0; i < bus->n_cpu; i++) {
        struct local_apic *apic = bus->cpu[i];

        if (local_apic_addressed(apic, message) && local_apic_accepts(apic) &&
            (!best || local_apic_priority(apic) < local_apic_priority(best))) {
            best = apic;
        }
    }
    return best && local_apic_receive(best, message);
}

bool apic_bus_send(struct apic_bus *bus, const struct apic_message *message)
{
    bool taken = false;

    if (message->delivery == APIC_LOWEST_PRIORITY) {
        return send_lowest(bus, message);
    }
    for (unsigned i = 0; i < bus->n_cpu; i++) {
        if (local_apic_addressed(bus->cpu[i], message)) {
            taken |= local_apic_receive(bus->cpu[i], message);
        }
    }
    return taken;
}

bool apic_bus_send_all(struct apic_bus *bus, const struct apic_message *message,
                       const struct local_apic *except)
{
    bool taken = false;

    for (unsigned i = 0; i < bus->n_cpu; i++) {
        if (bus->cpu[i] != except) {
            taken |= local_apic_receive(bus->cpu[i], message);
        }
    }
    return taken;
}

void apic_bus_end_of_interrupt(struct apic_bus *bus, uint8_t vector)
{
    for (unsigned i = 0; i < bus->n_io; i++) {
        io_apic_end_of_interrupt(bus->io[i], vector);
    }
}
