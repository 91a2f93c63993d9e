/*
 * No timer ticks the seconds: the date follows from the time, and so do the
 * flags of what happened since one last looked. A timer is armed only for an
 * interrupt that is enabled and not yet raised, so a machine that waits for
 * nothing is seen to wait for nothing.
 */
#include "device/rtc_cmos.h"

#include "device/calendar.h"
#include "device/ticks.h"

#include <string.h>

#define OSCILLATOR_HZ 32768u
#define UPDATE_NS 2228000u /* how long before its change the date is unsure */
#define FAR 1000000000000  /* seconds; keeps sums from overflowing */

enum {
    SECOND = 0x00,
    SECOND_ALARM,
    MINUTE,
    MINUTE_ALARM,
    HOUR,
    HOUR_ALARM,
    WEEKDAY,
    DAY,
    MONTH,
    YEAR,
    A,
    B,
    C,
    D,
    CENTURY = 0x32,
};
enum { A_UPDATING = 0x80, A_DIVIDER_RESET = 0x60 };
enum {
    B_24_HOURS = 0x02,
    B_BINARY = 0x04,
    B_SQUARE_WAVE = 0x08,
    B_SET = 0x80,
};
/* Enables in B and flags in C have the same bits. */
enum { UPDATED = 0x10, ALARM = 0x20, PERIODIC = 0x40, C_INTERRUPT = 0x80 };

/* -- Date and registers ---------------------------------------------------- */

