/* An I/O APIC with 24 inputs, version 0x20 (with an EOI register). */
#ifndef DEVICE_IO_APIC_H
#define DEVICE_IO_APIC_H

#include "device/apic_bus.h"
#include "device/device.h"

#define IO_APIC_BASE 0xfec00000u
#define IO_APIC_INPUTS 24

struct io_apic {
    struct apic_bus *bus;
    uint32_t lines; /* the inputs: 1 is asserted, whatever the polarity */
    uint8_t id, select;
    uint64_t entry[IO_APIC_INPUTS];
};

void io_apic_init(struct io_apic *io, struct apic_bus *bus, unsigned id);
bool io_apic_attach(struct io_apic *io, struct io_map *map, uint64_t base);
/* For a struct wire: lines 0 to 23. */
void io_apic_set_line(void *io, unsigned line, bool level);
/* An input is an NMI, and so gets through with interrupts off. */
bool io_apic_line_is_nmi(const struct io_apic *io);
/* From the bus: a local APIC is done with a level-triggered interrupt. */
void io_apic_end_of_interrupt(struct io_apic *io, uint8_t vector);

extern const struct device_table io_apic_table;

#endif
