/*
 * A 16550A serial port. It sends at once, whatever the baud rate says: a
 * guest that polls need not burn its time. Receiving keeps the FIFO's
 * time-out, which is in virtual time.
 */
#ifndef DEVICE_UART16550_H
#define DEVICE_UART16550_H

#include "base/transfer.h"
#include "device/device.h"

#define UART16550_FIFO 16

/* What the port talks to; either may be NULL. */
struct char_backend {
    void (*put)(void *opaque, uint8_t byte);
    void (*ready)(void *opaque); /* uart16550_room() grew */
    void *opaque;
};

struct uart16550 {
    struct wire interrupt;
    struct char_backend backend;
    struct transfer_listener listener;
    uint16_t port;
    struct clock *clock;
    struct timer timer; /* received bytes that nobody fetches */
    uint8_t ier, fcr, lcr, mcr, lsr, msr, scratch;
    uint16_t divisor;
    uint8_t transmitter_empty; /* its interrupt waits */
    uint8_t timed_out;
    uint8_t head, count;           /* of the FIFO */
    uint16_t fifo[UART16550_FIFO]; /* a byte, and its error bits << 8 */
    uint8_t output;                /* level of `interrupt` */
};

/* Wires and backend are set after init. */
void uart16550_init(struct uart16550 *uart, struct clock *clock);
bool uart16550_attach(struct uart16550 *uart, struct io_map *map,
                      uint16_t port);
/* How many bytes it can take; one byte more is an overrun. */
unsigned uart16550_room(const struct uart16550 *uart);
void uart16550_receive(struct uart16550 *uart, uint8_t byte);
void uart16550_receive_break(struct uart16550 *uart);

extern const struct device_table uart16550_table;

#endif
