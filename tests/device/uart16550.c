#include "rig.h"

#include <string.h>

#define PORT 0x3f8
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH };

static struct rig *rig;

static uint8_t get(unsigned n)
{
    return in(rig, PORT + n);
}

static void set(unsigned n, uint8_t value)
{
    out(rig, PORT + n, value);
}

static void restart(void)
{
    if (rig) {
        rig_free(rig);
    }
    rig = rig_new();
    set(LCR, 0x03);
    set(MCR, 0x0b);
}

static void feed(const char *bytes)
{
    while (*bytes) {
        uart16550_receive(&rig->uart, *bytes++);
    }
}

/* How a driver tells what it has before it. */
static void test_probe(void)
{
    restart();
    set(IER, 0xff);
    equal(get(IER), 0x0f, "16550: bits of IER");
    set(IER, 0);
    set(MCR, 0x1a);
    equal(get(MSR) & 0xf0, 0x90, "16550: modem lines in loop mode");
    set(MCR, 0x0b);
    equal(get(MSR) & 0xf0, 0xb0, "16550: and outside");
    set(IIR, 0x01);
    equal(get(IIR), 0xc1, "16550: has a FIFO");
    set(IIR, 0x00);
    equal(get(IIR), 0x01, "16550: that can be off");
    set(SCRATCH, 0xae);
    equal(get(SCRATCH), 0xae, "16550: scratch");
    set(LCR, 0x83);
    set(DATA, 0x0c);
    set(IER, 0x01);
    equal(get(DATA) | get(IER) << 8, 0x10c, "16550: divisor");
    set(LCR, 0x03);
    equal(get(IER), 0, "16550: is apart from IER");
}

static void test_sending(void)
{
    restart();
    equal(get(LSR), 0x60, "16550: ready to send");
    set(DATA, 'h'), set(DATA, 'i');
    expect(rig->n_sent == 2 && !memcmp(rig->sent, "hi", 2), "16550: sends");
    equal(get(LSR), 0x60, "16550: ready again");
    expect(!rig->isa[4], "16550: no interrupt unless enabled");
    set(IER, 0x02);
    expect(rig->isa[4], "16550: enabling interrupts at once");
    equal(get(IIR), 0x02, "16550: for the empty transmitter");
    equal(get(IIR), 0x01, "16550: reading that ends it");
    expect(!rig->isa[4], "16550: and the interrupt");
    set(DATA, 'x');
    expect(rig->isa[4], "16550: sent, so empty again");
    set(IER, 0), set(IER, 2);
    expect(rig->isa[4], "16550: off and on");
    set(MCR, 0x03);
    expect(!rig->isa[4], "16550: OUT2 gates the interrupt");
}

static void test_receiving(void)
{
    restart();
    set(IER, 0x05);
    equal(uart16550_room(&rig->uart), 1, "16550: room for one");
    feed("a");
    equal(get(LSR), 0x61, "16550: data");
    equal(get(IIR), 0x04, "16550: its interrupt");
    feed("b");
    equal(get(IIR), 0x06, "16550: an overrun is more urgent");
    equal(get(LSR), 0x63, "16550: and shown");
    equal(get(DATA), 'b', "16550: without FIFO the last one stays");
    equal(get(LSR), 0x60, "16550: empty");
    expect(!rig->isa[4], "16550: no more interrupt");
    equal(get(DATA), 0, "16550: nothing to read");
}

static void test_fifo(void)
{
    restart();
    set(IIR, 0x81); /* 8 bytes */
    set(IER, 0x05);
    equal(uart16550_room(&rig->uart), 16, "16550: room in the FIFO");
    feed("1234567");
    expect(!rig->isa[4], "16550: below its trigger level");
    feed("8");
    equal(get(IIR), 0xc4, "16550: at it");
    equal(get(DATA), '1', "16550: first in, first out");
    expect(!rig->isa[4], "16550: below again");
    pass(rig, 4 * 10 * 8681);
    equal(get(IIR), 0xcc, "16550: time-out after four characters");
    equal(get(DATA), '2', "16550: a read");
    equal(get(IIR), 0xc1, "16550: ends it");
    feed("90abcdefghij");
    equal(get(LSR), 0x63, "16550: a full FIFO overruns");
    equal(get(DATA), '3', "16550: and keeps what it has");
    uart16550_receive_break(&rig->uart);
    equal(get(LSR), 0xe1, "16550: an error is within");
    set(IIR, 0x83);
    equal(get(LSR), 0x60, "16550: cleared");
    expect(rig->n_ready > 0, "16550: and its peer told");
    uart16550_receive_break(&rig->uart);
    equal(get(IIR), 0xc6, "16550: a break interrupts");
    equal(get(LSR), 0xf1, "16550: and is shown");
    equal(get(LSR), 0x61, "16550: once");
}

static void test_loop(void)
{
    restart();
    set(MCR, 0x1b);
    rig->n_sent = 0;
    set(DATA, 'l');
    equal(get(DATA), 'l', "16550: loop mode");
    equal(rig->n_sent, 0, "16550: sends nothing out");
    feed("n");
    equal(get(LSR), 0x60, "16550: and takes nothing in");
    get(MSR);
    set(MCR, 0x10);
    equal(get(MSR), 0x0b, "16550: lines fell");
    set(MCR, 0x14);
    equal(get(MSR), 0x40, "16550: ring rises without a note");
    set(MCR, 0x10);
    equal(get(MSR), 0x04, "16550: and falls with one");
}

void test_uart16550(void)
{
    test_probe();
    test_sending();
    test_receiving();
    test_fifo();
    test_loop();
    rig_free(rig);
    rig = NULL;
}
