#include "device/uart16550.h"

#include "device/ticks.h"

#include <string.h>

#define BASE_BAUD 115200u /* 1.8432 MHz / 16 */

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH };
enum { IER_DATA = 1, IER_EMPTY = 2, IER_LINE = 4, IER_MODEM = 8 };
enum {
    IIR_MODEM = 0x00,
    IIR_NONE = 0x01,
    IIR_EMPTY = 0x02,
    IIR_DATA = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFO = 0xc0,
};
enum { FCR_ENABLE = 1, FCR_CLEAR_RECEIVER = 2 };
enum { LCR_DIVISOR = 0x80 };
enum { MCR_OUT2 = 0x08, MCR_LOOP = 0x10 };
enum {
    LSR_DATA = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_BREAK = 0x10,
    LSR_EMPTY = 0x60, /* holding register and transmitter */
    LSR_FIFO_ERROR = 0x80,
    LSR_EVENTS = 0x1e, /* these interrupt, and a read clears them */
};
/* CTS, DSR and DCD of a peer that is always there. */
#define MSR_PEER 0xb0

/* -- Interrupts ------------------------------------------------------------ */

static unsigned capacity(const struct uart16550 *uart)
{
    return uart->fcr & FCR_ENABLE ? UART16550_FIFO : 1;
}

static unsigned trigger_level(const struct uart16550 *uart)
{
    static const uint8_t levels[] = {1, 4, 8, 14};

    return uart->fcr & FCR_ENABLE ? levels[uart->fcr >> 6] : 1;
}

