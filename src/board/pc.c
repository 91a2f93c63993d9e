/*
 * The wiring of a PC:
 *
 *     PIT channel 0 -> ISA line 0          COM1 -> ISA line 4
 *     keyboard      -> ISA line 1          RTC  -> ISA line 8
 *     mouse         -> ISA line 12
 *
 *     ISA lines -> 8259 pair -> LINT0 of the local APIC -> CPU
 *               -> I/O APIC (line 0 on its input 2) -> local APIC
 */
#include "board/pc_parts.h"

#include "base/error.h"
#include "guest/x86/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MIB (1ull << 20)
#define HOLE 0xa0000u /* to 768 KiB: there would be a display's memory */
#define HOLE_END 0xc0000u

/* -- Wires that end at the machine ----------------------------------------- */

static void reset_wire(void *opaque, unsigned line, bool level)
{
    (void)line;
    if (level) {
        pc_ask_reset(opaque, "the guest asked for a reset");
    }
}

static void init_wire(void *opaque, unsigned line, bool level)
{
    (void)line;
    if (level) {
        pc_ask_reset(opaque, "the guest sent INIT to its only CPU");
    }
}

static void nmi_wire(void *opaque, unsigned line, bool level)
{
    (void)line;
    ((struct pc *)opaque)->nmi_waits |= level;
}

static void power_off(void *opaque, unsigned line, bool level)
{
    (void)line;
    if (level) {
        machine_stop(((struct pc *)opaque)->machine,
                     "the guest switched the machine off");
    }
}

static void debug_exit(void *opaque, unsigned status)
{
    struct pc *pc = opaque;

    pc->exit_status = (int)(status << 1 | 1) & 0xff;
    machine_stop(pc->machine, "the guest ended the run");
}

/* Either source opens the gate. */
static void a20_wire(void *opaque, unsigned line, bool level)
{
    struct pc *pc = opaque;
    struct inward_event event = {.kind = INWARD_A20};

    pc->a20[line] = level;
    event.value = pc->a20[0] | pc->a20[1];
    if (event.value != pc->a20_open) {
        pc->a20_open = (uint8_t)event.value;
        live_post(pc->live, &event);
    }
}

static void isa_line(void *opaque, unsigned line, bool level)
{
    struct pc *pc = opaque;

    i8259_set_line(&pc->pic, line, level);
    io_apic_set_line(&pc->io_apic, line ? line : 2, level);
}

/* -- The CPU's side of the interrupt controllers --------------------------- */

static bool pin_raised(void *opaque)
{
    return local_apic_raised(&((struct pc *)opaque)->local_apic);
}

static unsigned pin_acknowledge(void *opaque)
{
    return local_apic_acknowledge(&((struct pc *)opaque)->local_apic);
}

static unsigned pic_acknowledge(void *opaque)
{
    return i8259_acknowledge(&((struct pc *)opaque)->pic);
}

static bool nmi_raised(void *opaque)
{
    return ((struct pc *)opaque)->nmi_waits;
}

static void nmi_acknowledge(void *opaque)
{
    ((struct pc *)opaque)->nmi_waits = 0;
}

/* Nothing drives LINT1, so what is left are lines that devices drive. */
static bool nmi_possible(void *opaque)
{
    struct pc *pc = opaque;

    return pc->nmi_waits || local_apic_line_is_nmi(&pc->local_apic) ||
           io_apic_line_is_nmi(&pc->io_apic);
}

/* The APIC's half of CR8 changed. */
static void set_priority(void *opaque, unsigned cr8)
{
    const struct inward_event event = {.kind = INWARD_CR8, .value = cr8};

    live_post(((struct pc *)opaque)->live, &event);
}

/* -- Registers of the CPU that reach out ----------------------------------- */

/* A page of RAM, or the hole where the APIC hides it. */
static void show_ram(struct pc *pc, uint64_t page, bool shown)
{
    const struct inward_event event = {
        .kind = INWARD_MAP,
        .what = shown ? pc->ram->id : INWARD_NO_BLOCK,
        .address = page,
        .value = PAGE_SIZE_,
        .bytes = &page, /* RAM is at its own address */
        .size = sizeof(page)};

    if (page < pc->ram->size && (page < HOLE || page >= HOLE_END)) {
        live_post(pc->live, &event);
    }
}

static void set_apic_base(struct pc *pc, uint64_t value)
{
    struct local_apic *apic = &pc->local_apic;
    uint64_t base = value & PAGE_MASK_;
    bool enabled = value >> 11 & 1;

    if (base != apic->base || enabled != apic->enabled) {
        pc_show_ram_of_apic(pc);
        if (enabled) {
            show_ram(pc, base, false);
        }
    }
    local_apic_set_base(apic, base);
    local_apic_enable(apic, enabled);
}

