/* Local APIC, its timer, I/O APIC. */
#include "rig.h"

static struct rig *rig;

static void restart(void)
{
    if (rig) {
        rig_free(rig);
    }
    rig = rig_new();
    apic_out(rig, 0xf0, 0x1ff);
}

/* -1: no interrupt is asked for. */
static int take(void)
{
    return local_apic_raised(&rig->apic)
               ? (int)local_apic_acknowledge(&rig->apic)
               : -1;
}

static void self(uint8_t vector)
{
    apic_out(rig, 0x300, 0x40000 | vector);
}

static void eoi(void)
{
    apic_out(rig, 0xb0, 0);
}

/* -- Local APIC ------------------------------------------------------------ */

static void test_priorities(void)
{
    restart();
    equal(apic_in(rig, 0x30), 0x50014, "APIC: version");
    equal(take(), -1, "APIC: quiet at first");
    self(0x51), self(0x61), self(0x52);
    equal(apic_in(rig, 0x220), 0x60000, "APIC: requests, 0x51 and 0x52");
    equal(apic_in(rig, 0x230), 0x2, "APIC: and 0x61");
    equal(take(), 0x61, "APIC: the highest vector first");
    equal(take(), -1, "APIC: lower ones wait");
    equal(apic_in(rig, 0xa0), 0x60, "APIC: processor priority");
    eoi();
    equal(take(), 0x52, "APIC: then the next");
    equal(take(), -1, "APIC: not the same class");
    self(0x70);
    equal(take(), 0x70, "APIC: a higher class");
    eoi(), eoi();
    equal(take(), 0x51, "APIC: the last");
    eoi(), eoi();
    apic_out(rig, 0x80, 0x50);
    equal(rig->cr8, 5, "APIC: CR8 follows the task priority");
    self(0x5f);
    equal(take(), -1, "APIC: task priority holds it up");
    equal(local_apic_acknowledge(&rig->apic), 0xff, "APIC: spurious");
    local_apic_set_cr8(&rig->apic, 4);
    equal(apic_in(rig, 0x80), 0x40, "APIC: and follows CR8");
    equal(take(), 0x5f, "APIC: now it comes");
}

static void test_commands(void)
{
    restart();
    apic_out(rig, 0x310, 0);
    apic_out(rig, 0x300, 0x4041);
    equal(take(), 0x41, "APIC: to itself by its id");
    eoi();
    apic_out(rig, 0x310, 5u << 24);
    apic_out(rig, 0x300, 0x4041);
    equal(take(), -1, "APIC: to nobody");
    apic_out(rig, 0xd0, 0x02000000);
    apic_out(rig, 0x310, 3u << 24);
    apic_out(rig, 0x300, 0x4842);
    equal(take(), 0x42, "APIC: by logical id, flat");
    eoi();
    apic_out(rig, 0xe0, 0);
    apic_out(rig, 0xd0, 0x21000000);
    apic_out(rig, 0x310, 0x23000000);
    apic_out(rig, 0x300, 0x4943);
    equal(take(), 0x43, "APIC: in a cluster, lowest priority");
    eoi();
    apic_out(rig, 0x310, 0x13000000);
    apic_out(rig, 0x300, 0x4843);
    equal(take(), -1, "APIC: in another cluster");
    apic_out(rig, 0x300, 0xc4044);
    equal(take(), -1, "APIC: to all but itself");
    apic_out(rig, 0x300, 0x84044);
    equal(take(), 0x44, "APIC: to all");
    eoi();
    apic_out(rig, 0x310, 0);
    apic_out(rig, 0x300, 0x4400);
    equal(rig->nmis, 1, "APIC: NMI");
    apic_out(rig, 0x300, 0x4608);
    equal(rig->startups, 1, "APIC: start-up");
    apic_out(rig, 0x300, 0x4003);
    apic_out(rig, 0x280, 0);
    equal(apic_in(rig, 0x280), 0x20, "APIC: an illegal vector is told");
    apic_in(rig, 0x3f0);
    apic_out(rig, 0x280, 0);
    equal(apic_in(rig, 0x280), 0x80, "APIC: and so is a wrong register");
    apic_out(rig, 0x370, 0xfe);
    apic_in(rig, 0x3f0);
    equal(take(), 0xfe, "APIC: errors interrupt");
    apic_out(rig, 0x300, 0x4500);
    equal(rig->inits, 1, "APIC: INIT");
    equal(apic_in(rig, 0xf0), 0xff, "APIC: resets it");
    apic_out(rig, 0x300, 0x8500);
    equal(rig->inits, 1, "APIC: de-assert of INIT does nothing");
}

