#include "device/i8259.h"

#include <string.h>

#define CASCADE 2
#define SPURIOUS 7

enum { MASTER, SLAVE };
enum { ICW1_NEEDS_ICW4 = 0x01, ICW1_SINGLE = 0x02, ICW1 = 0x10 };
enum { ICW4_AUTO_EOI = 0x02, ICW4_FULLY_NESTED = 0x10 };
enum { OCW3 = 0x08, OCW3_POLL = 0x04 };

/* -- Priorities ------------------------------------------------------------ */

/* 0 is the most urgent. */
static unsigned rank_of(const struct i8259_chip *chip, int irq)
{
    return (irq - chip->lowest - 1) & 7;
}

static int most_urgent(const struct i8259_chip *chip, uint8_t set)
{
    for (unsigned rank = 0; rank < 8; rank++) {
        int irq = (chip->lowest + 1 + rank) & 7;

        if (set >> irq & 1) {
            return irq;
        }
    }
    return -1;
}

/* In special mask mode a masked input that is in service holds nobody up. */
static uint8_t in_service(const struct i8259_chip *chip)
{
    return chip->special_mask ? chip->isr & ~chip->imr : chip->isr;
}

/* The input that the chip asks service for; -1: none. */
static int requested(const struct i8259 *pic, unsigned which)
{
    const struct i8259_chip *chip = &pic->chip[which];
    int irq = most_urgent(chip, chip->irr & ~chip->imr);
    int served = most_urgent(chip, in_service(chip));

    if (chip->icw_next || irq < 0) {
        return -1;
    }
    if (served < 0 || rank_of(chip, irq) < rank_of(chip, served)) {
        return irq;
    }
    /* Special fully nested: the slave may interrupt its own service. */
    if (which == MASTER && (chip->icw4 & ICW4_FULLY_NESTED) && irq == CASCADE &&
        served == CASCADE) {
        return irq;
    }
    return -1;
}

static void update(struct i8259 *pic)
{
    struct i8259_chip *master = &pic->chip[MASTER];
    bool output;

    master->irr &= ~(1u << CASCADE);
    if (requested(pic, SLAVE) >= 0) {
        master->irr |= 1u << CASCADE;
    }
    output = requested(pic, MASTER) >= 0;
    if (output != pic->output) {
        pic->output = output;
        wire_set(&pic->interrupt, output);
    }
}

/* -- Inputs and acknowledge ------------------------------------------------ */

void i8259_set_line(void *opaque, unsigned line, bool level)
{
    struct i8259 *pic = opaque;
    struct i8259_chip *chip = &pic->chip[line >> 3 & 1];
    uint8_t bit = 1u << (line & 7);

    if (line > 15 || line == CASCADE) {
        return;
    }
    if (!level) {
        chip->irr &= ~bit;
        chip->lines &= ~bit;
    } else {
        if (!(chip->lines & bit) || (chip->elcr & bit)) {
            chip->irr |= bit;
        }
        chip->lines |= bit;
    }
    update(pic);
}

static void take(struct i8259_chip *chip, int irq)
{
    uint8_t bit = 1u << irq;

    if (!(chip->elcr & bit)) {
        chip->irr &= ~bit;
    }
    if (!(chip->icw4 & ICW4_AUTO_EOI)) {
        chip->isr |= bit;
    } else if (chip->rotate_on_aeoi) {
        chip->lowest = irq;
    }
}

/* A request that went away meanwhile leaves no trace in ISR. */
static unsigned acknowledge(struct i8259 *pic, unsigned which)
{
    struct i8259_chip *chip = &pic->chip[which];
    int irq = requested(pic, which);

    if (irq < 0) {
        return chip->vector_base + SPURIOUS;
    }
    take(chip, irq);
    if (which == MASTER && irq == CASCADE) {
        return acknowledge(pic, SLAVE);
    }
    return chip->vector_base + irq;
}

unsigned i8259_acknowledge(struct i8259 *pic)
{
    unsigned vector = acknowledge(pic, MASTER);

    update(pic);
    return vector;
}

/* -- Commands -------------------------------------------------------------- */

static void write_icw1(struct i8259_chip *chip, uint8_t value)
{
    chip->icw1 = value;
    chip->icw4 = 0;
    chip->icw_next = 2;
    chip->imr = 0;
    chip->isr = 0;
    /* The edge detectors want a new edge; levels are seen as they are. */
    chip->irr = chip->lines & chip->elcr;
    chip->lowest = 7;
    chip->read_isr = 0;
    chip->poll = 0;
    chip->special_mask = 0;
    chip->rotate_on_aeoi = 0;
}

static void write_icw(struct i8259_chip *chip, uint8_t value)
{
    bool icw4 = chip->icw1 & ICW1_NEEDS_ICW4;

    switch (chip->icw_next) {
    case 2:
        chip->vector_base = value & 0xf8;
        chip->icw_next = !(chip->icw1 & ICW1_SINGLE) ? 3 : icw4 ? 4 : 0;
        break;
    case 3: /* which input the slave is on: soldered */
        chip->icw_next = icw4 ? 4 : 0;
        break;
    default:
        chip->icw4 = value;
        chip->icw_next = 0;
    }
}

static void end_of_interrupt(struct i8259_chip *chip, int irq, bool rotate)
{
    if (irq < 0) {
        return;
    }
    chip->isr &= ~(1u << irq);
    if (rotate) {
        chip->lowest = irq;
    }
}

