#include "device/i8042.h"

#include <string.h>

enum {
    STATUS_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_AUX = 0x20,
    STATUS_TIMEOUT = 0x40,
};
enum {
    CONFIG_KEYBOARD_INTERRUPT = 0x01,
    CONFIG_AUX_INTERRUPT = 0x02,
    CONFIG_SYSTEM = 0x04,
    CONFIG_KEYBOARD_OFF = 0x10,
    CONFIG_AUX_OFF = 0x20,
    CONFIG_TRANSLATE = 0x40,
};
enum { PORT_NO_RESET = 1, PORT_A20 = 2 };
enum { ACKNOWLEDGE = 0xfa, RESEND = 0xfe, SELF_TEST_PASSED = 0xaa };

/* -- The output buffer ----------------------------------------------------- */

/* The interrupt stands while the buffer is full. */
static void update(struct i8042 *c)
{
    bool aux = c->count && (c->queue[c->head] >> 8 & STATUS_AUX);
    bool key = c->count && !aux;
    uint8_t outputs = (key && (c->config & CONFIG_KEYBOARD_INTERRUPT)) |
                      (aux && (c->config & CONFIG_AUX_INTERRUPT)) << 1;
    uint8_t changed = outputs ^ c->outputs;

    c->outputs = outputs;
    if (changed & 1) {
        wire_set(&c->keyboard_interrupt, outputs & 1);
    }
    if (changed & 2) {
        wire_set(&c->aux_interrupt, outputs >> 1);
    }
}

static void put(struct i8042 *c, uint8_t status, uint8_t byte)
{
    if (c->count < I8042_QUEUE) {
        c->queue[(c->head + c->count) % I8042_QUEUE] = status << 8 | byte;
        c->count++;
    }
    update(c);
}

/* Between two bytes the interrupt falls, so that each is an edge. */
static uint8_t get(struct i8042 *c)
{
    uint8_t byte = c->queue[c->head], rest = c->count - 1;

    if (!c->count) {
        return byte; /* the buffer keeps its last byte */
    }
    c->count = 0;
    update(c);
    c->count = rest;
    if (rest) {
        c->head = (c->head + 1) % I8042_QUEUE;
    }
    update(c);
    return byte;
}

/* -- The keyboard ---------------------------------------------------------- */

enum {
    KEYBOARD_LEDS = 0xed,
    KEYBOARD_ECHO = 0xee,
    KEYBOARD_SCAN_SET = 0xf0,
    KEYBOARD_IDENTIFY = 0xf2,
    KEYBOARD_RATE = 0xf3,
    KEYBOARD_SCAN = 0xf4,
    KEYBOARD_STOP = 0xf5,
    KEYBOARD_DEFAULTS = 0xf6,
    KEYBOARD_RESEND = 0xfe,
    KEYBOARD_RESET = 0xff,
};

static void keyboard_reset(struct i8042 *c)
{
    c->parameter_of = 0;
    c->scanning = 1;
    c->leds = 0;
    c->scan_set = 2;
}

static void keyboard_parameter(struct i8042 *c, uint8_t byte)
{
    uint8_t command = c->parameter_of;

    c->parameter_of = 0;
    put(c, 0, ACKNOWLEDGE);
    if (command == KEYBOARD_LEDS) {
        c->leds = byte & 7;
    } else if (command == KEYBOARD_SCAN_SET && !byte) {
        put(c, 0, c->scan_set);
    } else if (command == KEYBOARD_SCAN_SET && byte <= 3) {
        c->scan_set = byte;
    }
}

