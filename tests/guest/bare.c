/* The common part of the bare-metal programs; see bare.h. */
#include "bare.h"

#include <stdarg.h>

struct gate idt[256];
struct tss tss;
static bool failed;

/* -- Printing -------------------------------------------------------------- */

static void put(char c)
{
    while (!(in8(0x3fd) & 0x20)) {
    }
    out8(0x3f8, (uint8_t)c);
}

static void put_number(uint64_t value, unsigned base)
{
    char digits[24];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (n) {
        put(digits[--n]);
    }
}

static void put_text(const char *text)
{
    while (*text) {
        put(*text++);
    }
}

void print(const char *format, ...)
{
    va_list list;
    int64_t value;

    va_start(list, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        switch (*++format) {
        case 'c':
            put((char)va_arg(list, uint64_t));
            break;
        case 's':
            put_text(va_arg(list, const char *));
            break;
        case 'x':
            put_number(va_arg(list, uint64_t), 16);
            break;
        case 'u':
            put_number(va_arg(list, uint64_t), 10);
            break;
        case 'd':
            value = va_arg(list, int64_t);
            if (value < 0) {
                put('-');
                value = -value;
            }
            put_number((uint64_t)value, 10);
            break;
        default:
            put(*format);
        }
    }
    va_end(list);
}

bool on_qemu(void)
{
    uint32_t a, b, c, d;

    asm volatile("cpuid"
                 : "=a"(a), "=b"(b), "=c"(c), "=d"(d)
                 : "a"(0x40000000));
    return b == 0x54474354; /* "TCGT" */
}

#define P(...) print(__VA_ARGS__)
#define U(x) ((uint64_t)(x))

_Noreturn void finish(bool good)
{
    P("%s\n", good && !failed ? "end" : "FAILED");
    out8(0x501, good && !failed ? 0 : 1); /* status 1 or 3 */
    for (;;) {
        asm volatile("cli; hlt");
    }
}

void check(bool condition, const char *what)
{
    if (!condition) {
        P("not so: %s\n", what);
        failed = true;
    }
}

_Noreturn void guest_unexpected(const uint64_t *frame)
{
    P("unexpected: vector %u error %x rip %x cs %x rflags %x rsp %x cr2 %x\n",
      frame[0], frame[1], frame[2], frame[3], frame[4], frame[5], read_cr2());
    finish(false);
}

/* -- Running --------------------------------------------------------------- */

void prepare(struct context *c, const char *snippet, unsigned cs)
{
    bool user = (cs & 3) == 3;

    for (unsigned i = 0; i < 16; i++) {
        c->r[i] = 0x1111 * i;
    }
    c->rip = (uint64_t)snippet;
    c->cs = cs;
    c->rflags = 2;
    c->r[RSP] = (uint64_t)(user ? user_stack_top : stack_top);
    c->ss = user ? USER_DS : KERNEL_DS;
    c->ds = c->es = USER_DS;
    c->fs = c->gs = 0;
    c->vector = c->error = 0;
    c->cr2 = read_cr2();
}

static void show_end(const struct context *c, const struct context *before,
                     const char *snippet)
{
    static const char *const names[] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    uint64_t offset = c->rip - (uint64_t)snippet;

    if (c->vector == DONE_VECTOR) {
        P(" done");
    } else {
        P(" vector %u error %x", c->vector, c->error);
    }
    if (offset < 0x10000) {
        P(" at +%u", offset);
    } else {
        P(" at %x", c->rip);
    }
    P(" flags %x", c->rflags & ~0x10000ull); /* RF: breakpoints.c */
    if (c->cs != before->cs || c->ss != before->ss) {
        P(" cs %x ss %x", c->cs, c->ss);
    }
    if (c->ds != before->ds || c->es != before->es || c->fs != before->fs ||
        c->gs != before->gs) {
        P(" ds %x es %x fs %x gs %x", U(c->ds), U(c->es), U(c->fs), U(c->gs));
    }
    if (c->vector == 14) {
        P(" cr2 %x", c->cr2);
    }
    for (unsigned i = 0; i < 16; i++) {
        if (c->r[i] != before->r[i]) {
            P(" %s %x", names[i], c->r[i]);
        }
    }
    P("\n");
}

