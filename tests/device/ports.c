/* Keyboard controller, port 0x92, debug exit. */
#include "rig.h"

static struct rig *rig;

static void restart(void)
{
    if (rig) {
        rig_free(rig);
    }
    rig = rig_new();
}

static void command(uint8_t value)
{
    out(rig, 0x64, value);
}

static void data(uint8_t value)
{
    out(rig, 0x60, value);
}

/* -1: nothing there; bit 8: from the second port. */
static int answer(void)
{
    uint8_t status = in(rig, 0x64);

    return status & 1 ? in(rig, 0x60) | (status & 0x20) << 3 : -1;
}

static void test_controller(void)
{
    restart();
    equal(in(rig, 0x64), 0x14, "8042: status");
    command(0xaa);
    equal(in(rig, 0x64), 0x1d, "8042: a command's answer is there");
    equal(answer(), 0x55, "8042: self-test");
    command(0x20);
    equal(answer(), 0x45, "8042: command byte");
    command(0x60), data(0x47);
    command(0x20);
    equal(answer(), 0x47, "8042: as written");
    command(0xab);
    equal(answer(), 0, "8042: keyboard port is good");
    command(0xd3), data(0x5a);
    equal(answer(), 0x15a, "8042: second port in a loop");
    equal(rig->rises[12], 1, "8042: with its interrupt");
    command(0xa7), command(0x20);
    equal(answer(), 0x67, "8042: second port off");
    command(0xa8), command(0x20);
    equal(answer(), 0x47, "8042: and on");
    command(0xd4), data(0xff);
    equal(in(rig, 0x64) & 0x61, 0x61, "8042: no mouse: a time-out");
    equal(answer(), 0x1fe, "8042: and a request to send again");
    command(0x7f), data(0x12), command(0x3f);
    equal(answer(), 0x12, "8042: its memory");
}

static void test_keyboard(void)
{
    restart();
    data(0xff);
    equal(rig->rises[1], 1, "keyboard: an interrupt");
    equal(answer(), 0xfa, "keyboard: reset, acknowledged");
    equal(rig->rises[1], 2, "keyboard: one for each byte");
    equal(answer(), 0xaa, "keyboard: and passed");
    equal(answer(), -1, "keyboard: that is all");
    expect(!rig->isa[1], "keyboard: no more interrupt");
    data(0xf2);
    equal(answer(), 0xfa, "keyboard: identify");
    equal(answer(), 0xab, "keyboard: its name");
    equal(answer(), 0x41, "keyboard: as translated");
    data(0xed), answer(), data(0x02);
    equal(answer(), 0xfa, "keyboard: lights");
    equal(rig->keyboard.leds, 2, "keyboard: are on");
    data(0xf0), answer(), data(0);
    equal(answer(), 0xfa, "keyboard: which scan codes");
    equal(answer(), 2, "keyboard: set 2");
    data(0x01);
    equal(answer(), 0xfe, "keyboard: no such command");
    expect(i8042_key(&rig->keyboard, 0x1e), "keyboard: a key");
    equal(answer(), 0x1e, "keyboard: is seen");
    data(0xf5), answer();
    expect(!i8042_key(&rig->keyboard, 0x1e), "keyboard: not scanning");
    data(0xf4), answer(), command(0xad);
    expect(!i8042_key(&rig->keyboard, 0x1e), "keyboard: switched off");
    command(0xae);
    for (unsigned i = 0; i < 100; i++) {
        i8042_key(&rig->keyboard, i);
    }
    expect(!i8042_key(&rig->keyboard, 1), "keyboard: the queue is full");
    for (int i = 0; i < I8042_QUEUE; i++) {
        if (answer() != i) {
            expect(false, "keyboard: byte %d of the queue", i);
        }
    }
    equal(answer(), -1, "keyboard: and empty again");
}

void test_i8042(void)
{
    test_controller();
    test_keyboard();
    rig_free(rig);
    rig = NULL;
}

void test_ports(void)
{
    restart();
    command(0xfe);
    equal(rig->resets, 1, "8042: reset by a pulse");
    command(0xff);
    equal(rig->resets, 1, "8042: a pulse of nothing");
    command(0xd1), data(0xdd);
    command(0xd0);
    equal(answer(), 0xdd, "8042: output port");
    expect(!rig->a20[0], "8042: A20 off");
    command(0xd1), data(0xdf);
    expect(rig->a20[0], "8042: A20 on");
    command(0xd1), data(0xde);
    equal(rig->resets, 2, "8042: reset by the output port");
    out(rig, 0x92, 0x02);
    expect(rig->a20[1], "port 92: A20 on");
    equal(in(rig, 0x92), 0x02, "port 92: is read");
    out(rig, 0x92, 0x00);
    expect(!rig->a20[1], "port 92: A20 off");
    out(rig, 0x92, 0x01);
    out(rig, 0x92, 0x01);
    equal(rig->resets, 3, "port 92: reset, once an edge");
    out(rig, 0x501, 0x21);
    equal(rig->exit_value, 0x21, "debug exit: what was written");
    rig_free(rig);
    rig = NULL;
}

static void word(uint16_t port, uint16_t value)
{
    io_map_write(rig->io, IO_PORT, port, value, 2);
}

void test_acpi_pm(void)
{
    restart();
    equal(io_map_read(rig->io, IO_PORT, 0x604, 2), 1, "ACPI: it is on");
    word(0x604, 0x1400);
    equal(io_map_read(rig->io, IO_PORT, 0x604, 2), 0x1401,
          "ACPI: a sleep type is kept");
    word(0x604, 0x3400);
    equal(rig->power_offs, 0, "ACPI: sleep that is not \"off\"");
    out(rig, 0x605, 0x20);
    equal(rig->power_offs, 1, "ACPI: off, by a byte");
    word(0x604, 0x2001);
    equal(rig->power_offs, 2, "ACPI: off");
    equal(io_map_read(rig->io, IO_PORT, 0x604, 2), 1,
          "ACPI: the command is not kept");
    word(0x600, 0xffff);
    word(0x602, 0x0120);
    equal(io_map_read(rig->io, IO_PORT, 0x600, 4), 0x01200000,
          "ACPI: no status, what is enabled");
    rig_free(rig);
    rig = NULL;
}