void pc_show_ram_of_apic(struct pc *pc)
{
    if (pc->local_apic.enabled) {
        show_ram(pc, pc->local_apic.base, true);
    }
}

static void shut_down(struct pc *pc, uint64_t address)
{
    char *why = panda_message("triple fault at pc 0x%" PRIx64, address);

    if (!pc->options.no_reboot) {
        panda_warn("%s (count %" PRIu64 "): the machine is reset", why,
                   pc->machine->cpu->count);
    }
    pc_ask_reset(pc, why);
    free(why);
}

static void outward(void *opaque, enum io_kind kind, uint64_t address,
                    uint64_t value)
{
    struct pc *pc = opaque;

    if (kind == BOUNDARY_CR8) {
        local_apic_set_cr8(&pc->local_apic, (unsigned)value);
    } else if (kind == BOUNDARY_APIC_BASE) {
        set_apic_base(pc, value);
    } else if (kind == BOUNDARY_SHUTDOWN) {
        shut_down(pc, address);
    }
}

/* -- Building -------------------------------------------------------------- */

static struct wire isa(struct pc *pc, unsigned line)
{
    return (struct wire){isa_line, pc, line};
}

static bool add_interrupt_controllers(struct pc *pc)
{
    struct io_map *io = pc->live->io;
    bool good;

    apic_bus_init(&pc->apics);
    local_apic_init(&pc->local_apic, pc->live->clock, &pc->apics, 0);
    io_apic_init(&pc->io_apic, &pc->apics, IO_APIC_ID);
    i8259_init(&pc->pic);
    good = apic_bus_add_cpu(&pc->apics, &pc->local_apic) &&
           apic_bus_add_io(&pc->apics, &pc->io_apic) &&
           local_apic_attach(&pc->local_apic, io) &&
           io_apic_attach(&pc->io_apic, io, IO_APIC_BASE) &&
           i8259_attach(&pc->pic, io);
    pc->pic.interrupt = (struct wire){local_apic_set_line, &pc->local_apic, 0};
    pc->local_apic.cpu = (struct local_apic_cpu){
        .nmi = {nmi_wire, pc, 0}, /* no SMI: there is nobody to handle it */
        .init = {init_wire, pc, 0},
        .priority = set_priority,
        .acknowledge = pic_acknowledge,
        .opaque = pc,
    };
    local_apic_virtual_wire(&pc->local_apic);
    pc->nmi_waits = 0;
    return good;
}

static bool add_clocks(struct pc *pc, const struct rtc_cmos *rtc)
{
    struct clock *clock = pc->live->clock;

    pit8254_init(&pc->pit, clock);
    pc->pit.interrupt = isa(pc, 0);
    if (rtc) {
        pc->rtc = *rtc;
        rtc_cmos_reset(&pc->rtc, clock);
    } else {
        rtc_cmos_init(&pc->rtc, clock, pc->options.rtc_base);
    }
    pc->rtc.interrupt = isa(pc, 8);
    return pit8254_attach(&pc->pit, pc->live->io) &&
           rtc_cmos_attach(&pc->rtc, pc->live->io);
}

static bool add_serial(struct pc *pc)
{
    uart16550_init(&pc->com1, pc->live->clock);
    pc->com1.interrupt = isa(pc, 4);
    pc->com1.backend = pc->options.serial;
    pc->com1.listener = (struct transfer_listener){live_transfer, pc->live};
    return uart16550_attach(&pc->com1, pc->live->io, 0x3f8);
}

static bool add_keyboard(struct pc *pc)
{
    const struct wire to_reset = {reset_wire, pc, 0};

    i8042_init(&pc->keyboard);
    pc->keyboard.keyboard_interrupt = isa(pc, 1);
    pc->keyboard.aux_interrupt = isa(pc, 12);
    pc->keyboard.reset = to_reset;
    pc->keyboard.a20 = (struct wire){a20_wire, pc, 0};
    port92_init(&pc->port92);
    pc->port92.reset = to_reset;
    pc->port92.a20 = (struct wire){a20_wire, pc, 1};
    pc->a20[0] = pc->a20_open = 1;
    pc->a20[1] = 0;
    return i8042_attach(&pc->keyboard, pc->live->io) &&
           port92_attach(&pc->port92, pc->live->io);
}

static bool add_debug_exit(struct pc *pc)
{
    if (!pc->options.debug_exit_port) {
        return true;
    }
    isa_debug_exit_init(&pc->debug_exit);
    pc->debug_exit.end = debug_exit;
    pc->debug_exit.opaque = pc;
    return isa_debug_exit_attach(&pc->debug_exit, pc->live->io,
                                 pc->options.debug_exit_port,
                                 pc->options.debug_exit_size);
}