static bool divider_reset(const struct rtc_cmos *rtc)
{
    return (rtc->ram[A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

static bool standing(const struct rtc_cmos *rtc)
{
    return (rtc->ram[B] & B_SET) || divider_reset(rtc);
}

static int64_t second_now(const struct rtc_cmos *rtc)
{
    uint64_t now = clock_now(rtc->clock);

    return rtc->base + (int64_t)(now / NS_PER_SECOND) +
           (now % NS_PER_SECOND + rtc->phase) / NS_PER_SECOND;
}

static uint32_t fraction_now(const struct rtc_cmos *rtc)
{
    return (clock_now(rtc->clock) % NS_PER_SECOND + rtc->phase) % NS_PER_SECOND;
}

static uint8_t encode(const struct rtc_cmos *rtc, unsigned value)
{
    return rtc->ram[B] & B_BINARY ? value : value / 10 << 4 | value % 10;
}

static unsigned decode(const struct rtc_cmos *rtc, uint8_t value)
{
    return rtc->ram[B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t encode_hour(const struct rtc_cmos *rtc, unsigned hour)
{
    if (rtc->ram[B] & B_24_HOURS) {
        return encode(rtc, hour);
    }
    return encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12) << 7;
}

static unsigned decode_hour(const struct rtc_cmos *rtc, uint8_t value)
{
    if (rtc->ram[B] & B_24_HOURS) {
        return decode(rtc, value);
    }
    return decode(rtc, value & 0x7f) % 12 + (value >> 7) * 12;
}

static void date_to_registers(struct rtc_cmos *rtc)
{
    struct date date = calendar_date(second_now(rtc));
    uint8_t *ram = rtc->ram;

    ram[SECOND] = encode(rtc, date.second);
    ram[MINUTE] = encode(rtc, date.minute);
    ram[HOUR] = encode_hour(rtc, date.hour);
    ram[WEEKDAY] = encode(rtc, (date.weekday + rtc->weekday_shift) % 7 + 1);
    ram[DAY] = encode(rtc, date.day);
    ram[MONTH] = encode(rtc, date.month);
    ram[YEAR] = encode(rtc, date.year % 100);
    ram[CENTURY] = encode(rtc, date.year / 100);
}

static void registers_to_date(struct rtc_cmos *rtc)
{
    const uint8_t *ram = rtc->ram;
    unsigned year = decode(rtc, ram[YEAR]);
    struct date date = {
        .second = decode(rtc, ram[SECOND]),
        .minute = decode(rtc, ram[MINUTE]),
        .hour = decode_hour(rtc, ram[HOUR]),
        .day = decode(rtc, ram[DAY]),
        .month = decode(rtc, ram[MONTH]),
        .year = decode(rtc, ram[CENTURY]) * 100 + (year > 99 ? 99 : year),
    };
    int64_t second = calendar_seconds(&date);

    rtc->base += second - second_now(rtc);
    rtc->seen_second = second;
    rtc->weekday_shift =
        (decode(rtc, ram[WEEKDAY]) + 13 - calendar_date(second).weekday) % 7;
}

/* -- Interrupts ------------------------------------------------------------ */

/* log2 of the period, in cycles of the oscillator; -1: none. */
static int period_shift(const struct rtc_cmos *rtc)
{
    int rate = rtc->ram[A] & 15;

    if (!rate || divider_reset(rtc)) {
        return -1;
    }
    return rate < 3 ? rate + 6 : rate - 1;
}

static uint64_t period_now(const struct rtc_cmos *rtc)
{
    int shift = period_shift(rtc);

    return shift < 0 ? 0
                     : ticks_at(clock_now(rtc->clock), OSCILLATOR_HZ) >> shift;
}

/* 0xc0 and above: any value does. */
static bool alarm_matches(uint8_t alarm, unsigned wanted, unsigned value)
{
    return alarm >= 0xc0 || wanted == value;
}

/* The first second after `from` at which the alarm goes off; INT64_MAX:
 * never. Skips by hours and minutes, so it takes a hundred turns at most. */
static int64_t next_alarm(const struct rtc_cmos *rtc, int64_t from)
{
    const uint8_t *ram = rtc->ram;
    unsigned second = decode(rtc, ram[SECOND_ALARM]);
    unsigned minute = decode(rtc, ram[MINUTE_ALARM]);
    unsigned hour = decode_hour(rtc, ram[HOUR_ALARM]);
    int64_t at = from + 1;

    if ((ram[SECOND_ALARM] < 0xc0 && second > 59) ||
        (ram[MINUTE_ALARM] < 0xc0 && minute > 59) ||
        (ram[HOUR_ALARM] < 0xc0 && hour > 23)) {
        return INT64_MAX;
    }
    while (at <= from + 2 * 86400) {
        unsigned of_day = (at % 86400 + 86400) % 86400;

        if (!alarm_matches(ram[HOUR_ALARM], hour, of_day / 3600)) {
            at += 3600 - of_day % 3600;
        } else if (!alarm_matches(ram[MINUTE_ALARM], minute,
                                  of_day / 60 % 60)) {
            at += 60 - of_day % 60;
        } else if (!alarm_matches(ram[SECOND_ALARM], second, of_day % 60)) {
            at++;
        } else {
            return at;
        }
    }
    return INT64_MAX;
}

/* Raises the flags of what happened since they were last looked at. */
static void fold(struct rtc_cmos *rtc)
{
    int64_t second = second_now(rtc);
    uint64_t period = period_now(rtc);

    if (period > rtc->seen_period) {
        rtc->ram[C] |= PERIODIC;
    }
    rtc->seen_period = period;
    if (second > rtc->seen_second && !standing(rtc)) {
        rtc->ram[C] |= UPDATED;
        if (next_alarm(rtc, rtc->seen_second) <= second) {
            rtc->ram[C] |= ALARM;
        }
    }
    rtc->seen_second = second;
}

static uint64_t ns_of_second(const struct rtc_cmos *rtc, int64_t second)
{
    __int128 ns = ((__int128)second - rtc->base) * NS_PER_SECOND - rtc->phase;

    return ns < 0 ? 0 : ns > (__int128)UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static void arm(struct rtc_cmos *rtc)
{
    uint8_t wanted = rtc->ram[B] & ~rtc->ram[C];
    int shift = period_shift(rtc);
    uint64_t best = UINT64_MAX, at;

    if ((wanted & PERIODIC) && shift >= 0) {
        best = ticks_to_ns((rtc->seen_period + 1) << shift, OSCILLATOR_HZ);
    }
    if ((wanted & UPDATED) && !standing(rtc)) {
        at = ns_of_second(rtc, rtc->seen_second + 1);
        best = at < best ? at : best;
    }
    if ((wanted & ALARM) && !standing(rtc)) {
        int64_t second = next_alarm(rtc, rtc->seen_second);

        at = second == INT64_MAX ? UINT64_MAX : ns_of_second(rtc, second);
        best = at < best ? at : best;
    }
    timer_arm(&rtc->timer, best);
}

static void update(struct rtc_cmos *rtc)
{
    uint8_t enabled = UPDATED | ALARM | PERIODIC;
    bool level;

    fold(rtc);
    level = rtc->ram[B] & rtc->ram[C] & enabled;
    rtc->ram[C] = (rtc->ram[C] & enabled) | (level ? C_INTERRUPT : 0);
    if (level != rtc->output) {
        rtc->output = level;
        wire_set(&rtc->interrupt, level);
    }
    arm(rtc);
}

static void expired(void *opaque)
{
    update(opaque);
}

/* -- Ports 0x70 and 0x71 --------------------------------------------------- */

static bool is_date(unsigned index)
{
    return index == SECOND || index == MINUTE || index == HOUR ||
           (index >= WEEKDAY && index <= YEAR) || index == CENTURY;
}

static uint8_t read_register(struct rtc_cmos *rtc, unsigned index)
{
    uint8_t value;

    if (is_date(index) && !standing(rtc)) {
        date_to_registers(rtc);
    } else if (index == A && !standing(rtc) &&
               fraction_now(rtc) >= NS_PER_SECOND - UPDATE_NS) {
        return rtc->ram[A] | A_UPDATING;
    } else if (index == C) {
        update(rtc);
        value = rtc->ram[C];
        rtc->ram[C] = 0;
        update(rtc);
        return value;
    }
    return rtc->ram[index];
}

/* What starts and stops the date. Its registers are in the form that the new
 * B asks for. */
static void write_control(struct rtc_cmos *rtc, uint8_t a, uint8_t b)
{
    bool stood = standing(rtc), was_reset = divider_reset(rtc);

    fold(rtc);
    rtc->ram[A] = a & 0x7f;
    rtc->ram[B] = b & B_SET ? b & ~UPDATED : b;
    if (was_reset && !divider_reset(rtc)) {
        /* The first update comes half a second later. */
        uint32_t of_clock = clock_now(rtc->clock) % NS_PER_SECOND;

        rtc->phase = (NS_PER_SECOND + NS_PER_SECOND / 2 - of_clock) %
                     NS_PER_SECOND;
    }
    if (stood && !standing(rtc)) {
        registers_to_date(rtc);
    } else if (!stood && standing(rtc)) {
        date_to_registers(rtc);
    }
    rtc->seen_second = second_now(rtc);
    rtc->seen_period = period_now(rtc);
}

static void write_register(struct rtc_cmos *rtc, unsigned index, uint8_t value)
{
    if (is_date(index) && !standing(rtc)) {
        fold(rtc);
        date_to_registers(rtc);
        rtc->ram[index] = value;
        registers_to_date(rtc);
    } else if (index == A) {
        write_control(rtc, value, rtc->ram[B]);
    } else if (index == B) {
        write_control(rtc, rtc->ram[A], value);
    } else if (index != C && index != D) {
        fold(rtc);
        rtc->ram[index] = value;
    }
    update(rtc);
}

static uint64_t rtc_read(void *opaque, uint64_t address, unsigned size)
{
    struct rtc_cmos *rtc = opaque;

    (void)size;
    return address & 1 ? read_register(rtc, rtc->index) : rtc->index;
}

/* Bit 7 of the index masks NMI, which nothing here raises. */
static void rtc_write(void *opaque, uint64_t address, uint64_t value,
                      unsigned size)
{
    struct rtc_cmos *rtc = opaque;

    (void)size;
    if (address & 1) {
        write_register(rtc, rtc->index, value);
    } else {
        rtc->index = value & 0x7f;
    }
}

bool rtc_cmos_attach(struct rtc_cmos *rtc, struct io_map *map)
{
    static const struct io_handlers handlers = {rtc_read, rtc_write, 1};

    return io_map_add(map, IO_PORT, 0x70, 2, &handlers, rtc);
}

void rtc_cmos_set(struct rtc_cmos *rtc, unsigned index, uint8_t value)
{
    if (index > D && index < sizeof(rtc->ram) && index != CENTURY) {
        rtc->ram[index] = value;
    }
}

/* -- State ----------------------------------------------------------------- */

static int64_t near(int64_t second)
{
    return second > FAR ? FAR : second < -FAR ? -FAR : second;
}

void rtc_cmos_init(struct rtc_cmos *rtc, struct clock *clock, int64_t seconds)
{
    memset(rtc, 0, sizeof(*rtc));
    rtc->clock = clock;
    rtc->timer = (struct timer){.expired = expired, .opaque = rtc};
    clock_add_timer(clock, &rtc->timer);
    rtc->base = near(seconds);
    rtc->ram[A] = 0x26; /* 32 kHz oscillator, 1024 Hz */
    rtc->ram[B] = B_24_HOURS;
    rtc->ram[D] = 0x80; /* the battery is good */
    rtc->seen_second = second_now(rtc);
    rtc->seen_period = period_now(rtc);
}

void rtc_cmos_reset(struct rtc_cmos *rtc, struct clock *clock)
{
    rtc->interrupt = (struct wire){0};
    rtc->output = 0;
    rtc->index = 0;
    rtc->clock = clock;
    rtc->timer = (struct timer){.expired = expired, .opaque = rtc};
    clock_add_timer(clock, &rtc->timer);
    fold(rtc);
    rtc->ram[B] &= ~(PERIODIC | ALARM | UPDATED | B_SQUARE_WAVE);
    rtc->ram[C] = 0;
    arm(rtc);
}

static void loaded(void *opaque)
{
    struct rtc_cmos *rtc = opaque;

    rtc->base = near(rtc->base);
    rtc->seen_second = near(rtc->seen_second);
    rtc->phase %= NS_PER_SECOND;
    rtc->weekday_shift %= 7;
    rtc->index &= 0x7f;
    rtc->ram[A] &= 0x7f;
    rtc->ram[D] = 0x80;
    rtc->output = rtc->output != 0;
    arm(rtc);
    wire_set(&rtc->interrupt, rtc->output);
}

#define FIELD(member) DEVICE_FIELD(struct rtc_cmos, member)

static const struct device_field fields[] = {
    FIELD(base),          FIELD(phase),
    FIELD(seen_second),   FIELD(seen_period),
    FIELD(weekday_shift), FIELD(index),
    FIELD(output),        DEVICE_ARRAY(struct rtc_cmos, ram, 128),
};

const struct device_table rtc_cmos_table = {
    "rtc_cmos", fields, sizeof(fields) / sizeof(fields[0]), loaded};
