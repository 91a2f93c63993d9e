/*
 * Repeated string instructions: cut by a page fault and by the timer, the
 * registers exact at the cut, and then gone on with to the same end.
 */
#include "bare.h"

static struct context c;

SNIPPET(movsb, "rep movsb");
SNIPPET(movsl, "rep movsl");
SNIPPET(movsq, "rep movsq");
SNIPPET(movsq_down, "std\n rep movsq");
SNIPPET(movsw32, "addr32 rep movsw");
SNIPPET(stosb, "rep stosb");
SNIPPET(stosq, "rep stosq");
SNIPPET(lodsb, "rep lodsb");
SNIPPET(scasb, "repne scasb");
SNIPPET(scasw_equal, "repe scasw");
SNIPPET(cmpsb, "repe cmpsb");
SNIPPET(cmpsq, "repne cmpsq");
SNIPPET(insb, "rep insb");
SNIPPET(outsb, "rep outsb");
SNIPPET(movs_once, "movsb");
SNIPPET(stos_once, "stosl");

/* -- Page faults ----------------------------------------------------------- */

static uint64_t sum(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < 2 * 4096; i++) {
        sum = sum * 31 + pool(2)[i];
    }
    return sum;
}

/* Source at page 0 with page 1 behind it, destination at 2 with 3 behind. */
static void cut(const char *name, const char *snippet, unsigned source,
                unsigned destination, uint64_t count, unsigned cs)
{
    for (unsigned i = 0; i < 2 * 4096; i++) {
        pool(0)[i] = (uint8_t)(i * 7 + i / 256);
        pool(2)[i] = 0;
    }
    for (unsigned bad = 0; bad < 4; bad++) {
        uint64_t *entry = page_entry(pool(bad)), old = *entry;

        *entry = bad & 1 ? 0 : old & ~P_W;
        invlpg(pool(bad));
        prepare(&c, snippet, cs);
        c.r[RSI] = (uint64_t)pool(0) + source;
        c.r[RDI] = (uint64_t)pool(2) + destination;
        c.r[RCX] = count;
        c.r[RAX] = 0x5a5a5a5a5a5a5a5a;
        print("%s, page %u bad", name, (uint64_t)bad);
        show("", &c, snippet);
        *entry = old;
        invlpg(pool(bad));
        if (c.vector == 14) { /* and on from there */
            print("  then");
            show("", &c, snippet);
        }
        print("  sum %x\n", sum());
    }
}

static void faults(void)
{
    cut("movsb", movsb, 4090, 4080, 40, KERNEL_CS);
    cut("movsl", movsl, 4090, 4086, 20, KERNEL_CS);
    cut("user movsq", movsq, 4080, 4090, 20, USER_CS);
    cut("movsq down", movsq_down, 4100, 4110, 20, KERNEL_CS);
    cut("movsw", movsw32, 4089, 4081, 40, KERNEL_CS);
    cut("stosb", stosb, 0, 4090, 40, KERNEL_CS);
    cut("user stosq", stosq, 0, 4090, 12, USER_CS);
    cut("lodsb", lodsb, 4090, 0, 20, KERNEL_CS);
    cut("scasb", scasb, 0, 4090, 20, KERNEL_CS);
    cut("scasw", scasw_equal, 0, 4090, 20, KERNEL_CS);
    cut("cmpsb", cmpsb, 4090, 4080, 20, KERNEL_CS);
    cut("cmpsq", cmpsq, 4090, 4080, 20, KERNEL_CS);
    cut("movsb once", movs_once, 4096, 4096, 1, KERNEL_CS);
    cut("stosl once", stos_once, 0, 4094, 1, KERNEL_CS);
    cut("movsb none", movsb, 4096, 4096, 0, KERNEL_CS);
}

/* -- Overlaps -------------------------------------------------------------- */

/* What is read was written a moment before, over the edges of pages. */
static void overlap(const char *name, const char *snippet, unsigned size)
{
    static const int distances[] = {-9, -1, 1, 3, 8, 9};

    for (unsigned k = 0; k < sizeof(distances) / sizeof(distances[0]); k++) {
        int distance = distances[k];

        for (unsigned i = 0; i < 4 * 4096; i++) {
            pool(1)[i] = (uint8_t)(i * 7 + i / 256);
        }
        prepare(&c, snippet, KERNEL_CS);
        c.r[RSI] = (uint64_t)pool(1) + 16;
        c.r[RDI] = (uint64_t)pool(1) + 16 + (uint64_t)distance;
        c.r[RCX] = 3 * 4096 / size;
        c.r[RAX] = 0x0123456789abcdef;
        enter(&c);
        print("%s by %x: left %u, moved %u, sum %x\n", name, (uint64_t)distance,
              c.r[RCX], c.r[RDI] - (uint64_t)pool(1), sum());
    }
}

