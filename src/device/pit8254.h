/*
 * The 8254 interval timer of the PC, and port 0x61, which gates its third
 * channel and shows its output. Channel 0's output is the wire.
 */
#ifndef DEVICE_PIT8254_H
#define DEVICE_PIT8254_H

#include "device/device.h"

#define PIT8254_HZ 1193182u

struct pit8254_channel {
    uint64_t start;     /* tick at which `count` was taken */
    uint64_t held;      /* ticks counted when the gate fell */
    uint64_t reload_at; /* tick at which `reload` is taken */
    uint32_t count;     /* 1 to 65536; 0: none yet */
    uint32_t reload;    /* as last written, taken at the next start */
    uint8_t reload_pending;
    uint8_t running; /* enum in pit8254.c */
    uint8_t mode, access, bcd, gate;
    uint8_t low_byte, write_high, read_high;
    uint8_t latched, status_latched, status;
    uint16_t latch;
};

struct pit8254 {
    struct wire interrupt;
    struct clock *clock;
    struct timer timer;
    struct pit8254_channel channel[3];
    uint8_t output; /* level of `interrupt` */
    uint8_t port61; /* its bits that can be written */
};

/* Wires are set after init. */
void pit8254_init(struct pit8254 *pit, struct clock *clock);
bool pit8254_attach(struct pit8254 *pit, struct io_map *map);

extern const struct device_table pit8254_table;

#endif