static void keyboard_command(struct i8042 *c, uint8_t byte)
{
    switch (byte) {
    case KEYBOARD_LEDS:
    case KEYBOARD_SCAN_SET:
    case KEYBOARD_RATE:
        c->parameter_of = byte;
        put(c, 0, ACKNOWLEDGE);
        break;
    case KEYBOARD_ECHO:
        put(c, 0, KEYBOARD_ECHO);
        break;
    case KEYBOARD_IDENTIFY: /* 0x83, which translates to 0x41 */
        put(c, 0, ACKNOWLEDGE);
        put(c, 0, 0xab);
        put(c, 0, c->config & CONFIG_TRANSLATE ? 0x41 : 0x83);
        break;
    case KEYBOARD_SCAN:
    case KEYBOARD_STOP:
        c->scanning = byte == KEYBOARD_SCAN;
        put(c, 0, ACKNOWLEDGE);
        break;
    case KEYBOARD_DEFAULTS:
        keyboard_reset(c);
        put(c, 0, ACKNOWLEDGE);
        break;
    case KEYBOARD_RESET:
        keyboard_reset(c);
        put(c, 0, ACKNOWLEDGE);
        put(c, 0, SELF_TEST_PASSED);
        break;
    default:
        put(c, 0, RESEND);
    }
}

/* What is above the parameters is a command, and ends the wait for one. */
static void keyboard_write(struct i8042 *c, uint8_t byte)
{
    c->config &= ~CONFIG_KEYBOARD_OFF; /* a byte to it switches it on */
    if (c->parameter_of && byte < KEYBOARD_LEDS) {
        keyboard_parameter(c, byte);
    } else {
        c->parameter_of = 0;
        keyboard_command(c, byte);
    }
}

bool i8042_key(struct i8042 *c, uint8_t byte)
{
    if (!c->scanning || (c->config & CONFIG_KEYBOARD_OFF) ||
        c->count >= I8042_QUEUE) {
        return false;
    }
    put(c, 0, byte);
    return true;
}

/* -- The controller -------------------------------------------------------- */

enum {
    READ_RAM = 0x20, /* to 0x3f */
    WRITE_RAM = 0x60,
    AUX_OFF = 0xa7,
    AUX_ON,
    AUX_TEST,
    SELF_TEST,
    KEYBOARD_TEST,
    KEYBOARD_OFF = 0xad,
    KEYBOARD_ON,
    READ_INPUT_PORT = 0xc0,
    READ_OUTPUT_PORT = 0xd0,
    WRITE_OUTPUT_PORT,
    WRITE_KEYBOARD_BUFFER,
    WRITE_AUX_BUFFER,
    WRITE_AUX,
    PULSE = 0xf0, /* to 0xff: the bits that are 0 */
};

static void write_output_port(struct i8042 *c, uint8_t value)
{
    uint8_t changed = c->output_port ^ value;

    c->output_port = value | PORT_NO_RESET;
    if (changed & PORT_A20) {
        wire_set(&c->a20, (value & PORT_A20) != 0);
    }
    if (!(value & PORT_NO_RESET)) {
        wire_pulse(&c->reset);
    }
}

static void set_config(struct i8042 *c, uint8_t value)
{
    c->config = value;
    update(c);
}

static void one_byte_command(struct i8042 *c, uint8_t command)
{
    switch (command) {
    case AUX_OFF:
        set_config(c, c->config | CONFIG_AUX_OFF);
        break;
    case AUX_ON:
        set_config(c, c->config & ~CONFIG_AUX_OFF);
        break;
    case AUX_TEST:
    case KEYBOARD_TEST:
        put(c, 0, 0);
        break;
    case SELF_TEST:
        set_config(c, c->config | CONFIG_SYSTEM);
        put(c, 0, 0x55);
        break;
    case KEYBOARD_OFF:
        set_config(c, c->config | CONFIG_KEYBOARD_OFF);
        break;
    case KEYBOARD_ON:
        set_config(c, c->config & ~CONFIG_KEYBOARD_OFF);
        break;
    case READ_INPUT_PORT:
        put(c, 0, 0x80); /* the keyboard is not locked */
        break;
    case READ_OUTPUT_PORT:
        put(c, 0, c->output_port);
        break;
    default: /* others do nothing */
        break;
    }
}

static void write_command(struct i8042 *c, uint8_t command)
{
    c->command = 0;
    c->last_was_command = 1;
    if ((command & 0xe0) == READ_RAM) {
        put(c, 0, command & 31 ? c->ram[(command & 31) - 1] : c->config);
    } else if ((command & 0xe0) == WRITE_RAM ||
               (command >= WRITE_OUTPUT_PORT && command <= WRITE_AUX)) {
        c->command = command;
    } else if (command < PULSE) {
        one_byte_command(c, command);
    } else if (!(command & PORT_NO_RESET)) {
        wire_pulse(&c->reset);
    }
}