static void test_pins(void)
{
    restart();
    pic_start(rig);
    rig->pit.interrupt.set(rig, 1, true); /* a keyboard's edge */
    equal(take(), -1, "APIC: LINT0 is masked at first");
    apic_out(rig, 0x350, 0x700);
    equal(take(), 0x21, "APIC: the 8259's vector through LINT0");
    equal(take(), -1, "APIC: it has no other");
    local_apic_enable(&rig->apic, false);
    out(rig, 0x20, 0x20);
    rig->pit.interrupt.set(rig, 4, true);
    equal(take(), 0x24, "APIC: switched off, LINT0 leads through");
    out(rig, 0x20, 0x20);
    equal(apic_in(rig, 0x30), ~0u, "APIC: and no registers");
    local_apic_set_line(&rig->apic, 1, true);
    equal(rig->nmis, 1, "APIC: LINT1 is NMI");
    local_apic_set_line(&rig->apic, 1, false);

    restart();
    apic_out(rig, 0x360, 0x400);
    local_apic_set_line(&rig->apic, 1, true);
    equal(rig->nmis, 1, "APIC: NMI by its entry");
    apic_out(rig, 0x350, 0x8045);
    local_apic_set_line(&rig->apic, 0, true);
    equal(take(), 0x45, "APIC: a level on LINT0");
    equal(apic_in(rig, 0x350), 0xc045, "APIC: its remote IRR");
    eoi();
    equal(take(), 0x45, "APIC: still there");
    local_apic_set_line(&rig->apic, 0, false);
    eoi();
    equal(take(), -1, "APIC: gone");
    apic_out(rig, 0xf0, 0xff);
    equal(apic_in(rig, 0x350) & 0x10000, 0x10000, "APIC: off masks all");
    apic_out(rig, 0x350, 0x45);
    equal(apic_in(rig, 0x350), 0x10045, "APIC: for as long as it is off");
    self(0x55);
    equal(take(), -1, "APIC: and takes nothing");
}

static void test_virtual_wire(void)
{
    restart();
    pic_start(rig);
    pass(rig, 1);
    equal(take(), -1, "APIC: LINT0 is masked after a reset");
    local_apic_virtual_wire(&rig->apic);
    i8259_set_line(&rig->pic, 3, true);
    equal(take(), 0x23, "APIC: virtual wire: straight from the 8259s");
    i8259_set_line(&rig->pic, 3, false);
    local_apic_set_line(&rig->apic, 1, true);
    equal(rig->nmis, 1, "APIC: virtual wire: LINT1 is NMI");
    expect(!local_apic_line_is_nmi(&rig->apic), "APIC: LINT0 is not");
    apic_out(rig, 0x350, 0x400);
    expect(local_apic_line_is_nmi(&rig->apic), "APIC: now it is");
    expect(!io_apic_line_is_nmi(&rig->io_apic), "I/O APIC: none is NMI");
    io_apic_out(rig, 0x10 + 2 * 5, 0x400);
    expect(io_apic_line_is_nmi(&rig->io_apic), "I/O APIC: input 5 is");
}

static uint32_t version_at(uint64_t base)
{
    return (uint32_t)io_map_read(rig->io, IO_MEMORY, base + 0x30, 4);
}

