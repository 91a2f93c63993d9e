/* Clock, timers, I/O map, calendar. */
#include "rig.h"

#include "device/calendar.h"

#include <string.h>

/* -- Clock ----------------------------------------------------------------- */

static char order[8];

static void note(void *opaque)
{
    order[strlen(order)] = *(char *)opaque;
}

void test_clock(void)
{
    struct clock *clock = clock_new();
    char names[] = "abc";
    struct timer timers[3];

    memset(order, 0, sizeof(order));
    equal(clock_next_deadline(clock), UINT64_MAX, "clock: without a timer");
    for (unsigned i = 0; i < 3; i++) {
        timers[i] = (struct timer){.expired = note, .opaque = &names[i]};
        clock_add_timer(clock, &timers[i]);
    }
    timer_arm(&timers[0], 20);
    timer_arm(&timers[1], 10);
    timer_arm(&timers[2], 10);
    equal(clock_next_deadline(clock), 10, "clock: the earliest timer");
    clock_set(clock, 9);
    clock_run_due(clock);
    expect(!strcmp(order, ""), "clock: nothing is due before its time");
    clock_set(clock, 25);
    clock_run_due(clock);
    expect(!strcmp(order, "bca"), "clock: by deadline, equals as added");
    equal(clock_next_deadline(clock), UINT64_MAX, "clock: none is left");
    timer_arm(&timers[0], 30);
    timer_disarm(&timers[0]);
    equal(clock_next_deadline(clock), UINT64_MAX, "clock: one disarmed");
    clock_free(clock);
}

/* -- I/O map --------------------------------------------------------------- */

struct memory {
    uint8_t bytes[16];
    unsigned sizes; /* seen so far, as bits */
};

static uint64_t memory_read(void *opaque, uint64_t address, unsigned size)
{
    struct memory *memory = opaque;
    uint64_t value = 0;

    memory->sizes |= 1u << size;
    memcpy(&value, memory->bytes + address, size <= 8 ? size : 0);
    return value | (size < 8 ? ~0ull << 8 * size : 0); /* junk above */
}

static void memory_write(void *opaque, uint64_t address, uint64_t value,
                         unsigned size)
{
    struct memory *memory = opaque;

    memory->sizes |= 1u << size;
    memcpy(memory->bytes + address, &value, size);
}

void test_io_map(void)
{
    static const struct io_handlers wide = {memory_read, memory_write, 8};
    static const struct io_handlers narrow = {memory_read, memory_write, 2};
    struct io_map *map = io_map_new();
    struct memory a = {.bytes = "0123456"}, b = {.bytes = "abcdefghijklmno"};

    expect(io_map_add(map, IO_PORT, 0x10, 7, &wide, &a), "map: a range");
    expect(io_map_add(map, IO_PORT, 0x19, 16, &narrow, &b), "map: another");
    expect(!io_map_add(map, IO_PORT, 0x16, 2, &wide, &a), "map: overlap");
    expect(io_map_add(map, IO_MEMORY, 0x16, 2, &wide, &a),
           "map: spaces are apart");
    equal(io_map_read(map, IO_PORT, 0x10, 4), 0x33323130, "map: a read");
    equal(io_map_read(map, IO_PORT, 0x40, 8), ~0ull, "map: nobody there");
    equal(io_map_read(map, IO_PORT, 0x40, 2), 0xffff, "map: and narrow");
    equal(io_map_read(map, IO_PORT, 0x12, 8), 0x61ffff3635343332ull,
          "map: over both ranges and the gap");
    equal(io_map_read(map, IO_PORT, 0x0f, 4), 0x323130ff,
          "map: from a gap into a range");
    io_map_write(map, IO_PORT, 0x15, 0x4847464544434241ull, 8);
    expect(!memcmp(a.bytes, "01234AB", 7) && !memcmp(b.bytes, "EFGHe", 5),
           "map: a write over both");
    expect(!((a.sizes | b.sizes) & ~0x116u), "map: sizes are 1, 2, 4, 8");
    expect(!(b.sizes & ~0x6u), "map: and no more than a handler takes");
    io_map_free(map);
}

/* -- Calendar -------------------------------------------------------------- */

static bool date_is(int64_t seconds, unsigned year, unsigned month,
                    unsigned day, unsigned weekday)
{
    struct date date = calendar_date(seconds);

    return date.year == year && date.month == month && date.day == day &&
           date.weekday == weekday;
}

void test_calendar(void)
{
    bool good = true;
    struct date wrong = {99, 99, 99, 99, 99, 99999, 99};

    expect(date_is(0, 1970, 1, 1, 4), "calendar: the epoch, a Thursday");
    expect(date_is(-1, 1969, 12, 31, 3), "calendar: the second before");
    expect(date_is(951782400, 2000, 2, 29, 2), "calendar: 29 February 2000");
    expect(date_is(4107542400, 2100, 3, 1, 1), "calendar: none in 2100");
    expect(date_is(253402300799, 9999, 12, 31, 5), "calendar: the last day");
    expect(date_is(253402300800, 0, 1, 1, 6), "calendar: and round");
    expect(date_is(-62167219200, 0, 1, 1, 6), "calendar: the first day");
    for (int64_t at = -62167219200; at < 253402300800; at += 7776543) {
        struct date date = calendar_date(at);

        good &= calendar_seconds(&date) == at;
    }
    expect(good, "calendar: there and back, over 10,000 years");
    expect(date_is(calendar_seconds(&wrong), 9999, 12, 31, 5),
           "calendar: what is out of range");
    calendar_date(INT64_MIN);
    calendar_date(INT64_MAX);
}