/* One frame at two addresses: only the bytes overlap. */
static void aliases(void)
{
    uint64_t *entry = page_entry(pool(5)), old = *entry;

    for (unsigned i = 0; i < 2 * 4096; i++) {
        pool(2)[i] = (uint8_t)(i * 11 + i / 256);
    }
    *entry = *page_entry(pool(2));
    invlpg(pool(5));
    prepare(&c, movsb, KERNEL_CS);
    c.r[RSI] = (uint64_t)pool(2) + 10;
    c.r[RDI] = (uint64_t)pool(5) + 13;
    c.r[RCX] = 4000;
    enter(&c);
    print("aliases: left %u, sum %x\n", c.r[RCX], sum());
    *entry = old;
    invlpg(pool(5));
}

static void overlaps(void)
{
    overlap("movsb", movsb, 1);
    overlap("movsl", movsl, 4);
    overlap("movsq", movsq, 8);
    overlap("stosb", stosb, 1);
    overlap("stosq", stosq, 8);
    aliases();
}

/* -- Ports ----------------------------------------------------------------- */

static const char text[] = "  printed by outsb\n";

static void ports(void)
{
    uint64_t *entry = page_entry(pool(1));

    prepare(&c, outsb, KERNEL_CS);
    c.r[RDX] = 0x3f8;
    c.r[RSI] = (uint64_t)text;
    c.r[RCX] = sizeof(text) - 1;
    enter(&c);
    print("outsb: left %u moved %u\n", c.r[RCX], c.r[RSI] - (uint64_t)text);

    /* The text lies over the edge of a page that is not there. */
    memcpy(pool(1) - 10, text, sizeof(text));
    *entry = 0;
    invlpg(pool(1));
    prepare(&c, outsb, KERNEL_CS);
    c.r[RDX] = 0x3f8;
    c.r[RSI] = (uint64_t)pool(1) - 10;
    c.r[RCX] = sizeof(text) - 1;
    show("\noutsb cut", &c, outsb);
    *entry = (uint64_t)pool(1) | 7;
    invlpg(pool(1));
    show("and on", &c, outsb);

    /* Base memory in the CMOS: one byte again and again. */
    out8(0x70, 0x15);
    memset(pool(0), 0, 16);
    prepare(&c, insb, KERNEL_CS);
    c.r[RDX] = 0x71;
    c.r[RDI] = (uint64_t)pool(0);
    c.r[RCX] = 8;
    show("insb", &c, insb);
    print("read %x\n", *(uint64_t *)pool(0));

    /* The fault of the store comes before the port is read. */
    *entry = 0;
    invlpg(pool(1));
    prepare(&c, insb, KERNEL_CS);
    c.r[RDX] = 0x71;
    c.r[RDI] = (uint64_t)pool(1) - 3;
    c.r[RCX] = 8;
    show("insb cut", &c, insb);
    *entry = (uint64_t)pool(1) | 7;
    invlpg(pool(1));
    /* Without the right to the port. */
    prepare(&c, insb, USER_CS);
    c.r[RCX] = 8;
    show("user insb", &c, insb);
    prepare(&c, insb, USER_CS);
    c.r[RCX] = 0;
    show("user insb, none", &c, insb);
}

/* -- The timer ------------------------------------------------------------- */

/* Where it cuts differs from machine to machine; that the registers fit each
 * other and the memory does not. */
static void timer(void)
{
    unsigned cuts = 0, wrong = 0;

    timer_init();
    for (unsigned round = 0; round < 50; round++) {
        uint64_t total = 3 * 4096 * 8ul, at;

        for (unsigned i = 0; i < total / 8; i++) {
            ((uint64_t *)pool(300))[i] = i * 0x9e3779b97f4a7c15ul + round;
        }
        memset(pool(400), 0, total);
        prepare(&c, movsb, KERNEL_CS);
        c.rflags |= 0x200;
        c.r[RSI] = (uint64_t)pool(300);
        c.r[RDI] = (uint64_t)pool(400);
        c.r[RCX] = total;
        while (c.vector != DONE_VECTOR) {
            timer_start(1 + round);
            enter(&c);
            at = c.r[RSI] - (uint64_t)pool(300);
            wrong += c.r[RDI] - (uint64_t)pool(400) != at;
            wrong += at + c.r[RCX] != total;
            wrong += at && pool(400)[at - 1] != pool(300)[at - 1];
            wrong += at < total && c.rip != (uint64_t)movsb &&
                     c.vector != DONE_VECTOR;
            if (c.vector == 0x20) {
                timer_done();
                cuts += at && at < total;
            }
        }
        for (unsigned i = 0; i < total; i++) {
            wrong += pool(300)[i] != pool(400)[i];
        }
        /* The timer may still be on its way. */
        timer_start(0xffff);
        asm volatile("nop");
        out8(0x20, 0x0a);
        if (in8(0x20) & 1) {
            c.rip = (uint64_t)movsb_end;
            c.rip = (uint64_t)movsb;
            c.r[RCX] = 0;
            enter(&c);
            if (c.vector == 0x20) {
                timer_done();
            }
        }
    }
    check(wrong == 0, "registers fit at every cut");
    print("cut by the timer: %s\n", cuts ? "yes" : "never");
}

int main(void)
{
    faults();
    overlaps();
    ports();
    timer();
    return 0;
}
