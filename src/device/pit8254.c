/*
 * Nothing counts down here: a channel knows the tick at which its count was
 * taken, and value and output follow from the ticks elapsed since. Only the
 * edges of channel 0's output need a timer.
 */
#include "device/pit8254.h"

#include "device/ticks.h"

#include <string.h>

enum { STOPPED, RUNNING, SUSPENDED };         /* pit8254_channel.running */
enum { LOW_BYTE = 1, HIGH_BYTE, BOTH_BYTES }; /* pit8254_channel.access */

static uint64_t tick_now(const struct pit8254 *pit)
{
    return ticks_at(clock_now(pit->clock), PIT8254_HZ);
}

static bool periodic(const struct pit8254_channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

/* Modes 1 and 5 start on the gate's edge and do not mind its level. */
static bool triggered(const struct pit8254_channel *c)
{
    return c->mode == 1 || c->mode == 5;
}

/* -- What follows from the time -------------------------------------------- */

static uint64_t elapsed(const struct pit8254_channel *c, uint64_t tick)
{
    if (c->running != RUNNING) {
        return c->held;
    }
    return tick < c->start ? 0 : tick - c->start;
}

static uint32_t phase_of(const struct pit8254_channel *c, uint64_t tick)
{
    return c->count ? elapsed(c, tick) % c->count : 0;
}

static bool output(const struct pit8254_channel *c, uint64_t tick)
{
    uint64_t past = elapsed(c, tick);

    switch (c->mode) {
    case 0:
        return c->running != STOPPED && past >= c->count;
    case 1:
        return c->running == STOPPED || past >= c->count;
    case 2:
        return c->running != RUNNING || phase_of(c, tick) != c->count - 1;
    case 3:
        return c->running != RUNNING || phase_of(c, tick) < (c->count + 1) / 2;
    default:
        return c->running == STOPPED || past != c->count;
    }
}

/* The tick of the output's next change; UINT64_MAX: none. */
static uint64_t next_edge(const struct pit8254_channel *c, uint64_t tick)
{
    uint64_t past = elapsed(c, tick);
    uint32_t phase = phase_of(c, tick);
    uint64_t period = (tick < c->start ? c->start : tick) - phase;
    uint32_t change = c->mode == 2 ? c->count - 1 : (c->count + 1) / 2;

    if (c->running != RUNNING) {
        return UINT64_MAX;
    }
    if (periodic(c)) {
        return period + (phase < change ? change : c->count);
    }
    if (past < c->count) {
        return c->start + c->count;
    }
    return c->mode >= 4 && past == c->count ? c->start + c->count + 1
                                            : UINT64_MAX;
}

static uint16_t to_bcd(uint32_t value)
{
    return value % 10 | value / 10 % 10 << 4 | value / 100 % 10 << 8 |
           value / 1000 % 10 << 12;
}

static uint32_t from_bcd(uint32_t value)
{
    return (value & 15) + (value >> 4 & 15) * 10 + (value >> 8 & 15) * 100 +
           (value >> 12 & 15) * 1000;
}

/* What the counting element shows; it runs on below zero. */
static uint16_t counter(const struct pit8254_channel *c, uint64_t tick)
{
    uint32_t wrap = c->bcd ? 10000 : 0x10000;
    uint32_t phase = phase_of(c, tick), half = (c->count + 1) / 2;
    uint32_t value;

    if (c->mode == 3) { /* counts by two, twice a period */
        value = (c->count & ~1u) - 2 * (phase < half ? phase : phase - half);
    } else if (c->mode == 2) {
        value = c->count - phase;
    } else {
        value = c->count + wrap - elapsed(c, tick) % wrap;
    }
    value %= wrap;
    return c->bcd ? to_bcd(value) : value;
}

/* -- Starting and stopping ------------------------------------------------- */

/* A count written to a periodic mode is taken at the end of the period. */
static void settle(struct pit8254_channel *c, uint64_t tick)
{
    if (c->reload_pending && tick >= c->reload_at) {
        c->start = c->reload_at;
        c->count = c->reload;
        c->reload_pending = 0;
    }
}

/* The count is taken at the clock pulse after this one. */
static void start(struct pit8254_channel *c, uint64_t tick)
{
    c->count = c->reload;
    c->start = tick + 1;
    c->held = 0;
    c->reload_pending = 0;
    c->running = c->gate || triggered(c) ? RUNNING : SUSPENDED;
}

static void load(struct pit8254_channel *c, uint64_t tick, uint16_t value)
{
    uint32_t count = c->bcd ? from_bcd(value) : value;

    if (!count) {
        count = c->bcd ? 10000 : 0x10000;
    }
    if (count == 1 && periodic(c)) {
        count = 2; /* 1 is not allowed there */
    }
    c->reload = count;
    if (periodic(c) && c->running == RUNNING) {
        if (!c->reload_pending) {
            c->reload_at = (tick < c->start ? c->start : tick) -
                           phase_of(c, tick) + c->count;
        }
        c->reload_pending = 1;
    } else if (!triggered(c)) {
        start(c, tick);
    }
}

static void set_gate(struct pit8254_channel *c, uint64_t tick, bool gate)
{
    bool was = c->gate;

    settle(c, tick);
    c->gate = gate;
    if (was && !gate && c->running == RUNNING && !triggered(c)) {
        c->held = elapsed(c, tick);
        c->running = SUSPENDED;
    } else if (!was && gate && c->reload) {
        if (triggered(c) || periodic(c)) {
            start(c, tick);
        } else if (c->running == SUSPENDED) {
            c->start = tick - c->held;
            c->running = RUNNING;
        }
    }
}

/* Drives the wire, and arms the timer for its next change. */
static void update(struct pit8254 *pit)
{
    struct pit8254_channel *c = &pit->channel[0];
    uint64_t tick = tick_now(pit), edge;
    bool level;

    settle(c, tick);
    level = output(c, tick);
    if (level != pit->output) {
        pit->output = level;
        wire_set(&pit->interrupt, level);
    }
    edge = next_edge(c, tick);
    if (edge == UINT64_MAX) {
        timer_disarm(&pit->timer);
    } else {
        timer_arm(&pit->timer, ticks_to_ns(edge, PIT8254_HZ));
    }
}

static void expired(void *opaque)
{
    update(opaque);
}

/* -- Ports 0x40 to 0x43 ---------------------------------------------------- */

static void latch_count(struct pit8254_channel *c, uint64_t tick)
{
    if (!c->latched) {
        c->latch = counter(c, tick);
        c->latched = 1;
    }
}

static void latch_status(struct pit8254_channel *c, uint64_t tick)
{
    bool null = !c->reload || c->reload_pending ||
                (c->running == RUNNING && tick < c->start);

    if (!c->status_latched) {
        c->status = output(c, tick) << 7 | null << 6 | c->access << 4 |
                    c->mode << 1 | c->bcd;
        c->status_latched = 1;
    }
}

static void read_back(struct pit8254 *pit, uint64_t tick, uint8_t value)
{
    for (unsigned i = 0; i < 3; i++) {
        struct pit8254_channel *c = &pit->channel[i];

        if (!(value >> (i + 1) & 1)) {
            continue;
        }
        settle(c, tick);
        if (!(value & 0x20)) {
            latch_count(c, tick);
        }
        if (!(value & 0x10)) {
            latch_status(c, tick);
        }
    }
}

static void write_control(struct pit8254 *pit, uint64_t tick, uint8_t value)
{
    struct pit8254_channel *c;
    uint8_t mode = value >> 1 & 7;

    if (value >> 6 == 3) {
        read_back(pit, tick, value);
        return;
    }
    c = &pit->channel[value >> 6];
    settle(c, tick);
    if (!(value >> 4 & 3)) {
        latch_count(c, tick);
        return;
    }
    *c = (struct pit8254_channel){
        .mode = mode > 5 ? mode - 4 : mode, /* 6 and 7 are 2 and 3 */
        .access = value >> 4 & 3,
        .bcd = value & 1,
        .gate = c->gate,
    };
}

static void write_count(struct pit8254_channel *c, uint64_t tick, uint8_t value)
{
    settle(c, tick);
    if (c->access == LOW_BYTE) {
        load(c, tick, value);
    } else if (c->access == HIGH_BYTE) {
        load(c, tick, value << 8);
    } else if (c->write_high) {
        c->write_high = 0;
        load(c, tick, value << 8 | c->low_byte);
    } else {
        c->low_byte = value;
        c->write_high = 1;
        if (c->mode == 0) { /* half a count stops it */
            c->running = STOPPED;
        }
    }
}

static uint8_t read_count(struct pit8254_channel *c, uint64_t tick)
{
    uint16_t value;
    bool high;

    settle(c, tick);
    if (c->status_latched) {
        c->status_latched = 0;
        return c->status;
    }
    value = c->latched ? c->latch : counter(c, tick);
    high = c->access == BOTH_BYTES ? c->read_high : c->access == HIGH_BYTE;
    if (c->access == BOTH_BYTES) {
        c->read_high = !c->read_high;
    }
    if (!c->read_high) {
        c->latched = 0;
    }
    return high ? value >> 8 : value;
}

static uint64_t pit_read(void *opaque, uint64_t address, unsigned size)
{
    struct pit8254 *pit = opaque;

    (void)size;
    if (address >= 3) {
        return 0xff; /* the control word cannot be read */
    }
    return read_count(&pit->channel[address], tick_now(pit));
}

static void pit_write(void *opaque, uint64_t address, uint64_t value,
                      unsigned size)
{
    struct pit8254 *pit = opaque;

    (void)size;
    if (address >= 3) {
        write_control(pit, tick_now(pit), value);
    } else {
        write_count(&pit->channel[address], tick_now(pit), value);
    }
    update(pit);
}

/* -- Port 0x61 ------------------------------------------------------------- */

#define REFRESH_TICKS 18 /* of memory, by channel 1: about 15 us */

static uint64_t port61_read(void *opaque, uint64_t address, unsigned size)
{
    struct pit8254 *pit = opaque;
    uint64_t tick = tick_now(pit);
    unsigned refresh = tick / REFRESH_TICKS & 1;

    (void)address;
    (void)size;
    settle(&pit->channel[2], tick);
    return pit->port61 | refresh << 4 |
           (unsigned)output(&pit->channel[2], tick) << 5;
}

static void port61_write(void *opaque, uint64_t address, uint64_t value,
                         unsigned size)
{
    struct pit8254 *pit = opaque;

    (void)address;
    (void)size;
    pit->port61 = value & 0x0f;
    set_gate(&pit->channel[2], tick_now(pit), value & 1);
}

bool pit8254_attach(struct pit8254 *pit, struct io_map *map)
{
    static const struct io_handlers counters = {pit_read, pit_write, 1};
    static const struct io_handlers port61 = {port61_read, port61_write, 1};

    return io_map_add(map, IO_PORT, 0x40, 4, &counters, pit) &&
           io_map_add(map, IO_PORT, 0x61, 1, &port61, pit);
}

/* -- State ----------------------------------------------------------------- */

void pit8254_init(struct pit8254 *pit, struct clock *clock)
{
    memset(pit, 0, sizeof(*pit));
    pit->clock = clock;
    pit->timer = (struct timer){.expired = expired, .opaque = pit};
    clock_add_timer(clock, &pit->timer);
    for (unsigned i = 0; i < 3; i++) {
        pit->channel[i].access = BOTH_BYTES;
        pit->channel[i].gate = i != 2;
    }
}

static void make_safe(struct pit8254_channel *c, uint64_t tick)
{
    /* A start far ahead would let sums wrap, and the timer be due for ever. */
    c->start = c->start > tick + 1 ? tick + 1 : c->start;
    c->held = c->held > tick ? tick : c->held;
    c->mode = c->mode > 5 ? 0 : c->mode;
    c->access = c->access & 3 ? c->access & 3 : BOTH_BYTES;
    c->bcd = c->bcd != 0;
    c->gate = c->gate != 0;
    c->count = c->count > 0x10000 ? 0x10000 : c->count;
    c->reload = c->reload > 0x10000 ? 0x10000 : c->reload;
    if (c->running > SUSPENDED || c->count < 1u + periodic(c)) {
        c->running = STOPPED;
    }
    if (c->reload < 1u + periodic(c)) {
        c->reload = 0;
    }
    c->reload_pending = c->reload_pending && c->reload && periodic(c);
}

static void loaded(void *opaque)
{
    struct pit8254 *pit = opaque;

    for (unsigned i = 0; i < 3; i++) {
        make_safe(&pit->channel[i], tick_now(pit));
    }
    pit->output = pit->output != 0;
    update(pit);
    wire_set(&pit->interrupt, pit->output);
}

#define FIELD(member) DEVICE_FIELD(struct pit8254, member)
#define CHANNEL(n) \
    FIELD(channel[n].start), FIELD(channel[n].held), \
        FIELD(channel[n].reload_at), FIELD(channel[n].count), \
        FIELD(channel[n].reload), FIELD(channel[n].reload_pending), \
        FIELD(channel[n].running), FIELD(channel[n].mode), \
        FIELD(channel[n].access), FIELD(channel[n].bcd), \
        FIELD(channel[n].gate), FIELD(channel[n].low_byte), \
        FIELD(channel[n].write_high), FIELD(channel[n].read_high), \
        FIELD(channel[n].latched), FIELD(channel[n].status_latched), \
        FIELD(channel[n].status), FIELD(channel[n].latch)

static const struct device_field fields[] = {CHANNEL(0), CHANNEL(1), CHANNEL(2),
                                             FIELD(output), FIELD(port61)};

const struct device_table pit8254_table = {
    "pit8254", fields, sizeof(fields) / sizeof(fields[0]), loaded};
