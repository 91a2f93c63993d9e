#include "rig.h"

#include <stdlib.h>

static void mix(struct rig *rig, uint64_t value)
{
    rig->trace = (rig->trace ^ value) * 0x9e3779b97f4a7c15ull;
    rig->trace ^= rig->trace >> 29;
}

/* -- Where wires end ------------------------------------------------------- */

static void isa_line(void *opaque, unsigned line, bool level)
{
    struct rig *rig = opaque;

    mix(rig, clock_now(rig->clock) << 6 | line << 1 | level);
    rig->rises[line] += level && !rig->isa[line];
    rig->isa[line] = level;
    i8259_set_line(&rig->pic, line, level);
    io_apic_set_line(&rig->io_apic, line ? line : 2, level);
}

static void a20(void *opaque, unsigned line, bool level)
{
    ((struct rig *)opaque)->a20[line] = level;
}

static void pulse(void *opaque, unsigned line, bool level)
{
    struct rig *rig = opaque;
    unsigned *count[] = {&rig->resets, &rig->nmis, &rig->smis, &rig->inits,
                         &rig->power_offs};

    mix(rig, 0x1000 + line);
    *count[line] += level;
}

static void startup(void *opaque, unsigned vector)
{
    struct rig *rig = opaque;

    mix(rig, 0x2000 + vector);
    rig->startups++;
}

static void priority(void *opaque, unsigned cr8)
{
    struct rig *rig = opaque;

    mix(rig, 0x3000 + cr8);
    rig->cr8 = cr8;
}

static unsigned acknowledge(void *opaque)
{
    return i8259_acknowledge(&((struct rig *)opaque)->pic);
}

static void end(void *opaque, unsigned value)
{
    ((struct rig *)opaque)->exit_value = value;
}

static void put(void *opaque, uint8_t byte)
{
    struct rig *rig = opaque;

    mix(rig, 0x4000 + byte);
    rig->sent[rig->n_sent++ % sizeof(rig->sent)] = byte;
}

static void ready(void *opaque)
{
    ((struct rig *)opaque)->n_ready++;
}

/* -- Wiring ---------------------------------------------------------------- */

static void wire_devices(struct rig *rig)
{
    rig->pic.interrupt = (struct wire){local_apic_set_line, &rig->apic, 0};
    rig->pit.interrupt = (struct wire){isa_line, rig, 0};
    rig->rtc.interrupt = (struct wire){isa_line, rig, 8};
    rig->uart.interrupt = (struct wire){isa_line, rig, 4};
    rig->uart.backend = (struct char_backend){put, ready, rig};
    rig->keyboard.keyboard_interrupt = (struct wire){isa_line, rig, 1};
    rig->keyboard.aux_interrupt = (struct wire){isa_line, rig, 12};
    rig->keyboard.reset = (struct wire){pulse, rig, 0};
    rig->keyboard.a20 = (struct wire){a20, rig, 0};
    rig->port92.reset = (struct wire){pulse, rig, 0};
    rig->port92.a20 = (struct wire){a20, rig, 1};
    rig->pm.power_off = (struct wire){pulse, rig, 4};
    rig->debug_exit.end = end;
    rig->debug_exit.opaque = rig;
    rig->apic.cpu = (struct local_apic_cpu){
        .nmi = {pulse, rig, 1},
        .smi = {pulse, rig, 2},
        .init = {pulse, rig, 3},
        .startup = startup,
        .priority = priority,
        .acknowledge = acknowledge,
        .opaque = rig,
    };
}

