#include "rig.h"

static struct rig *rig;

static void line(unsigned n, bool level)
{
    i8259_set_line(&rig->pic, n, level);
}

/* -1: no interrupt is asked for. */
static int take(void)
{
    return rig->pic.output ? (int)i8259_acknowledge(&rig->pic) : -1;
}

static void restart(void)
{
    if (rig) {
        rig_free(rig);
    }
    rig = rig_new();
    pic_start(rig);
}

static void test_edges(void)
{
    restart();
    equal(take(), -1, "8259: quiet at first");
    line(3, true);
    equal(take(), 0x23, "8259: an edge");
    equal(in(rig, 0x20), 0, "8259: is taken off IRR");
    out(rig, 0x20, 0x0b);
    equal(in(rig, 0x20), 0x08, "8259: and is in service");
    line(3, false);
    line(3, true);
    equal(take(), -1, "8259: its equal waits");
    line(4, true);
    equal(take(), -1, "8259: and so do lesser ones");
    line(1, true);
    equal(take(), 0x21, "8259: a more urgent one does not");
    out(rig, 0x20, 0x20);
    equal(take(), -1, "8259: EOI ends the most urgent");
    out(rig, 0x20, 0x63);
    equal(take(), 0x23, "8259: a specific EOI, and the next");
    out(rig, 0x20, 0x20);
    equal(take(), 0x24, "8259: the last");
    line(5, true);
    line(5, false);
    out(rig, 0x20, 0x20);
    equal(take(), -1, "8259: an edge that went away");
    equal(i8259_acknowledge(&rig->pic), 0x27, "8259: spurious");
    equal(in(rig, 0x20), 0, "8259: and not in service");
}

static void test_cascade(void)
{
    restart();
    line(8, true);
    line(12, true);
    equal(take(), 0x28, "8259: the slave's first");
    out(rig, 0xa0, 0x20);
    equal(take(), -1, "8259: the master's input 2 is in service");
    out(rig, 0x20, 0x62);
    equal(take(), 0x2c, "8259: the slave's other");
    out(rig, 0xa0, 0x0b);
    equal(in(rig, 0xa0), 0x10, "8259: in service in the slave");
    out(rig, 0xa0, 0x20);
    out(rig, 0x20, 0x20);
    line(9, true);
    out(rig, 0xa1, 0x02);
    equal(take(), -1, "8259: masked in the slave");
    out(rig, 0xa1, 0x00);
    out(rig, 0x21, 0x04);
    equal(take(), -1, "8259: masked in the master");
    equal(in(rig, 0x21), 4, "8259: the mask is read");
    out(rig, 0x21, 0x00);
    equal(take(), 0x29, "8259: unmasked");
}

static void test_levels(void)
{
    restart();
    out(rig, 0x4d0, 0xff);
    out(rig, 0x4d1, 0xff);
    equal(in(rig, 0x4d0), 0xf8, "8259: ELCR of the master");
    equal(in(rig, 0x4d1), 0xde, "8259: ELCR of the slave");
    line(10, true);
    equal(take(), 0x2a, "8259: a level");
    out(rig, 0xa0, 0x20);
    out(rig, 0x20, 0x20);
    equal(take(), 0x2a, "8259: still there after EOI");
    line(10, false);
    out(rig, 0xa0, 0x20);
    out(rig, 0x20, 0x20);
    equal(take(), -1, "8259: gone");
}

static void test_modes(void)
{
    restart();
    out(rig, 0x20, 0xc3); /* 3 is lowest, so 4 is highest */
    line(1, true);
    line(4, true);
    equal(take(), 0x24, "8259: set priority");
    out(rig, 0x20, 0xa0); /* rotate: 5 is highest, 1 comes after */
    equal(take(), 0x21, "8259: rotation");
    out(rig, 0x20, 0x20);

    restart();
    line(1, true);
    equal(take(), 0x21, "8259: in service");
    out(rig, 0x21, 0x02);
    out(rig, 0x20, 0x68);
    line(6, true);
    equal(take(), 0x26, "8259: special mask lets lesser ones through");
    out(rig, 0x20, 0x20);
    out(rig, 0x20, 0x0b);
    equal(in(rig, 0x20), 0x02, "8259: its EOI spares masked ones");

    restart();
    line(9, true);
    out(rig, 0x20, 0x0c);
    equal(in(rig, 0x20), 0x82, "8259: poll of the master");
    out(rig, 0xa0, 0x0c);
    equal(in(rig, 0xa0), 0x81, "8259: poll of the slave");
    out(rig, 0xa0, 0x0c);
    equal(in(rig, 0xa0), 0, "8259: poll with nothing there");

    restart();
    for (unsigned i = 0; i < 4; i++) {
        out(rig, 0x20 + (i > 0), (uint8_t[]){0x11, 0x40, 4, 3}[i]);
    }
    line(5, true);
    equal(take(), 0x45, "8259: automatic EOI");
    out(rig, 0x20, 0x0b);
    equal(in(rig, 0x20), 0, "8259: leaves nothing in service");
}

/* How a kernel finds out whether there is one. */
static void test_probe(void)
{
    restart();
    out(rig, 0xa1, 0xff);
    out(rig, 0x21, 0xfb);
    equal(in(rig, 0x21), 0xfb, "8259: a probe of the mask");
    out(rig, 0x20, 0x11);
    line(3, true);
    equal(take(), -1, "8259: quiet while being initialised");
}

void test_i8259(void)
{
    test_edges();
    test_cascade();
    test_levels();
    test_modes();
    test_probe();
    rig_free(rig);
    rig = NULL;
}
