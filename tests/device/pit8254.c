#include "rig.h"

#include "device/ticks.h"

static struct rig *rig;

static uint64_t ticks(uint64_t n)
{
    return ticks_to_ns(n, PIT8254_HZ);
}

static void go_to(uint64_t tick)
{
    pass(rig, ticks(tick) - clock_now(rig->clock));
}

static void restart(void)
{
    if (rig) {
        rig_free(rig);
    }
    rig = rig_new();
}

static void program(uint8_t control, uint16_t count)
{
    out(rig, 0x43, control);
    out(rig, 0x40 + (control >> 6), count);
    out(rig, 0x40 + (control >> 6), count >> 8);
}

static unsigned latched(unsigned channel)
{
    unsigned low;

    out(rig, 0x43, channel << 6);
    low = in(rig, 0x40 + channel);
    return low | in(rig, 0x40 + channel) << 8;
}

/* Bit 7: output, bit 6: no count yet. */
static unsigned status(unsigned channel)
{
    out(rig, 0x43, 0xe0 | 2 << channel);
    return in(rig, 0x40 + channel);
}

static void test_periodic(void)
{
    restart();
    program(0x34, 1000);
    equal(status(0), 0xf4, "8254: a count is taken at the next tick");
    go_to(1);
    equal(latched(0), 1000, "8254: mode 2 begins at the count");
    go_to(11);
    equal(latched(0), 990, "8254: counts down");
    equal(rig->rises[0], 1, "8254: output is high");
    go_to(1000);
    expect(!rig->isa[0], "8254: low for one tick");
    go_to(1001);
    expect(rig->isa[0], "8254: high again");
    equal(latched(0), 1000, "8254: from the start");
    go_to(100 * 1000 + 1);
    equal(rig->rises[0], 101, "8254: a hundred periods");
    out(rig, 0x40, 2000 & 0xff);
    out(rig, 0x40, 2000 >> 8);
    go_to(100 * 1000 + 501);
    equal(latched(0), 500, "8254: a new count waits for the period's end");
    equal(status(0), 0xf4, "8254: and is seen to wait");
    go_to(101 * 1000 + 501);
    equal(latched(0), 1500, "8254: then it is taken");
    program(0x36, 1001);
    go_to(101 * 1000 + 502);
    equal(latched(0), 1000, "8254: mode 3 counts even numbers");
    go_to(101 * 1000 + 502 + 10);
    equal(latched(0), 980, "8254: by two");
    go_to(101 * 1000 + 502 + 500);
    expect(rig->isa[0], "8254: mode 3 is high for the longer half");
    go_to(101 * 1000 + 502 + 501);
    expect(!rig->isa[0], "8254: then low");
}

static void test_one_shot(void)
{
    restart();
    program(0x30, 100);
    expect(!(status(0) & 0x80), "8254: mode 0 begins low");
    go_to(100);
    expect(!rig->isa[0], "8254: stays low while it counts");
    go_to(101);
    expect(rig->isa[0], "8254: then high, n + 1 ticks after");
    go_to(111);
    equal(latched(0), 0xfff6, "8254: and counts on");
    equal(clock_next_deadline(rig->clock), UINT64_MAX, "8254: no more timer");
    program(0x38, 50);
    go_to(161);
    expect(rig->isa[0], "8254: mode 4 is high");
    go_to(162);
    expect(!rig->isa[0], "8254: low for one tick");
    go_to(163);
    expect(rig->isa[0], "8254: and high for good");
    equal(rig->rises[0], 2, "8254: each had one edge");
}

static void test_registers(void)
{
    unsigned first;

    restart();
    program(0x34, 0);
    go_to(1);
    equal(latched(0), 0, "8254: 0 is 65536");
    go_to(2);
    equal(latched(0), 0xffff, "8254: and counts on from there");
    out(rig, 0x43, 0x00);
    go_to(100);
    out(rig, 0x43, 0x00);
    first = in(rig, 0x40);
    equal(first | in(rig, 0x40) << 8, 0xffff, "8254: the first latch holds");
    program(0x31, 0x1000);
    go_to(102);
    equal(latched(0), 0x0999, "8254: BCD");
    out(rig, 0x43, 0x14);
    out(rig, 0x40, 200);
    go_to(113);
    equal(in(rig, 0x40), 190, "8254: low byte only");
    equal(in(rig, 0x40), 190, "8254: again");
    out(rig, 0x43, 0xc2);
    equal(in(rig, 0x40), 0x94, "8254: read-back gives status first");
    equal(in(rig, 0x40), 190, "8254: then the count");
    equal(in(rig, 0x43), 0xff, "8254: no control word to read");
}

/* What kernels calibrate by. */
static void test_port61(void)
{
    unsigned refresh;

    restart();
    out(rig, 0x61, (in(rig, 0x61) & ~2) | 1);
    program(0xb0, 59659);
    expect(!(in(rig, 0x61) & 0x20), "port 61: the third channel counts");
    go_to(59659);
    expect(!(in(rig, 0x61) & 0x20), "port 61: to the end");
    go_to(59660);
    expect(in(rig, 0x61) & 0x20, "port 61: its output is seen");
    equal(in(rig, 0x61) & 0x0f, 1, "port 61: gate bit is read");
    program(0xb0, 100);
    go_to(59661 + 40);
    out(rig, 0x61, 0);
    go_to(70000);
    equal(latched(2), 60, "port 61: the gate holds it up");
    out(rig, 0x61, 1);
    go_to(70010);
    equal(latched(2), 50, "port 61: and lets it go on");
    program(0xb2, 100);
    go_to(70200);
    expect(in(rig, 0x61) & 0x20, "8254: mode 1 waits for its gate");
    out(rig, 0x61, 0);
    out(rig, 0x61, 1);
    go_to(70300);
    expect(!(in(rig, 0x61) & 0x20), "8254: then is low");
    go_to(70301);
    expect(in(rig, 0x61) & 0x20, "8254: for its count");
    refresh = in(rig, 0x61) & 0x10;
    go_to(70319);
    expect((in(rig, 0x61) & 0x10) != refresh, "port 61: refresh toggles");
}

void test_pit8254(void)
{
    test_periodic();
    test_one_shot();
    test_registers();
    test_port61();
    rig_free(rig);
    rig = NULL;
}