static void test_base(void)
{
    restart();
    local_apic_set_base(&rig->apic, 0x12345000);
    equal(version_at(0x12345000), 0x50014, "APIC: moved");
    equal(version_at(LOCAL_APIC_BASE), 0xffffffff, "APIC: nothing is left");
    local_apic_set_base(&rig->apic, IO_APIC_BASE);
    equal(version_at(IO_APIC_BASE), 0x50014, "APIC: hides the I/O APIC");
    local_apic_set_base(&rig->apic, LOCAL_APIC_BASE);
    equal(version_at(IO_APIC_BASE), 0, "APIC: no more");
    rig->apic.base = 0x7000123;
    local_apic_table.loaded(&rig->apic);
    equal(version_at(0x7000000), 0x50014, "APIC: moved by a snapshot");
}

void test_local_apic(void)
{
    test_virtual_wire();
    test_base();
    test_priorities();
    test_commands();
    test_pins();
}

/* -- Its timer ------------------------------------------------------------- */

static void test_counts(void)
{
    restart();
    apic_out(rig, 0x320, 0x40);
    apic_out(rig, 0x3e0, 0x3); /* by 16 */
    apic_out(rig, 0x380, 1000);
    pass(rig, 1600);
    equal(apic_in(rig, 0x390), 900, "APIC timer: counts");
    apic_out(rig, 0x3e0, 0xb); /* by 1 */
    pass(rig, 899);
    equal(apic_in(rig, 0x390), 1, "APIC timer: at the new pace");
    equal(take(), -1, "APIC timer: not yet");
    pass(rig, 1);
    equal(take(), 0x40, "APIC timer: one shot");
    equal(apic_in(rig, 0x390), 0, "APIC timer: stands at 0");
    equal(apic_in(rig, 0x380), 1000, "APIC timer: initial count stays");
    eoi();
    pass(rig, 1000000);
    equal(take(), -1, "APIC timer: once");

    apic_out(rig, 0x320, 0x20041);
    apic_out(rig, 0x380, 500);
    for (unsigned i = 0; i < 3; i++) {
        pass(rig, 499);
        equal(take(), -1, "APIC timer: within a period");
        pass(rig, 1);
        equal(take(), 0x41, "APIC timer: periodic");
        eoi();
    }
    clock_set(rig->clock, clock_now(rig->clock) + 1234);
    equal(apic_in(rig, 0x390), 266, "APIC timer: late, but in phase");
    equal(take(), 0x41, "APIC timer: missed periods are one");
    eoi();
    apic_out(rig, 0x320, 0x30041);
    equal(clock_next_deadline(rig->clock), UINT64_MAX,
          "APIC timer: masked, no timer");
    pass(rig, 10000);
    apic_out(rig, 0x320, 0x20041);
    equal(take(), -1, "APIC timer: what was masked is lost");
    apic_out(rig, 0x380, 0);
    equal(clock_next_deadline(rig->clock), UINT64_MAX,
          "APIC timer: stopped by 0");
}

static void test_deadline(void)
{
    uint64_t now;

    restart();
    apic_out(rig, 0x320, 0x40042);
    pass(rig, 100);
    local_apic_set_tsc_offset(&rig->apic, 5000);
    now = 100 + 5000;
    apic_out(rig, 0x380, 7);
    equal(apic_in(rig, 0x390), 0, "APIC timer: no count with deadlines");
    local_apic_set_tsc_deadline(&rig->apic, now + 300);
    equal(local_apic_tsc_deadline(&rig->apic), now + 300,
          "APIC timer: a deadline");
    pass(rig, 299);
    equal(take(), -1, "APIC timer: before it");
    pass(rig, 1);
    equal(take(), 0x42, "APIC timer: at it");
    equal(local_apic_tsc_deadline(&rig->apic), 0, "APIC timer: disarmed");
    eoi();
    local_apic_set_tsc_deadline(&rig->apic, 1);
    equal(take(), 0x42, "APIC timer: a deadline past fires at once");
    eoi();
    local_apic_set_tsc_deadline(&rig->apic, now + 100000);
    local_apic_set_tsc_offset(&rig->apic, 5000 + 99000);
    pass(rig, 701);
    equal(take(), 0x42, "APIC timer: follows the TSC's offset");
    eoi();
    local_apic_set_tsc_deadline(&rig->apic, ~0ull);
    apic_out(rig, 0x320, 0x42);
    equal(local_apic_tsc_deadline(&rig->apic), 0,
          "APIC timer: leaving the mode disarms");
    local_apic_set_tsc_deadline(&rig->apic, 1);
    equal(take(), -1, "APIC timer: no deadline in other modes");
}