void show(const char *name, struct context *c, const char *snippet)
{
    struct context before = *c;

    P("%s:", name);
    enter(c);
    show_end(c, &before, snippet);
}

void try(const char *name, const char *snippet, unsigned cs)
{
    struct context c;

    prepare(&c, snippet, cs);
    show(name, &c, snippet);
}

void steps(const char *name, struct context *c, const char *snippet,
           unsigned most)
{
    struct context before = *c;

    c->rflags |= 0x100;
    for (unsigned i = 0; i < most; i++) {
        write_dr6(0);
        enter(c);
        P("%s %u:", name, U(i));
        show_end(c, &before, snippet);
        P("  dr6 %x\n", read_dr6());
        if (c->vector != 1) {
            return;
        }
        before = *c;
    }
}

/* -- Tables ---------------------------------------------------------------- */

void set_gate(unsigned vector, unsigned dpl, unsigned ist)
{
    uint64_t at = (uint64_t)stubs + 16 * vector;

    idt[vector] = (struct gate){(uint16_t)at,
                                KERNEL_CS,
                                (uint8_t)ist,
                                (uint8_t)(0x8e | dpl << 5),
                                (uint16_t)(at >> 16),
                                (uint32_t)(at >> 32),
                                0};
}

void load_idt(uint16_t limit)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) table = {limit, (uint64_t)idt};

    asm volatile("lidt %0" : : "m"(table));
}

void set_segment(unsigned selector, uint32_t base, uint32_t limit,
                 unsigned access)
{
    gdt[selector / 8] = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
                        (uint64_t)(access & 0xff) << 40 |
                        (uint64_t)(limit >> 16 & 15) << 48 |
                        (uint64_t)(access >> 8 & 15) << 52 |
                        (uint64_t)(base >> 24) << 56;
}

static void init_tss(void)
{
    uint64_t at = (uint64_t)&tss;

    tss.rsp[0] = (uint64_t)kernel_stack_top - 8192;
    tss.ist[1] = (uint64_t)kernel_stack_top - 16384;
    tss.ist[2] = (uint64_t)kernel_stack_top - 20480;
    tss.io_map = sizeof(tss);
    set_segment(TSS_SELECTOR, (uint32_t)at, sizeof(tss) - 1, 0x89);
    gdt[TSS_SELECTOR / 8 + 1] = at >> 32;
    asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

/* -- The timer ------------------------------------------------------------- */

void timer_init(void)
{
    static const uint8_t words[][2] = {
        {0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28}, {0x21, 4},
        {0xa1, 2},    {0x21, 1},    {0xa1, 1},    {0x21, 0xfe}, {0xa1, 0xff}};

    for (unsigned i = 0; i < sizeof(words) / 2; i++) {
        out8(words[i][0], words[i][1]);
    }
}

void timer_start(unsigned ticks)
{
    out8(0x43, 0x30);
    out8(0x40, (uint8_t)ticks);
    out8(0x40, (uint8_t)(ticks >> 8));
}

void timer_done(void)
{
    out8(0x20, 0x20);
}

/* -- Start ----------------------------------------------------------------- */

void guest_start(void)
{
    for (unsigned i = 0; i < 256; i++) {
        set_gate(i, i >= DONE_VECTOR && i < 0x80 ? 3 : 0, i == 8);
    }
    set_gate(3, 3, 0);
    set_gate(4, 3, 0);
    load_idt(sizeof(idt) - 1);
    init_tss();
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    main();
    finish(true);
}

void *memset(void *to, int value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((volatile char *)to)[i] = (char)value;
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((volatile char *)to)[i] = ((const char *)from)[i];
    }
    return to;
}
