/*
 * The wiring of a PC:
 *
 *     PIT channel 0 -> 8259 input 0        COM1 -> input 4
 *     keyboard      -> input 1             RTC  -> input 8
 *     mouse         -> input 12            8259 -> CPU
 */
#include "board/pc.h"

#include "base/error.h"
#include "guest/x86/state.h"

#include <stdlib.h>

#define MIB (1ull << 20)

/* -- Wires that end at the machine ----------------------------------------- */

static void reset(void *opaque, unsigned line, bool level)
{
    struct pc *pc = opaque;

    (void)line;
    if (level) {
        machine_stop(pc->machine, "the guest asked for a reset");
    }
}

static void debug_exit(void *opaque, unsigned status)
{
    struct pc *pc = opaque;

    pc->exit_status = (int)(status << 1 | 1);
    machine_stop(pc->machine, "the guest ended the run");
}

static bool pin_raised(void *opaque)
{
    return ((struct pc *)opaque)->pic.output;
}

static unsigned pin_acknowledge(void *opaque)
{
    return i8259_acknowledge(&((struct pc *)opaque)->pic);
}

/* -- Building -------------------------------------------------------------- */

static struct wire isa_line(struct pc *pc, unsigned line)
{
    return (struct wire){i8259_set_line, &pc->pic, line};
}

static void add_devices(struct pc *pc, const struct pc_options *options)
{
    struct io_map *io = pc->live->io;
    struct clock *clock = pc->live->clock;
    const struct wire to_reset = {reset, pc, 0};
    bool good;

    i8259_init(&pc->pic);
    pit8254_init(&pc->pit, clock);
    pc->pit.interrupt = isa_line(pc, 0);
    rtc_cmos_init(&pc->rtc, clock, options->rtc_base);
    pc->rtc.interrupt = isa_line(pc, 8);
    uart16550_init(&pc->com1, clock);
    pc->com1.interrupt = isa_line(pc, 4);
    pc->com1.backend = options->serial;
    i8042_init(&pc->keyboard);
    pc->keyboard.keyboard_interrupt = isa_line(pc, 1);
    pc->keyboard.aux_interrupt = isa_line(pc, 12);
    pc->keyboard.reset = to_reset;
    port92_init(&pc->port92);
    pc->port92.reset = to_reset;
    good = i8259_attach(&pc->pic, io) && pit8254_attach(&pc->pit, io) &&
           rtc_cmos_attach(&pc->rtc, io) &&
           uart16550_attach(&pc->com1, io, 0x3f8) &&
           i8042_attach(&pc->keyboard, io) && port92_attach(&pc->port92, io);
    if (good && options->debug_exit_port) {
        isa_debug_exit_init(&pc->debug_exit);
        pc->debug_exit.end = debug_exit;
        pc->debug_exit.opaque = pc;
        good = isa_debug_exit_attach(&pc->debug_exit, io,
                                     options->debug_exit_port, 4);
    }
    panda_assert(good);
}

static void com1_receive(void *opaque, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uart16550_receive(&((struct pc *)opaque)->com1, bytes[i]);
    }
}

/* For snapshots and recordings: the order is part of their format. */
static void name_devices(struct pc *pc)
{
    const struct live_input com1 = {"com1", com1_receive, pc};
    const struct live_device devices[] = {
        {&i8259_table, &pc->pic},   {&pit8254_table, &pc->pit},
        {&rtc_cmos_table, &pc->rtc}, {&uart16550_table, &pc->com1},
        {&i8042_table, &pc->keyboard}, {&port92_table, &pc->port92},
    };

    for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        live_add_device(pc->live, devices[i].table, devices[i].device);
    }
    pc->com1_input = live_add_input(pc->live, &com1);
}

/* Base memory and what is above 1 MiB, in kilobytes and 64 KiB pieces. */
static void describe_memory(struct pc *pc, uint64_t size)
{
    uint64_t above = size - MIB;
    uint64_t kib = above / 1024 > 0xffff ? 0xffff : above / 1024;
    uint64_t pieces = size > 16 * MIB ? (size - 16 * MIB) >> 16 : 0;

    rtc_cmos_set(&pc->rtc, 0x15, 640 & 0xff);
    rtc_cmos_set(&pc->rtc, 0x16, 640 >> 8);
    rtc_cmos_set(&pc->rtc, 0x17, (uint8_t)kib);
    rtc_cmos_set(&pc->rtc, 0x18, (uint8_t)(kib >> 8));
    rtc_cmos_set(&pc->rtc, 0x30, (uint8_t)kib);
    rtc_cmos_set(&pc->rtc, 0x31, (uint8_t)(kib >> 8));
    rtc_cmos_set(&pc->rtc, 0x34, (uint8_t)pieces);
    rtc_cmos_set(&pc->rtc, 0x35, (uint8_t)(pieces >> 8));
}

struct pc *pc_new(const struct pc_options *options, char **message)
{
    struct pc *pc = calloc(1, sizeof(*pc));
    uint64_t size = options->ram_size;

    if (!pc) {
        panda_bug("out of memory");
    }
    if (size < 4 * MIB || size > 3072 * MIB || size % MIB) {
        *message = panda_message("-m: a PC has from 4 to 3072 MiB of memory");
        free(pc);
        return NULL;
    }
    pc->exit_status = -1;
    pc->machine = machine_new(&x86_guest);
    pc->ram = mem_add_block(pc->machine->memory, "ram", BLOCK_RAM, size);
    if (!pc->ram) {
        *message = panda_message("no host memory for %llu MiB of guest "
                                 "memory", (unsigned long long)(size / MIB));
        machine_free(pc->machine);
        free(pc);
        return NULL;
    }
    /* Between 640 and 768 KiB there would be a display's memory. */
    mem_map(pc->machine->memory, 0, 0xa0000, pc->ram, 0);
    mem_map(pc->machine->memory, 0xc0000, size - 0xc0000, pc->ram, 0xc0000);
    pc->live = live_new(pc->machine);
    pc->live->pin = (struct interrupt_pin){pin_raised, pin_acknowledge, pc};
    pc->machine->boundary = &pc->live->boundary;
    add_devices(pc, options);
    name_devices(pc);
    describe_memory(pc, size);
    return pc;
}

void pc_free(struct pc *pc)
{
    if (pc) {
        live_free(pc->live);
        machine_free(pc->machine);
        free(pc);
    }
}