void test_apic_timer(void)
{
    test_counts();
    test_deadline();
}

/* -- I/O APIC -------------------------------------------------------------- */

static void entry(unsigned n, uint32_t low)
{
    io_apic_out(rig, 0x11 + 2 * n, 0);
    io_apic_out(rig, 0x10 + 2 * n, low);
}

static void line(unsigned n, bool level)
{
    io_apic_set_line(&rig->io_apic, n, level);
}

static void test_edges(void)
{
    restart();
    equal(io_apic_in(rig, 1), 0x170020, "I/O APIC: version, 24 inputs");
    equal(io_apic_in(rig, 0), 0x01000000, "I/O APIC: id");
    equal(io_apic_in(rig, 0x10), 0x10000, "I/O APIC: masked at first");
    line(4, true);
    entry(4, 0x44);
    equal(take(), -1, "I/O APIC: an edge while masked is lost");
    line(4, false), line(4, true);
    equal(take(), 0x44, "I/O APIC: an edge");
    eoi();
    equal(take(), -1, "I/O APIC: once");
    io_apic_out(rig, 0x11 + 2 * 5, 0x77u << 24);
    equal(io_apic_in(rig, 0x11 + 2 * 5), 0x77u << 24, "I/O APIC: high half");
    io_apic_out(rig, 0x10 + 2 * 5, 0x45);
    line(5, true);
    equal(take(), -1, "I/O APIC: to nobody");
    entry(6, 0x400);
    line(6, true);
    equal(rig->nmis, 1, "I/O APIC: NMI");
    pic_start(rig);
    i8259_set_line(&rig->pic, 3, true);
    entry(0, 0x700);
    line(0, true);
    equal(take(), 0x23, "I/O APIC: the 8259's vector by a message");
    equal(io_apic_in(rig, 0xff), 0, "I/O APIC: no such register");
}

static void test_levels(void)
{
    restart();
    line(10, true);
    entry(10, 0x804a);
    equal(take(), 0x4a, "I/O APIC: a level that was there before");
    equal(io_apic_in(rig, 0x10 + 2 * 10), 0xc04a, "I/O APIC: remote IRR");
    equal(apic_in(rig, 0x1a0), 1 << 10, "I/O APIC: seen in TMR");
    eoi();
    equal(take(), 0x4a, "I/O APIC: again after EOI");
    line(10, false);
    eoi();
    equal(take(), -1, "I/O APIC: gone");
    equal(io_apic_in(rig, 0x10 + 2 * 10), 0x804a, "I/O APIC: at rest");
    line(10, true);
    take();
    io_apic_out(rig, 0x10 + 2 * 10, 0x1004a);
    equal(io_apic_in(rig, 0x10 + 2 * 10), 0x1004a,
          "I/O APIC: to make it an edge clears remote IRR");
    io_apic_out(rig, 0x10 + 2 * 10, 0x804a);
    equal(take(), -1, "I/O APIC: in service still");
    line(10, false);
    io_map_write(rig->io, IO_MEMORY, IO_APIC_BASE + 0x40, 0x4a, 4);
    equal(io_apic_in(rig, 0x10 + 2 * 10), 0x804a, "I/O APIC: EOI register");
}

void test_io_apic(void)
{
    test_edges();
    test_levels();
    rig_free(rig);
    rig = NULL;
}
