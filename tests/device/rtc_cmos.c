#include "rig.h"

#define SECOND 1000000000ull
#define MS 1000000ull

static struct rig *rig;

static uint8_t get(uint8_t index)
{
    out(rig, 0x70, index);
    return in(rig, 0x71);
}

static void set(uint8_t index, uint8_t value)
{
    out(rig, 0x70, index);
    out(rig, 0x71, value);
}

static bool reads(const uint8_t *wanted)
{
    static const uint8_t at[] = {0x32, 9, 8, 7, 4, 2, 0};
    bool good = true;

    for (unsigned i = 0; i < sizeof(at); i++) {
        good &= get(at[i]) == wanted[i];
    }
    return good;
}
#define READS(...) reads((const uint8_t[7]){__VA_ARGS__})

static void restart(void)
{
    if (rig) {
        rig_free(rig);
    }
    rig = rig_new();
}

static void test_date(void)
{
    restart();
    expect(READS(0x20, 0x00, 2, 0x28, 0x23, 0x59, 0x59), "RTC: the date");
    equal(get(6), 2, "RTC: a Monday");
    pass(rig, SECOND - 1);
    equal(get(0), 0x59, "RTC: not yet");
    pass(rig, 1);
    expect(READS(0x20, 0x00, 2, 0x29, 0, 0, 0), "RTC: a leap day");
    set(0x0b, 0x06);
    expect(READS(20, 0, 2, 29, 0, 0, 0), "RTC: binary");
    set(0x0b, 0x04);
    equal(get(4), 12, "RTC: midnight is 12 AM");
    pass(rig, 13 * 3600 * SECOND);
    equal(get(4), 0x81, "RTC: 1 PM");
    equal(get(0x0d), 0x80, "RTC: the battery is good");
}

static void test_setting(void)
{
    restart();
    pass(rig, 300 * MS);
    set(0x0b, 0x82);
    pass(rig, 5 * SECOND);
    equal(get(0), 0x59, "RTC: SET stops the date");
    set(0x00, 0x10), set(0x02, 0x20), set(0x04, 0x03);
    set(0x07, 0x31), set(0x08, 0x12), set(0x09, 0x37), set(0x06, 5);
    set(0x0b, 0x02);
    expect(READS(0x20, 0x37, 0x12, 0x31, 3, 0x20, 0x10), "RTC: a new date");
    equal(get(6), 5, "RTC: with the weekday it was given");
    pass(rig, 700 * MS);
    equal(get(0), 0x11, "RTC: SET leaves the second's beginning alone");
    set(0x0a, 0x76);
    pass(rig, 10 * SECOND);
    set(0x0a, 0x26);
    equal(get(0), 0x11, "RTC: a divider in reset stops the date");
    pass(rig, 500 * MS - 1);
    equal(get(0), 0x11, "RTC: and lets it go on");
    pass(rig, 1);
    equal(get(0), 0x12, "RTC: half a second after");
    set(0x02, 0x21);
    equal(get(2), 0x21, "RTC: a register set while it runs");
}

static void test_updates(void)
{
    restart();
    equal(get(0x0a), 0x26, "RTC: no update now");
    pass(rig, SECOND - 1 * MS);
    equal(get(0x0a), 0xa6, "RTC: an update is near");
    pass(rig, 1 * MS);
    equal(get(0x0a), 0x26, "RTC: it is over");
    equal(get(0x0c) & 0x10, 0x10, "RTC: and flagged");
    equal(get(0x0c), 0, "RTC: until read");
    equal(clock_next_deadline(rig->clock), UINT64_MAX,
          "RTC: nothing enabled, no timer");
    set(0x0b, 0x12);
    pass(rig, SECOND - 1);
    expect(!rig->isa[8], "RTC: no update interrupt yet");
    pass(rig, 1);
    expect(rig->isa[8], "RTC: the update interrupt");
    pass(rig, 5 * SECOND);
    equal(rig->rises[8], 1, "RTC: once");
    equal(get(0x0c) & 0xb0, 0x90, "RTC: its flag and the interrupt's");
    expect(!rig->isa[8], "RTC: read, so gone");
    pass(rig, SECOND);
    equal(rig->rises[8], 2, "RTC: and the next");
}

static void test_alarm(void)
{
    restart();
    set(1, 0x05), set(3, 0x10), set(5, 0x07);
    set(0x0b, 0x22);
    pass(rig, (7 * 3600 + 10 * 60 + 5) * SECOND);
    expect(!rig->isa[8], "RTC: no alarm a second before");
    pass(rig, SECOND);
    expect(rig->isa[8], "RTC: the alarm");
    get(0x0c);
    pass(rig, 86400 * SECOND - 1);
    equal(rig->rises[8], 1, "RTC: not within the next day");
    pass(rig, 1);
    equal(rig->rises[8], 2, "RTC: but then");
    get(0x0c);
    set(3, 0xff), set(5, 0xc0);
    pass(rig, 60 * SECOND);
    equal(rig->rises[8], 3, "RTC: any hour, any minute");
    get(0x0c);
    set(1, 0x60);
    equal(clock_next_deadline(rig->clock), UINT64_MAX,
          "RTC: an alarm that never comes");
}

static void test_rate(void)
{
    restart();
    set(0x0b, 0x42);
    pass(rig, 976562);
    expect(!rig->isa[8], "RTC: 1024 Hz: not yet");
    pass(rig, 1);
    expect(rig->isa[8], "RTC: 1024 Hz");
    for (unsigned i = 1; i < 1024; i++) {
        get(0x0c);
        pass(rig, 976563);
    }
    equal(rig->rises[8], 1024, "RTC: a second of them");
    set(0x0a, 0x20);
    get(0x0c);
    equal(clock_next_deadline(rig->clock), UINT64_MAX, "RTC: no rate");
    set(0x0a, 0x2f);
    pass(rig, 2 * SECOND);
    equal(get(0x0c) & 0xc0, 0xc0, "RTC: 2 Hz");
}

static void test_memory(void)
{
    restart();
    rtc_cmos_set(&rig->rtc, 0x34, 0xab);
    rtc_cmos_set(&rig->rtc, 0x0b, 0xff);
    rtc_cmos_set(&rig->rtc, 0x1000, 0xff);
    equal(get(0x34), 0xab, "CMOS: from the board");
    equal(get(0x0b), 0x02, "CMOS: no controls from there");
    set(0x7f, 0x5a);
    equal(get(0xff), 0x5a, "CMOS: bit 7 of the index is no index");
}

static void test_reset(void)
{
    struct clock *before;

    restart();
    pass(rig, 3 * SECOND + 300 * MS);
    set(0x50, 0xab), set(0x0b, 0x42);
    pass(rig, SECOND / 1024 + 1);
    expect(rig->isa[8], "RTC: interrupts before the reset");
    before = rig->clock;
    rig->clock = clock_new();
    clock_set(rig->clock, clock_now(before));
    rtc_cmos_reset(&rig->rtc, rig->clock);
    clock_free(before);
    equal(get(0x0b), 0x02, "RTC: no interrupts after a reset");
    equal(get(0x0c), 0, "RTC: and no flags");
    equal(get(0x50), 0xab, "RTC: memory survives it");
    expect(READS(0x20, 0x00, 2, 0x29, 0, 0, 2), "RTC: so does the date");
    pass(rig, 700 * MS);
    equal(get(0), 0x03, "RTC: which goes on");
}

void test_rtc_cmos(void)
{
    test_reset();
    test_date();
    test_setting();
    test_updates();
    test_alarm();
    test_rate();
    test_memory();
    rig_free(rig);
    rig = NULL;
}
