/*
 * A guest whose events are known. Each part begins with a hypercall that
 * names it (RAX MARK, RBX its number, RCX an argument); tests/callbacks.py
 * knows what must come between one and the next.
 */
#include "bare.h"

#define MARK 0x4d41524b
#define APIC 0xfee00000ul
#define HOLE 0xd0000000ul

enum { DEVICE = 1, NOBODY, EXCEPTIONS, TIMER, SPACES, ACCESSES, SERIAL, END };

static struct context c;

static void mark(uint64_t part, uint64_t argument)
{
    uint64_t a = MARK, b = part, c = argument, d = 0;

    asm volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
    if (d) { /* somebody answers */
        print("part %u answer %x %x %x\n", part, a, b, c);
    }
}

/* The APIC's page seen at another virtual address. */
static volatile uint8_t *apic(void)
{
    *page_entry(pool(3)) = APIC | P_P | P_W;
    invlpg(pool(3));
    return pool(3);
}

SNIPPET(undefined, "ud2");
SNIPPET(divide, "xor %ecx, %ecx\n div %ecx");
SNIPPET(page_fault, "mov 0x70000000, %eax");
SNIPPET(software, "int $0x71");
SNIPPET(guarded, "int $0x20"); /* by a gate that is not for users */
SNIPPET(harmless, "nop");
SNIPPET(wait_idle, "sti\n hlt");
SNIPPET(hidden, "ud2\n inc %eax"); /* a plugin may take the fault away */

static void go(const char *name, const char *snippet, unsigned cs)
{
    mark(EXCEPTIONS, (uint64_t)snippet);
    try(name, snippet, cs);
}

static void accesses(void)
{
    volatile uint64_t *wide = (volatile uint64_t *)(pool(5) + 8);
    volatile uint32_t *half = (volatile uint32_t *)(pool(5) + 16);
    volatile uint8_t *edge = pool(6) - 3; /* crosses a page */
    uint64_t x;

    *page_entry(pool(6)) = (uint64_t)pool(9) | P_P | P_W;
    invlpg(pool(6));
    mark(ACCESSES, (uint64_t)wide);
    asm volatile("movq $0x1234567, (%1)\n"
                 "movl $0x89abcdef, (%2)\n"
                 "mov (%1), %0\n"
                 "movl $0x55667788, (%3)\n"
                 "movups (%1), %%xmm0\n"
                 "movups %%xmm0, 16(%1)\n"
                 "addb $1, (%1)\n"
                 : "=&r"(x)
                 : "r"(wide), "r"(half), "r"(edge)
                 : "memory");
    mark(0, 0);
    print("accesses %x\n", x);
}

int main(void)
{
    volatile uint32_t *id = (volatile uint32_t *)(apic() + 0x20);
    volatile uint32_t *priority = (volatile uint32_t *)(apic() + 0x80);
    volatile uint16_t *hole = (volatile uint16_t *)(HOLE + 0x10);
    volatile uint64_t *hole_wide = (volatile uint64_t *)(HOLE + 0x20);
    uint64_t cr3 = read_cr3(), value;

    write_cr4(read_cr4() | 0x200); /* OSFXSR */
    mark(DEVICE, (uint64_t)id);
    value = *id;
    *priority = 0x20;
    value += *priority;
    *priority = 0;
    mark(0, 0);
    print("device %x\n", value);

    mark(NOBODY, (uint64_t)hole);
    value = *hole;
    *hole_wide = 0x123456789abcdef0;
    mark(0, 0);
    print("nobody %x\n", value);

    go("undefined", undefined, KERNEL_CS);
    go("divide", divide, USER_CS);
    go("page fault", page_fault, USER_CS);
    go("software", software, USER_CS);
    go("guarded", guarded, USER_CS);
    go("hidden", hidden, KERNEL_CS);
    mark(0, 0);

    timer_init();
    prepare(&c, wait_idle, KERNEL_CS);
    timer_start(2000);
    mark(TIMER, (uint64_t)wait_idle);
    show("timer", &c, wait_idle);
    timer_done();
    mark(0, 0);

    mark(SPACES, cr3);
    write_cr3(cr3);
    write_cr3(cr3 | 8); /* PWT: another value, the same tables */
    write_cr3(cr3);
    mark(0, 0);
    print("space %x\n", (uint64_t)(read_cr3() == cr3));

    accesses();

    mark(SERIAL, 0);
    out8(0x3f8, 'x');
    out8(0x3f8, '\n');
    out8(0x3fc, 0x10); /* loop */
    out8(0x3f8, 'y');
    value = in8(0x3f8);
    out8(0x3fc, 0);
    mark(0, 0);
    print("serial %x\n", value);
    for (unsigned i = 0; i < 40; i++) { /* something to count */
        try("again", harmless, i & 1 ? USER_CS : KERNEL_CS);
    }
    mark(END, 0);
    return 0;
}