static void write_ocw2(struct i8259_chip *chip, uint8_t value)
{
    int irq = value & 7;

    switch (value >> 5) {
    case 0:
    case 4:
        chip->rotate_on_aeoi = value >> 7;
        break;
    case 1:
    case 5:
        irq = most_urgent(chip, in_service(chip));
        end_of_interrupt(chip, irq, value >> 7);
        break;
    case 3:
    case 7:
        end_of_interrupt(chip, irq, value >> 7);
        break;
    case 6:
        chip->lowest = irq;
        break;
    default: /* 2: no operation */
        break;
    }
}

static void write_ocw3(struct i8259_chip *chip, uint8_t value)
{
    chip->poll = (value & OCW3_POLL) != 0;
    if (value & 0x02) {
        chip->read_isr = value & 1;
    }
    if (value & 0x40) {
        chip->special_mask = value >> 5 & 1;
    }
}

static void chip_write(struct i8259_chip *chip, bool odd, uint8_t value)
{
    if (odd && chip->icw_next) {
        write_icw(chip, value);
    } else if (odd) {
        chip->imr = value;
    } else if (value & ICW1) {
        write_icw1(chip, value);
    } else if (value & OCW3) {
        write_ocw3(chip, value);
    } else {
        write_ocw2(chip, value);
    }
}

/* A read after the poll command acknowledges. */
static uint8_t poll(struct i8259 *pic, unsigned which)
{
    struct i8259_chip *chip = &pic->chip[which];
    int irq = requested(pic, which);

    chip->poll = 0;
    if (irq < 0) {
        return 0;
    }
    take(chip, irq);
    update(pic);
    return 0x80 | irq;
}

/* -- Ports ----------------------------------------------------------------- */

static uint64_t read_port(struct i8259 *pic, unsigned which, uint64_t address)
{
    struct i8259_chip *chip = &pic->chip[which];

    if (chip->poll) {
        return poll(pic, which);
    }
    if (address & 1) {
        return chip->imr;
    }
    return chip->read_isr ? chip->isr : chip->irr;
}

static uint64_t master_read(void *opaque, uint64_t address, unsigned size)
{
    (void)size;
    return read_port(opaque, MASTER, address);
}

static uint64_t slave_read(void *opaque, uint64_t address, unsigned size)
{
    (void)size;
    return read_port(opaque, SLAVE, address);
}

static void master_write(void *opaque, uint64_t address, uint64_t value,
                         unsigned size)
{
    struct i8259 *pic = opaque;

    (void)size;
    chip_write(&pic->chip[MASTER], address & 1, value);
    update(pic);
}

static void slave_write(void *opaque, uint64_t address, uint64_t value,
                        unsigned size)
{
    struct i8259 *pic = opaque;

    (void)size;
    chip_write(&pic->chip[SLAVE], address & 1, value);
    update(pic);
}

static uint64_t elcr_read(void *opaque, uint64_t address, unsigned size)
{
    struct i8259 *pic = opaque;

    (void)size;
    return pic->chip[address & 1].elcr;
}

/* Timer, keyboard, cascade, RTC and coprocessor are edges for good. */
static void elcr_write(void *opaque, uint64_t address, uint64_t value,
                       unsigned size)
{
    static const uint8_t changeable[2] = {0xf8, 0xde};
    struct i8259 *pic = opaque;
    struct i8259_chip *chip = &pic->chip[address & 1];

    (void)size;
    chip->elcr = value & changeable[address & 1];
    chip->irr = (chip->irr & ~chip->elcr) | (chip->lines & chip->elcr);
    update(pic);
}

bool i8259_attach(struct i8259 *pic, struct io_map *map)
{
    static const struct io_handlers master = {master_read, master_write, 1};
    static const struct io_handlers slave = {slave_read, slave_write, 1};
    static const struct io_handlers elcr = {elcr_read, elcr_write, 1};

    return io_map_add(map, IO_PORT, 0x20, 2, &master, pic) &&
           io_map_add(map, IO_PORT, 0xa0, 2, &slave, pic) &&
           io_map_add(map, IO_PORT, 0x4d0, 2, &elcr, pic);
}

/* -- State ----------------------------------------------------------------- */

void i8259_init(struct i8259 *pic)
{
    memset(pic, 0, sizeof(*pic));
    for (unsigned i = 0; i < 2; i++) {
        pic->chip[i].imr = 0xff;
        pic->chip[i].lowest = 7;
    }
}

static void loaded(void *opaque)
{
    struct i8259 *pic = opaque;

    for (unsigned i = 0; i < 2; i++) {
        struct i8259_chip *chip = &pic->chip[i];

        chip->lowest &= 7;
        chip->icw_next = chip->icw_next > 4 ? 0 : chip->icw_next;
        chip->vector_base &= 0xf8;
    }
    pic->output = pic->output != 0;
    update(pic);
    wire_set(&pic->interrupt, pic->output);
}

#define FIELD(member) DEVICE_FIELD(struct i8259, member)
#define CHIP(n) \
    FIELD(chip[n].lines), FIELD(chip[n].irr), FIELD(chip[n].imr), \
        FIELD(chip[n].isr), FIELD(chip[n].elcr), FIELD(chip[n].vector_base), \
        FIELD(chip[n].lowest), FIELD(chip[n].icw_next), FIELD(chip[n].icw1), \
        FIELD(chip[n].icw4), FIELD(chip[n].read_isr), FIELD(chip[n].poll), \
        FIELD(chip[n].special_mask), FIELD(chip[n].rotate_on_aeoi)

static const struct device_field fields[] = {CHIP(0), CHIP(1), FIELD(output)};

const struct device_table i8259_table = {
    "i8259", fields, sizeof(fields) / sizeof(fields[0]), loaded};