static void write_data(struct i8042 *c, uint8_t byte)
{
    uint8_t command = c->command;

    c->command = 0;
    c->last_was_command = 0;
    switch (command) {
    case 0:
        keyboard_write(c, byte);
        break;
    case WRITE_RAM:
        set_config(c, byte);
        break;
    case WRITE_OUTPUT_PORT:
        write_output_port(c, byte);
        break;
    case WRITE_KEYBOARD_BUFFER:
        put(c, 0, byte);
        break;
    case WRITE_AUX_BUFFER:
        put(c, STATUS_AUX, byte);
        break;
    case WRITE_AUX: /* nobody there */
        put(c, STATUS_AUX | STATUS_TIMEOUT, RESEND);
        break;
    default:
        c->ram[((command - 1) & 31) % sizeof(c->ram)] = byte;
    }
}

static uint8_t status(const struct i8042 *c)
{
    uint8_t value = STATUS_UNLOCKED;

    value |= c->config & CONFIG_SYSTEM ? STATUS_SYSTEM : 0;
    value |= c->last_was_command ? STATUS_COMMAND : 0;
    if (c->count) {
        value |= STATUS_FULL | c->queue[c->head] >> 8;
    }
    return value;
}

static uint64_t data_read(void *opaque, uint64_t address, unsigned size)
{
    (void)address;
    (void)size;
    return get(opaque);
}

static void data_write(void *opaque, uint64_t address, uint64_t value,
                       unsigned size)
{
    (void)address;
    (void)size;
    write_data(opaque, value);
}

static uint64_t status_read(void *opaque, uint64_t address, unsigned size)
{
    (void)address;
    (void)size;
    return status(opaque);
}

static void command_write(void *opaque, uint64_t address, uint64_t value,
                          unsigned size)
{
    (void)address;
    (void)size;
    write_command(opaque, value);
}

bool i8042_attach(struct i8042 *c, struct io_map *map)
{
    static const struct io_handlers data = {data_read, data_write, 1};
    static const struct io_handlers command = {status_read, command_write, 1};

    return io_map_add(map, IO_PORT, 0x60, 1, &data, c) &&
           io_map_add(map, IO_PORT, 0x64, 1, &command, c);
}

/* -- State ----------------------------------------------------------------- */

/* As firmware leaves it, A20 included. */
void i8042_init(struct i8042 *c)
{
    memset(c, 0, sizeof(*c));
    c->config = CONFIG_KEYBOARD_INTERRUPT | CONFIG_SYSTEM | CONFIG_TRANSLATE;
    c->output_port = 0xcc | PORT_NO_RESET | PORT_A20;
    keyboard_reset(c);
}

static void loaded(void *opaque)
{
    struct i8042 *c = opaque;

    c->head %= I8042_QUEUE;
    c->count = c->count > I8042_QUEUE ? I8042_QUEUE : c->count;
    for (unsigned i = 0; i < I8042_QUEUE; i++) {
        c->queue[i] &= (STATUS_AUX | STATUS_TIMEOUT) << 8 | 0xff;
    }
    update(c);
    wire_set(&c->keyboard_interrupt, c->outputs & 1);
    wire_set(&c->aux_interrupt, c->outputs >> 1);
    wire_set(&c->a20, (c->output_port & PORT_A20) != 0);
}

#define FIELD(member) DEVICE_FIELD(struct i8042, member)

static const struct device_field fields[] = {
    FIELD(config),
    FIELD(command),
    FIELD(last_was_command),
    FIELD(output_port),
    DEVICE_ARRAY(struct i8042, ram, 31),
    FIELD(parameter_of),
    FIELD(scanning),
    FIELD(leds),
    FIELD(scan_set),
    FIELD(head),
    FIELD(count),
    DEVICE_ARRAY(struct i8042, queue, I8042_QUEUE),
    FIELD(outputs),
};

const struct device_table i8042_table = {
    "i8042", fields, sizeof(fields) / sizeof(fields[0]), loaded};
