/*
 * The PC's pair of 8259A interrupt controllers, the second one on input 2 of
 * the first, with the chipset's edge/level registers (ELCR).
 *
 * As in the data sheet a request is gone when its input falls before it is
 * acknowledged: whoever drives an input keeps it up until it is served.
 */
#ifndef DEVICE_I8259_H
#define DEVICE_I8259_H

#include "device/device.h"

struct i8259_chip {
    uint8_t lines; /* the inputs as they are */
    uint8_t irr, imr, isr;
    uint8_t elcr; /* 1: level triggered */
    uint8_t vector_base;
    uint8_t lowest;   /* the input of lowest priority */
    uint8_t icw_next; /* which of ICW2..4 is expected; 0: initialised */
    uint8_t icw1, icw4;
    uint8_t read_isr, poll, special_mask, rotate_on_aeoi;
};

struct i8259 {
    struct wire interrupt;
    struct i8259_chip chip[2];
    uint8_t output; /* level of `interrupt` */
};

/* Wires are set after init. */
void i8259_init(struct i8259 *pic);
bool i8259_attach(struct i8259 *pic, struct io_map *map);
/* For a struct wire: lines 0 to 15. */
void i8259_set_line(void *pic, unsigned line, bool level);
/* What two INTA cycles do: the vector, if need be a spurious one. */
unsigned i8259_acknowledge(struct i8259 *pic);

extern const struct device_table i8259_table;

#endif
