/*
 * The PC's keyboard controller with a keyboard that answers what an operating
 * system asks of it, and no mouse: bytes to the second port time out.
 */
#ifndef DEVICE_I8042_H
#define DEVICE_I8042_H

#include "device/device.h"

#define I8042_QUEUE 16

struct i8042 {
    struct wire keyboard_interrupt; /* ISA 1 */
    struct wire aux_interrupt;      /* ISA 12 */
    struct wire reset;              /* a pulse */
    struct wire a20;
    uint8_t config;  /* the command byte */
    uint8_t command; /* that waits for its data; 0: none */
    uint8_t last_was_command;
    uint8_t output_port;  /* bit 0: no reset, bit 1: A20 */
    uint8_t ram[31];      /* behind the command byte */
    uint8_t parameter_of; /* keyboard command that waits for one; 0: none */
    uint8_t scanning, leds, scan_set;
    uint8_t head, count;         /* of the queue */
    uint16_t queue[I8042_QUEUE]; /* a byte, and status bits << 8 */
    uint8_t outputs; /* levels of the interrupts: bit 0 keyboard, 1 aux */
};

/* Wires are set after init. */
void i8042_init(struct i8042 *controller);
bool i8042_attach(struct i8042 *controller, struct io_map *map);
/* A scan code byte of set 1, as the guest is to see it. False: the keyboard
 * does not scan, or the queue is full. */
bool i8042_key(struct i8042 *controller, uint8_t byte);

extern const struct device_table i8042_table;

#endif