struct rig *rig_new(void)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    bool good;

    rig->clock = clock_new();
    rig->io = io_map_new();
    i8259_init(&rig->pic);
    pit8254_init(&rig->pit, rig->clock);
    rtc_cmos_init(&rig->rtc, rig->clock, RIG_DATE);
    uart16550_init(&rig->uart, rig->clock);
    i8042_init(&rig->keyboard);
    port92_init(&rig->port92);
    acpi_pm_init(&rig->pm);
    isa_debug_exit_init(&rig->debug_exit);
    apic_bus_init(&rig->bus);
    local_apic_init(&rig->apic, rig->clock, &rig->bus, 0);
    io_apic_init(&rig->io_apic, &rig->bus, 1);
    wire_devices(rig);
    good = apic_bus_add_cpu(&rig->bus, &rig->apic) &&
           apic_bus_add_io(&rig->bus, &rig->io_apic) &&
           i8259_attach(&rig->pic, rig->io) &&
           pit8254_attach(&rig->pit, rig->io) &&
           rtc_cmos_attach(&rig->rtc, rig->io) &&
           uart16550_attach(&rig->uart, rig->io, 0x3f8) &&
           i8042_attach(&rig->keyboard, rig->io) &&
           port92_attach(&rig->port92, rig->io) &&
           acpi_pm_attach(&rig->pm, rig->io) &&
           isa_debug_exit_attach(&rig->debug_exit, rig->io, 0x501, 2) &&
           local_apic_attach(&rig->apic, rig->io) &&
           io_apic_attach(&rig->io_apic, rig->io, IO_APIC_BASE);
    if (!good) {
        abort();
    }
    return rig;
}

void rig_free(struct rig *rig)
{
    clock_free(rig->clock);
    io_map_free(rig->io);
    free(rig);
}

void rig_parts(struct rig *rig, struct rig_part parts[RIG_DEVICES])
{
    struct rig_part all[RIG_DEVICES] = {
        {&i8259_table, &rig->pic},
        {&pit8254_table, &rig->pit},
        {&rtc_cmos_table, &rig->rtc},
        {&uart16550_table, &rig->uart},
        {&i8042_table, &rig->keyboard},
        {&port92_table, &rig->port92},
        {&acpi_pm_table, &rig->pm},
        {&isa_debug_exit_table, &rig->debug_exit},
        {&local_apic_table, &rig->apic},
        {&io_apic_table, &rig->io_apic},
    };

    for (unsigned i = 0; i < RIG_DEVICES; i++) {
        parts[i] = all[i];
    }
}

/* -- Access and time ------------------------------------------------------- */

uint8_t in(struct rig *rig, uint16_t port)
{
    return io_map_read(rig->io, IO_PORT, port, 1);
}

void out(struct rig *rig, uint16_t port, uint8_t value)
{
    io_map_write(rig->io, IO_PORT, port, value, 1);
}

uint32_t apic_in(struct rig *rig, unsigned offset)
{
    return io_map_read(rig->io, IO_MEMORY, LOCAL_APIC_BASE + offset, 4);
}

void apic_out(struct rig *rig, unsigned offset, uint32_t value)
{
    io_map_write(rig->io, IO_MEMORY, LOCAL_APIC_BASE + offset, value, 4);
}

uint32_t io_apic_in(struct rig *rig, unsigned n)
{
    io_map_write(rig->io, IO_MEMORY, IO_APIC_BASE, n, 4);
    return io_map_read(rig->io, IO_MEMORY, IO_APIC_BASE + 0x10, 4);
}

void io_apic_out(struct rig *rig, unsigned n, uint32_t value)
{
    io_map_write(rig->io, IO_MEMORY, IO_APIC_BASE, n, 4);
    io_map_write(rig->io, IO_MEMORY, IO_APIC_BASE + 0x10, value, 4);
}

void pass(struct rig *rig, uint64_t ns)
{
    uint64_t until = clock_now(rig->clock) + ns;
    uint64_t next;

    while ((next = clock_next_deadline(rig->clock)) <= until) {
        clock_set(rig->clock,
                  next > clock_now(rig->clock) ? next : clock_now(rig->clock));
        clock_run_due(rig->clock);
    }
    clock_set(rig->clock, until);
}

void pic_start(struct rig *rig)
{
    static const uint8_t words[2][4] = {{0x11, 0x20, 0x04, 0x01},
                                        {0x11, 0x28, 0x02, 0x01}};

    for (unsigned chip = 0; chip < 2; chip++) {
        for (unsigned i = 0; i < 4; i++) {
            out(rig, (chip ? 0xa0 : 0x20) + (i > 0), words[chip][i]);
        }
        out(rig, chip ? 0xa1 : 0x21, 0);
    }
}
