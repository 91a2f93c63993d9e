#include "device/io_apic.h"

#include <string.h>

enum { SELECT = 0x00, WINDOW = 0x10, END_OF_INTERRUPT = 0x40 };
enum { ID, VERSION, ARBITRATION, ENTRIES = 0x10 };

/* A redirection entry. */
#define VECTOR 0xffull
#define LOGICAL (1ull << 11)
#define REMOTE_IRR (1ull << 14)
#define LEVEL (1ull << 15)
#define MASKED (1ull << 16)
#define WRITABLE 0xff0000000001afffull

/* Only these two may be level triggered; the others are edges. */
static bool is_level(uint64_t entry)
{
    return (entry & LEVEL) && (entry >> 8 & 7) <= APIC_LOWEST_PRIORITY;
}

static bool send(struct io_apic *io, unsigned line)
{
    uint64_t entry = io->entry[line];
    struct apic_message message = {
        .vector = entry & VECTOR,
        .delivery = entry >> 8 & 7,
        .destination = entry >> 56,
        .logical = (entry & LOGICAL) != 0,
        .level = is_level(entry),
    };

    if (message.delivery == APIC_RESERVED || message.delivery == APIC_STARTUP) {
        return false;
    }
    return apic_bus_send(io->bus, &message);
}

/* A level is sent once; remote IRR holds it until the end of interrupt. One
 * that nobody took is tried again when line or entry change. */
static void send_level(struct io_apic *io, unsigned line)
{
    uint64_t entry = io->entry[line];

    if (is_level(entry) && !(entry & (MASKED | REMOTE_IRR)) &&
        (io->lines >> line & 1)) {
        if (send(io, line)) {
            io->entry[line] |= REMOTE_IRR;
        }
    }
}

/* An edge on a masked input is lost. */
void io_apic_set_line(void *opaque, unsigned line, bool level)
{
    struct io_apic *io = opaque;
    uint32_t bit = 1u << (line & 31);

    if (line >= IO_APIC_INPUTS || level == ((io->lines & bit) != 0)) {
        return;
    }
    io->lines = level ? io->lines | bit : io->lines & ~bit;
    if (is_level(io->entry[line])) {
        send_level(io, line);
    } else if (level && !(io->entry[line] & MASKED)) {
        send(io, line);
    }
}

bool io_apic_line_is_nmi(const struct io_apic *io)
{
    for (unsigned i = 0; i < IO_APIC_INPUTS; i++) {
        unsigned delivery = io->entry[i] >> 8 & 7;

        if (!(io->entry[i] & MASKED) &&
            (delivery == APIC_NMI || delivery == APIC_INIT)) {
            return true;
        }
    }
    return false;
}

void io_apic_end_of_interrupt(struct io_apic *io, uint8_t vector)
{
    for (unsigned i = 0; i < IO_APIC_INPUTS; i++) {
        if ((io->entry[i] & REMOTE_IRR) && (io->entry[i] & VECTOR) == vector) {
            io->entry[i] &= ~REMOTE_IRR;
            send_level(io, i);
        }
    }
}

/* -- Registers ------------------------------------------------------------- */

static uint32_t read_register(const struct io_apic *io)
{
    unsigned n = io->select - ENTRIES;

    switch (io->select) {
    case ID:
    case ARBITRATION:
        return (uint32_t)io->id << 24;
    case VERSION:
        return 0x20 | (IO_APIC_INPUTS - 1) << 16;
    default:
        return n / 2 < IO_APIC_INPUTS ? io->entry[n / 2] >> (n % 2 * 32) : 0;
    }
}

/* To make an entry an edge clears its remote IRR: an EOI by hand. */
static void write_entry(struct io_apic *io, unsigned n, uint32_t value)
{
    uint64_t *entry = &io->entry[n / 2];
    unsigned shift = n % 2 * 32;
    uint64_t writable = WRITABLE & 0xffffffffull << shift;

    *entry = (*entry & ~writable) | ((uint64_t)value << shift & writable);
    if (!is_level(*entry)) {
        *entry &= ~REMOTE_IRR;
    }
    send_level(io, n / 2);
}

static void write_register(struct io_apic *io, uint32_t value)
{
    unsigned n = io->select - ENTRIES;

    if (io->select == ID) {
        io->id = value >> 24 & 15;
    } else if (n / 2 < IO_APIC_INPUTS) {
        write_entry(io, n, value);
    }
}

static uint64_t io_apic_read(void *opaque, uint64_t address, unsigned size)
{
    const struct io_apic *io = opaque;
    uint32_t value = 0;

    (void)size;
    if ((address & ~3ull) == SELECT) {
        value = io->select;
    } else if ((address & ~3ull) == WINDOW) {
        value = read_register(io);
    }
    return value >> (address & 3) * 8;
}

/* Registers are written as a whole; the selector has only one byte. */
static void io_apic_write(void *opaque, uint64_t address, uint64_t value,
                          unsigned size)
{
    struct io_apic *io = opaque;

    if (address == SELECT) {
        io->select = value;
    } else if (size == 4 && address == WINDOW) {
        write_register(io, value);
    } else if (size == 4 && address == END_OF_INTERRUPT) {
        io_apic_end_of_interrupt(io, value);
    }
}

bool io_apic_attach(struct io_apic *io, struct io_map *map, uint64_t base)
{
    static const struct io_handlers handlers = {io_apic_read, io_apic_write, 4};

    return io_map_add(map, IO_MEMORY, base, 0x1000, &handlers, io);
}

/* -- State ----------------------------------------------------------------- */

void io_apic_init(struct io_apic *io, struct apic_bus *bus, unsigned id)
{
    memset(io, 0, sizeof(*io));
    io->bus = bus;
    io->id = id & 15;
    for (unsigned i = 0; i < IO_APIC_INPUTS; i++) {
        io->entry[i] = MASKED;
    }
}

/* Messages are not sent again: who took them has them in its own state. */
static void loaded(void *opaque)
{
    struct io_apic *io = opaque;

    io->id &= 15;
    io->lines &= (1u << IO_APIC_INPUTS) - 1;
    for (unsigned i = 0; i < IO_APIC_INPUTS; i++) {
        io->entry[i] &= WRITABLE | REMOTE_IRR;
    }
}

static const struct device_field fields[] = {
    DEVICE_FIELD(struct io_apic, lines),
    DEVICE_FIELD(struct io_apic, id),
    DEVICE_FIELD(struct io_apic, select),
    DEVICE_ARRAY(struct io_apic, entry, IO_APIC_INPUTS),
};

const struct device_table io_apic_table = {
    "io_apic", fields, sizeof(fields) / sizeof(fields[0]), loaded};
