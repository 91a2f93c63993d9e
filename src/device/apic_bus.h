/*
 * What local APICs and I/O APICs say to each other: interrupt messages, and
 * the end of level-triggered interrupts.
 */
#ifndef DEVICE_APIC_BUS_H
#define DEVICE_APIC_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define APIC_BUS_CPUS 32
#define APIC_BUS_IO 4

/* Also the delivery mode in local vector table and redirection entries. */
enum apic_delivery {
    APIC_FIXED,
    APIC_LOWEST_PRIORITY,
    APIC_SMI,
    APIC_RESERVED,
    APIC_NMI,
    APIC_INIT,
    APIC_STARTUP, /* of the local APIC's messages only */
    APIC_EXTERNAL,
};

struct apic_message {
    uint8_t vector;
    uint8_t delivery;    /* enum apic_delivery */
    uint8_t destination; /* 0xff: all */
    bool logical;        /* the destination is a logical one */
    bool level;          /* level triggered */
};

struct local_apic;
struct io_apic;
struct apic_bus {
    struct local_apic *cpu[APIC_BUS_CPUS];
    struct io_apic *io[APIC_BUS_IO];
    unsigned n_cpu, n_io;
};

void apic_bus_init(struct apic_bus *bus);
/* False: the bus is full. */
bool apic_bus_add_cpu(struct apic_bus *bus, struct local_apic *apic);
bool apic_bus_add_io(struct apic_bus *bus, struct io_apic *io);

/* True: somebody took it. */
bool apic_bus_send(struct apic_bus *bus, const struct apic_message *message);
/* To all but one; `except` may be NULL. */
bool apic_bus_send_all(struct apic_bus *bus, const struct apic_message *message,
                       const struct local_apic *except);
void apic_bus_end_of_interrupt(struct apic_bus *bus, uint8_t vector);

#endif