/* The most urgent cause. */
static uint8_t cause(const struct uart16550 *uart)
{
    if ((uart->ier & IER_LINE) && (uart->lsr & LSR_EVENTS)) {
        return IIR_LINE;
    }
    if ((uart->ier & IER_DATA) && uart->count >= trigger_level(uart)) {
        return IIR_DATA;
    }
    if ((uart->ier & IER_DATA) && uart->timed_out) {
        return IIR_TIMEOUT;
    }
    if ((uart->ier & IER_EMPTY) && uart->transmitter_empty) {
        return IIR_EMPTY;
    }
    if ((uart->ier & IER_MODEM) && (uart->msr & 0x0f)) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

/* On a PC the OUT2 pin, which loop mode cuts off, gates the interrupt. */
static void update(struct uart16550 *uart)
{
    bool gate = (uart->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
    bool level = gate && cause(uart) != IIR_NONE;

    if (level != uart->output) {
        uart->output = level;
        wire_set(&uart->interrupt, level);
    }
}

/* -- Receiving ------------------------------------------------------------- */

/* Four characters' time without a byte coming or going. */
static void restart_timeout(struct uart16550 *uart)
{
    unsigned bits = 7 + (uart->lcr & 3) + (uart->lcr >> 2 & 1) +
                    (uart->lcr >> 3 & 1);
    uint64_t divisor = uart->divisor ? uart->divisor : 0x10000;

    uart->timed_out = 0;
    if (!(uart->fcr & FCR_ENABLE) || !uart->count) {
        timer_disarm(&uart->timer);
        return;
    }
    timer_arm(&uart->timer,
              ns_after(clock_now(uart->clock),
                       4 * bits * divisor * NS_PER_SECOND / BASE_BAUD));
}

static void expired(void *opaque)
{
    struct uart16550 *uart = opaque;

    uart->timed_out = uart->count != 0;
    update(uart);
}

static bool errors_queued(const struct uart16550 *uart)
{
    for (unsigned i = 0; i < uart->count; i++) {
        if (uart->fifo[(uart->head + i) % UART16550_FIFO] >> 8) {
            return true;
        }
    }
    return false;
}

/* A byte's errors show when it has come to the front. */
static void show_front(struct uart16550 *uart)
{
    uart->lsr &= ~(LSR_DATA | LSR_FIFO_ERROR);
    if (!uart->count) {
        return;
    }
    uart->lsr |= LSR_DATA | uart->fifo[uart->head] >> 8;
    if ((uart->fcr & FCR_ENABLE) && errors_queued(uart)) {
        uart->lsr |= LSR_FIFO_ERROR;
    }
}

/* The places of bytes on their way: of the receiver's FIFO, and the one that
 * waits to be sent. */
#define PLACE(uart, slot) ((uint64_t)(uart)->port << 16 | (slot))
#define SEND_SLOT 0x100u

static void tell(const struct uart16550 *uart, enum transfer_kind kind,
                 uint64_t from, uint64_t to, uint8_t value)
{
    const struct transfer transfer = {
        .kind = kind, .from = from, .to = to, .value = value};

    transfer_tell(&uart->listener, &transfer);
}

static void push(struct uart16550 *uart, uint16_t entry)
{
    unsigned slot;

    if (uart->count >= capacity(uart)) {
        uart->lsr |= LSR_OVERRUN;
        if (uart->fcr & FCR_ENABLE) { /* the FIFO keeps what it has */
            update(uart);
            return;
        }
        uart->count = 0;
    }
    slot = (uart->head + uart->count) % UART16550_FIFO;
    uart->fifo[slot] = entry;
    uart->count++;
    tell(uart, TRANSFER_SERIAL_RECEIVE, 0, PLACE(uart, slot), (uint8_t)entry);
    if (uart->count == 1) {
        show_front(uart);
    } else if (entry >> 8) {
        uart->lsr |= LSR_FIFO_ERROR;
    }
    restart_timeout(uart);
    update(uart);
}

static uint8_t pop(struct uart16550 *uart)
{
    uint8_t byte = uart->fifo[uart->head];

    if (!uart->count) {
        return 0;
    }
    tell(uart, TRANSFER_SERIAL_READ, PLACE(uart, uart->head), uart->port, byte);
    uart->head = (uart->head + 1) % UART16550_FIFO;
    uart->count--;
    show_front(uart);
    restart_timeout(uart);
    update(uart);
    if (uart->backend.ready && !(uart->mcr & MCR_LOOP)) {
        uart->backend.ready(uart->backend.opaque);
    }
    return byte;
}

unsigned uart16550_room(const struct uart16550 *uart)
{
    unsigned room = capacity(uart);

    /* In loop mode the input pin is cut off. */
    return uart->mcr & MCR_LOOP || uart->count >= room ? 0 : room - uart->count;
}

void uart16550_receive(struct uart16550 *uart, uint8_t byte)
{
    if (!(uart->mcr & MCR_LOOP)) {
        push(uart, byte);
    }
}

void uart16550_receive_break(struct uart16550 *uart)
{
    if (!(uart->mcr & MCR_LOOP)) {
        push(uart, LSR_BREAK << 8);
    }
}

/* -- Registers ------------------------------------------------------------- */

/* In loop mode the modem's outputs are its inputs. */
static uint8_t modem_lines(const struct uart16550 *uart)
{
    uint8_t mcr = uart->mcr;

    if (!(mcr & MCR_LOOP)) {
        return MSR_PEER;
    }
    return (mcr & 0x0c) << 4 | (mcr & 1) << 5 | (mcr & 2) << 3;
}

/* The low half notes changes; of the ring indicator only its end. */
static void update_modem(struct uart16550 *uart)
{
    uint8_t lines = modem_lines(uart), changed = lines ^ uart->msr;

    changed &= lines & 0x40 ? 0xb0 : 0xf0;
    uart->msr = lines | (uart->msr & 0x0f) | changed >> 4;
}

static void send(struct uart16550 *uart, uint8_t byte)
{
    uart->transmitter_empty = 1;
    tell(uart, TRANSFER_SERIAL_WRITE, uart->port, PLACE(uart, SEND_SLOT), byte);
    tell(uart, TRANSFER_SERIAL_SEND, PLACE(uart, SEND_SLOT), 0, byte);
    if (uart->mcr & MCR_LOOP) {
        push(uart, byte);
    } else if (uart->backend.put) {
        uart->backend.put(uart->backend.opaque, byte);
    }
}

static void write_fcr(struct uart16550 *uart, uint8_t value)
{
    bool switched = (uart->fcr ^ value) & FCR_ENABLE;

    uart->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
    if (switched || (value & FCR_CLEAR_RECEIVER)) {
        uart->count = 0;
        show_front(uart);
        restart_timeout(uart);
        if (uart->backend.ready) {
            uart->backend.ready(uart->backend.opaque);
        }
    }
}

static void write_ier(struct uart16550 *uart, uint8_t value)
{
    /* To enable it with nothing to send interrupts at once. */
    if ((value & ~uart->ier) & IER_EMPTY) {
        uart->transmitter_empty = 1;
    }
    uart->ier = value & 0x0f;
}

static void uart_write(void *opaque, uint64_t address, uint64_t value,
                       unsigned size)
{
    struct uart16550 *uart = opaque;
    bool divisor = uart->lcr & LCR_DIVISOR;

    (void)size;
    value &= 0xff;
    switch (address) {
    case DATA:
        if (divisor) {
            uart->divisor = (uart->divisor & 0xff00) | value;
        } else {
            send(uart, value);
        }
        break;
    case IER:
        if (divisor) {
            uart->divisor = (uart->divisor & 0xff) | value << 8;
        } else {
            write_ier(uart, value);
        }
        break;
    case IIR_FCR:
        write_fcr(uart, value);
        break;
    case LCR:
        uart->lcr = value;
        break;
    case MCR:
        uart->mcr = value & 0x1f;
        update_modem(uart);
        break;
    case SCRATCH:
        uart->scratch = value;
        break;
    default: /* LSR and MSR cannot be written */
        break;
    }
    update(uart);
}

static uint8_t read_iir(struct uart16550 *uart)
{
    uint8_t now = cause(uart);

    if (now == IIR_EMPTY) {
        uart->transmitter_empty = 0;
    }
    return now | (uart->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct uart16550 *uart)
{
    uint8_t value = uart->lsr | LSR_EMPTY;

    uart->lsr &= ~LSR_EVENTS;
    if (uart->count) {
        uart->fifo[uart->head] &= 0xff;
        show_front(uart);
    }
    return value;
}

static uint64_t uart_read(void *opaque, uint64_t address, unsigned size)
{
    struct uart16550 *uart = opaque;
    bool divisor = uart->lcr & LCR_DIVISOR;
    uint8_t value = 0;

    (void)size;
    switch (address) {
    case DATA:
        value = divisor ? uart->divisor : pop(uart);
        break;
    case IER:
        value = divisor ? uart->divisor >> 8 : uart->ier;
        break;
    case IIR_FCR:
        value = read_iir(uart);
        break;
    case LCR:
        value = uart->lcr;
        break;
    case MCR:
        value = uart->mcr;
        break;
    case LSR:
        value = read_lsr(uart);
        break;
    case MSR:
        value = uart->msr;
        uart->msr &= 0xf0;
        break;
    case SCRATCH:
        value = uart->scratch;
        break;
    }
    update(uart);
    return value;
}

bool uart16550_attach(struct uart16550 *uart, struct io_map *map, uint16_t port)
{
    static const struct io_handlers handlers = {uart_read, uart_write, 1};

    uart->port = port;
    return io_map_add(map, IO_PORT, port, 8, &handlers, uart);
}

/* -- State ----------------------------------------------------------------- */

void uart16550_init(struct uart16550 *uart, struct clock *clock)
{
    memset(uart, 0, sizeof(*uart));
    uart->clock = clock;
    uart->timer = (struct timer){.expired = expired, .opaque = uart};
    clock_add_timer(clock, &uart->timer);
    uart->msr = MSR_PEER;
    uart->divisor = 1;
    uart->transmitter_empty = 1;
}

static void loaded(void *opaque)
{
    struct uart16550 *uart = opaque;

    uart->head %= UART16550_FIFO;
    if (uart->count > capacity(uart)) {
        uart->count = capacity(uart);
    }
    for (unsigned i = 0; i < UART16550_FIFO; i++) {
        uart->fifo[i] &= LSR_EVENTS << 8 | 0xff;
    }
    uart->mcr &= 0x1f;
    uart->output = uart->output != 0;
    update(uart);
    wire_set(&uart->interrupt, uart->output);
}

#define FIELD(member) DEVICE_FIELD(struct uart16550, member)

static const struct device_field fields[] = {
    FIELD(ier),
    FIELD(fcr),
    FIELD(lcr),
    FIELD(mcr),
    FIELD(lsr),
    FIELD(msr),
    FIELD(scratch),
    FIELD(divisor),
    FIELD(transmitter_empty),
    FIELD(timed_out),
    FIELD(timer.deadline),
    FIELD(head),
    FIELD(count),
    DEVICE_ARRAY(struct uart16550, fifo, UART16550_FIFO),
    FIELD(output),
};

const struct device_table uart16550_table = {
    "uart16550", fields, sizeof(fields) / sizeof(fields[0]), loaded};