bool pc_add_devices(struct pc *pc, const struct rtc_cmos *rtc)
{
    bool good = add_interrupt_controllers(pc) && add_clocks(pc, rtc) &&
                add_serial(pc) && add_keyboard(pc);

    acpi_pm_init(&pc->pm);
    pc->pm.power_off = (struct wire){power_off, pc, 0};
    good = good && acpi_pm_attach(&pc->pm, pc->live->io);
    panda_assert(good);
    return add_debug_exit(pc);
}

static void com1_receive(void *opaque, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uart16550_receive(&((struct pc *)opaque)->com1, bytes[i]);
    }
}

static void com1_break(void *opaque, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    uart16550_receive_break(&((struct pc *)opaque)->com1);
}

/* For snapshots and recordings: the order is part of their format. */
static void name_devices(struct pc *pc)
{
    const struct live_input com1 = {"com1", com1_receive, pc};
    const struct live_input broken = {"com1 break", com1_break, pc};
    const struct live_device devices[] = {
        {&i8259_table, &pc->pic},
        {&pit8254_table, &pc->pit},
        {&rtc_cmos_table, &pc->rtc},
        {&uart16550_table, &pc->com1},
        {&i8042_table, &pc->keyboard},
        {&port92_table, &pc->port92},
        {&local_apic_table, &pc->local_apic},
        {&io_apic_table, &pc->io_apic},
        {&acpi_pm_table, &pc->pm},
        {&pc_table, pc},
    };

    for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        live_add_device(pc->live, devices[i].table, devices[i].device);
    }
    pc->com1_input = live_add_input(pc->live, &com1);
    pc->com1_break = live_add_input(pc->live, &broken);
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

static bool add_memory(struct pc *pc, uint64_t size, char **message)
{
    struct memory *memory = pc->machine->memory;

    pc->ram = mem_add_block(memory, "ram", BLOCK_RAM, size);
    pc->firmware = mem_add_block(memory, "firmware", BLOCK_ROM, FIRMWARE_SIZE);
    if (!pc->ram || !pc->firmware) {
        *message = panda_message("no host memory for %llu MiB of guest "
                                 "memory",
                                 (unsigned long long)(size / MIB));
        return false;
    }
    mem_map(memory, 0, HOLE, pc->ram, 0);
    mem_map(memory, HOLE_END, size - HOLE_END, pc->ram, HOLE_END);
    mem_map(memory, FIRMWARE, FIRMWARE_SIZE, pc->firmware, 0);
    pc_write_mp_table(pc, TABLES);
    pc_write_acpi(pc, TABLES + 0x1000);
    return true;
}

static void add_live(struct pc *pc)
{
    pc->live = live_new(pc->machine);
    pc->live->pin = (struct interrupt_pin){pin_raised, pin_acknowledge, pc};
    pc->live->nmi = (struct nmi_pin){nmi_raised, nmi_acknowledge, nmi_possible,
                                     pc};
    pc->live->board = (struct live_board){outward, pc_reset, pc};
    pc->machine->boundary = &pc->live->boundary;
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
    pc->options = *options;
    pc->exit_status = -1;
    pc->seed = options->seed;
    pc->machine = machine_new(&x86_guest);
    if (!add_memory(pc, size, message)) {
        machine_free(pc->machine);
        free(pc);
        return NULL;
    }
    add_live(pc);
    if (!pc_add_devices(pc, NULL)) {
        *message = panda_message(
            "-device isa-debug-exit: a device of the PC has its ports at "
            "0x%x already",
            options->debug_exit_port);
        pc_free(pc);
        return NULL;
    }
    name_devices(pc);
    describe_memory(pc, size);
    return pc;
}

void pc_free(struct pc *pc)
{
    if (pc) {
        pc_free_image(pc->image);
        live_free(pc->live);
        machine_free(pc->machine);
        free(pc);
    }
}

/* -- State ----------------------------------------------------------------- */

static void loaded(void *opaque)
{
    struct pc *pc = opaque;

    pc->nmi_waits = pc->nmi_waits != 0;
    pc->a20_open = pc->a20_open != 0;
    for (unsigned i = 0; i < 2; i++) {
        pc->a20[i] = pc->a20[i] != 0;
    }
}

static const struct device_field fields[] = {
    DEVICE_FIELD(struct pc, nmi_waits),
    DEVICE_ARRAY(struct pc, a20, 2),
    DEVICE_FIELD(struct pc, a20_open),
};

const struct device_table pc_table = {
    "pc", fields, sizeof(fields) / sizeof(fields[0]), loaded};
