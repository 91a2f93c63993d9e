/*
 * A guest that writes anything anywhere, at any time. Beside that no
 * sanitizer speaks up:
 *
 *   - the same writes give the same run, twice;
 *   - a snapshot through the field tables, loaded into another machine in
 *     mid-run, runs on as the first one does;
 *   - a snapshot of random bytes can be loaded and run;
 *   - the run goes on: no timer is due for ever.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static unsigned below(unsigned n)
{
    return draw() % n;
}

static const uint16_t port_ranges[][2] = {
    {0x20, 2}, {0x40, 4}, {0x60, 2},  {0x64, 1},  {0x70, 2},
    {0x92, 1}, {0xa0, 2}, {0x3f8, 8}, {0x4d0, 2}, {0x501, 2},
    {0x21, 1}, {0x61, 1}, {0x3f8, 3}, {0x600, 6},
};

static void access_port(struct rig *rig)
{
    const uint16_t *range =
        port_ranges[below(sizeof(port_ranges) / sizeof(port_ranges[0]))];
    uint64_t port = range[0] + below(range[1]);
    unsigned size = below(8) ? 1 : 1u << below(4);

    if (port == 0x64 && below(2)) { /* the output port; else too rare */
        out(rig, 0x64, 0xd0 + below(2));
    } else if (below(2)) {
        io_map_write(rig->io, IO_PORT, port, draw(), size);
    } else {
        rig->trace += io_map_read(rig->io, IO_PORT, port, size);
        rig->trace *= 0x9e3779b97f4a7c15ull;
    }
}

static void access_memory(struct rig *rig)
{
    uint64_t base = below(2) ? LOCAL_APIC_BASE : IO_APIC_BASE;
    uint64_t address = base + below(0x40) * 16;
    unsigned size = 4;
    uint64_t value = draw();

    if (!below(8)) {
        address = base + below(0x1000);
        size = 1u << below(4);
    }
    if (!below(4)) {
        address = IO_APIC_BASE + below(2) * 16;
    }
    if (below(4) == 0 && address == LOCAL_APIC_BASE + 0xf0) {
        value |= 0x100;
    }
    if (below(3)) {
        io_map_write(rig->io, IO_MEMORY, address, value, size);
    } else {
        rig->trace += io_map_read(rig->io, IO_MEMORY, address, size);
        rig->trace *= 0x9e3779b97f4a7c15ull;
    }
}

/* Lines of no device here; what one drives it drives anew when loaded. */
static const uint8_t free_lines[] = {3, 5, 6, 7, 9, 10, 11, 13, 14, 15};

/* What comes from elsewhere: the CPU, the user, a board. */
static void other_side(struct rig *rig)
{
    switch (below(9)) {
    case 0:
        uart16550_receive(&rig->uart, draw());
        break;
    case 1:
        uart16550_receive_break(&rig->uart);
        break;
    case 2:
        i8042_key(&rig->keyboard, draw());
        break;
    case 3:
        local_apic_set_cr8(&rig->apic, draw());
        break;
    case 4:
        if (below(4)) {
            apic_out(rig, 0x320, 0x400f0);
        }
        rig->trace += local_apic_tsc_deadline(&rig->apic);
        local_apic_set_tsc_deadline(&rig->apic, draw() >> below(64));
        break;
    case 5:
        local_apic_set_tsc_offset(&rig->apic, draw() >> below(64));
        break;
    case 6:
        local_apic_enable(&rig->apic, below(4) != 0);
        break;
    case 7:
        local_apic_set_line(&rig->apic, 1 + below(2), draw() & 1);
        break;
    default:
        rig->pit.interrupt.set(rig, free_lines[below(sizeof(free_lines))],
                               draw() & 1);
    }
}

/* Time passes from timer to timer; after so many it comes in one leap, as on
 * a host that lags. False: a timer is due for ever. */
static bool time_passes(struct rig *rig)
{
    struct clock *clock = rig->clock;
    uint64_t until = clock_now(clock) + (draw() >> (31 + below(32)));
    uint64_t next;

    for (unsigned i = 0; i < 100; i++) {
        next = clock_next_deadline(clock);
        if (next > until) {
            break;
        }
        clock_set(clock, next > clock_now(clock) ? next : clock_now(clock));
        clock_run_due(clock);
        if (clock_next_deadline(clock) <= clock_now(clock)) {
            return false;
        }
    }
    clock_set(clock, until > clock_now(clock) ? until : clock_now(clock));
    clock_run_due(clock);
    return clock_next_deadline(clock) > clock_now(clock);
}

static bool run(struct rig *rig, unsigned steps)
{
    bool good = true;

    for (unsigned i = 0; i < steps && good; i++) {
        unsigned what = below(16);

        if (what < 8) {
            access_port(rig);
        } else if (what < 12) {
            access_memory(rig);
        } else if (what < 13) {
            other_side(rig);
        } else if (what < 15) {
            good = time_passes(rig);
        } else if (local_apic_raised(&rig->apic)) {
            rig->trace += local_apic_acknowledge(&rig->apic);
        }
    }
    return good;
}

/* -- Snapshots ------------------------------------------------------------- */

static void loaded(struct rig *rig)
{
    struct rig_part parts[RIG_DEVICES];

    rig_parts(rig, parts);
    for (unsigned i = 0; i < RIG_DEVICES; i++) {
        if (parts[i].table->loaded) {
            parts[i].table->loaded(parts[i].device);
        }
    }
}

static void copy_state(struct rig *to, struct rig *from)
{
    struct rig_part a[RIG_DEVICES], b[RIG_DEVICES];

    rig_parts(from, a);
    rig_parts(to, b);
    clock_set(to->clock, clock_now(from->clock));
    for (unsigned i = 0; i < RIG_DEVICES; i++) {
        for (unsigned j = 0; j < a[i].table->n_fields; j++) {
            const struct device_field *field = &a[i].table->fields[j];

            memcpy((char *)b[i].device + field->offset,
                   (char *)a[i].device + field->offset,
                   (size_t)field->size * field->count);
        }
    }
    loaded(to);
    to->trace = from->trace;
}

static void fill_with_junk(struct rig *rig)
{
    struct rig_part parts[RIG_DEVICES];

    rig_parts(rig, parts);
    for (unsigned i = 0; i < RIG_DEVICES; i++) {
        for (unsigned j = 0; j < parts[i].table->n_fields; j++) {
            const struct device_field *field = &parts[i].table->fields[j];
            uint8_t *bytes = (uint8_t *)parts[i].device + field->offset;
            unsigned style = below(4);

            for (size_t k = 0; k < (size_t)field->size * field->count; k++) {
                bytes[k] = style == 0 ? 0 : style == 1 ? 0xff : draw();
            }
        }
    }
}

/* Every field once: no overlap, none outside the struct's first page. */
static bool tables_sound(struct rig *rig)
{
    struct rig_part parts[RIG_DEVICES];
    bool good = true;

    rig_parts(rig, parts);
    for (unsigned i = 0; i < RIG_DEVICES; i++) {
        uint8_t seen[4096] = {0};

        for (unsigned j = 0; j < parts[i].table->n_fields; j++) {
            const struct device_field *field = &parts[i].table->fields[j];

            for (unsigned k = 0; k < field->size * field->count; k++) {
                good &= !seen[(field->offset + k) % 4096]++;
            }
        }
    }
    return good;
}

/* Junk comes first, so that a field missing in a table makes a difference. */
static bool snapshots_run_on(struct rig *one, struct rig *other)
{
    bool good = true;

    for (unsigned i = 0; i < 300 && good; i++) {
        uint64_t before;

        good &= run(one, below(300));
        fill_with_junk(other);
        copy_state(other, one);
        before = state;
        good &= run(one, 300);
        state = before;
        good &= run(other, 300) && one->trace == other->trace;
    }
    return good;
}

void test_hostile(uint64_t seed, unsigned steps)
{
    struct rig *one = rig_new(), *two = rig_new(), *other = rig_new();
    bool good;

    if (seed == 1) {
        expect(tables_sound(one), "hostile: no field stands twice");
    }
    state = seed;
    good = run(one, steps);
    state = seed;
    good &= run(two, steps);
    expect(good, "hostile %u: time goes on", (unsigned)seed);
    expect(one->trace == two->trace, "hostile %u: twice the same",
           (unsigned)seed);
    expect(snapshots_run_on(one, other), "hostile %u: a snapshot runs on",
           (unsigned)seed);
    good = true;
    for (unsigned i = 0; i < 60; i++) {
        fill_with_junk(two);
        loaded(two);
        good &= run(two, 300);
    }
    expect(good, "hostile %u: junk as a snapshot", (unsigned)seed);
    rig_free(one);
    rig_free(two);
    rig_free(other);
}
