/*
 * Breakpoints of the debug registers on code, data and ports, the resume flag,
 * and that NMIs are let in again by IRET.
 */
#include "bare.h"

enum { EXECUTE, WRITE, PORT, ACCESS };
#define RF 0x10000

static struct context c;
static uint8_t data[128] __attribute__((aligned(64)));
static uint64_t dr7;

static void set(unsigned number, const void *at, unsigned kind, unsigned bytes)
{
    static void (*const writes[])(uint64_t) = {write_dr0, write_dr1, write_dr2,
                                               write_dr3};
    unsigned length = bytes == 8 ? 2 : bytes - 1;

    writes[number]((uint64_t)at);
    dr7 |= 1ull << 2 * number | (uint64_t)kind << (16 + 4 * number) |
           (uint64_t)length << (18 + 4 * number);
}

static void none(void)
{
    dr7 = 0x400;
}

/* Runs with the breakpoints; what they say is in DR6. */
static void run(const char *name, const char *snippet)
{
    write_dr6(0);
    write_dr7(dr7);
    show(name, &c, snippet);
    write_dr7(0x400);
    print("  dr6 %x RF %u\n", read_dr6(), c.rflags >> 16 & 1);
}

static void start(const char *snippet, unsigned cs)
{
    prepare(&c, snippet, cs);
    c.r[RBX] = c.r[RSI] = (uint64_t)data;
    c.r[RDI] = (uint64_t)data + 8;
}

static void once(const char *name, const char *snippet, unsigned cs)
{
    start(snippet, cs);
    run(name, snippet);
}

/* -- Code ------------------------------------------------------------------ */

SNIPPET(code, "nop\n nop\n inc %eax\n nop\n inc %eax\n nop");
SNIPPET(repeated, "mov $3, %ecx\n rep stosb\n inc %eax");
SNIPPET(repeated_none, "xor %ecx, %ecx\n rep stosb\n inc %eax");
SNIPPET(absent, "mov 0x40000000, %eax\n nop");
SNIPPET(undefined, "nop\n ud2");
SNIPPET(loop, "mov $3, %ecx\n 1: inc %eax\n loop 1b");
SNIPPET(flag, "pushf\n orl $0x10000, (%rsp)\n popf\n nop\n nop");

static void resume(const char *name, const char *snippet, bool with)
{
    c.rflags = (c.rflags & ~(uint64_t)RF) | (with ? RF : 0);
    run(name, snippet);
}

static void on_code(void)
{
    print("-- code\n");
    none();
    set(0, code + 2, EXECUTE, 1);
    once("in the midst", code, KERNEL_CS);
    resume("again", code, false);
    resume("with RF", code, true);
    once("user", code, USER_CS);
    set(3, code + 5, EXECUTE, 1);
    resume("to the next one", code, true);
    set(2, code + 2, EXECUTE, 1);
    once("two at once", code, KERNEL_CS);
    dr7 = 0x400 | 2; /* G0 alone */
    once("global", code, KERNEL_CS);
    dr7 = 0x400;
    once("off", code, KERNEL_CS);
    set(0, code + 3, EXECUTE, 1);
    once("within an instruction", code, KERNEL_CS);
    none();
    set(1, repeated + 5, EXECUTE, 1);
    once("rep", repeated, KERNEL_CS);
    resume("rep, resumed", repeated, true);
    none();
    set(1, repeated_none + 2, EXECUTE, 1);
    once("rep none", repeated_none, KERNEL_CS);
    resume("rep none, resumed", repeated_none, true);
    none();
    set(1, absent, EXECUTE, 1);
    once("before a page fault", absent, KERNEL_CS);
    resume("the page fault", absent, true);
    none();
    set(1, undefined + 1, EXECUTE, 1);
    once("before #UD", undefined, KERNEL_CS);
    resume("the #UD", undefined, true);
    none();
    set(0, loop + 5, EXECUTE, 1);
    once("loop", loop, KERNEL_CS);
    for (unsigned i = 0; i < 3; i++) {
        resume("around", loop, true);
    }
    none();
    set(0, flag + 9, EXECUTE, 1);
    once("popf sets no RF", flag, KERNEL_CS);
    none();
    set(0, code + 2, EXECUTE, 1);
    start(code, KERNEL_CS);
    c.rflags |= 0x100;
    run("with TF", code);
    resume("with TF, next", code, false);
    resume("with TF and RF", code, true);
}

/* The breakpoint comes before what stops the fetch. */
static void at_fetch(const char *name, const void *at, unsigned cs)
{
    none();
    set(0, at, EXECUTE, 1);
    print("%s:\n", name);
    once("with the breakpoint", at, cs);
    resume("with RF", at, true);
    none();
    set(0, (const char *)at + 1, EXECUTE, 1);
    resume("one on the next byte", at, false);
}

static void on_absent_code(void)
{
    static const uint8_t move[2] = {0xb8, 0x11}; /* its first bytes */
    uint8_t *last = pool(1) - sizeof(move);
    uint64_t entry = *page_entry(pool(1));

    print("-- code that cannot be fetched\n");
    last[0] = move[0];
    last[1] = move[1];
    *page_entry(pool(1)) = 0;
    invlpg(pool(1));
    at_fetch("absent", pool(1), KERNEL_CS);
    at_fetch("its second page absent", last, KERNEL_CS);
    *page_entry(pool(1)) = entry & ~P_U;
    invlpg(pool(1));
    at_fetch("the kernel's", pool(1), USER_CS);
    *page_entry(pool(1)) = entry;
    invlpg(pool(1));
}

/* -- Data ------------------------------------------------------------------ */

SNIPPET(store1, "mov %al, 8(%rbx)\n nop");
SNIPPET(store4, "mov %eax, 8(%rbx)\n nop");
SNIPPET(store8, "mov %rax, 8(%rbx)\n nop");
SNIPPET(load4, "mov 8(%rbx), %eax\n nop");
SNIPPET(add, "add %eax, 8(%rbx)\n nop");
SNIPPET(compare, "cmp %eax, 8(%rbx)\n nop");
SNIPPET(exchange, "xchg %eax, 8(%rbx)\n nop");
SNIPPET(copy, "movsl\n nop");
SNIPPET(fill, "mov $24, %ecx\n rep stosb\n nop");
SNIPPET(vector, "movups %xmm0, (%rbx)\n nop");
SNIPPET(vector_load, "movups (%rbx), %xmm0\n nop");
SNIPPET(fp, "fninit\n fld1\n fstpl 8(%rbx)\n nop");
SNIPPET(state, "fxsave (%rsp)\n nop");
SNIPPET(push_pop, "mov %rbx, %rsp\n add $16, %rsp\n push %rax\n nop");
SNIPPET(call, "mov %rbx, %rsp\n add $16, %rsp\n call 1f\n nop\n 1: nop");
SNIPPET(return_, "mov %rbx, %rsp\n add $16, %rsp\n lea 1f(%rip), %rax\n"
                 "mov %rax, (%rsp)\n ret\n nop\n 1: nop");
SNIPPET(two, "mov %eax, 8(%rbx)\n mov %eax, 16(%rbx)\n nop");
SNIPPET(faults_after, "mov $0x40000000, %edi\n movsl\n nop");
SNIPPET(stepped, "mov %eax, 8(%rbx)\n nop\n nop");
SNIPPET(far_return, "mov %rbx, %rsp\n push $8\n lea 1f(%rip), %rax\n"
                    "push %rax\n lretq\n nop\n 1: nop");
SNIPPET(segment, "mov %ds, 8(%rbx)\n nop");
SNIPPET(jump, "mov %rcx, 8(%rbx)\n lea 1f(%rip), %rcx\n mov %rcx, 16(%rbx)\n"
              "jmp *16(%rbx)\n nop\n 1: nop");

static void kinds(const char *name, const char *snippet)
{
    print("%s, ", name);
    none();
    set(0, data + 8, WRITE, 1);
    once("write", snippet, KERNEL_CS);
    print("%s, ", name);
    none();
    set(1, data + 8, ACCESS, 1);
    once("access", snippet, USER_CS);
}

static void edges(void)
{
    static const unsigned sizes[] = {1, 2, 4, 8};

    for (unsigned i = 0; i < 4; i++) {
        print("%u bytes, from 8 before to 8 behind: ", (uint64_t)sizes[i]);
        for (int by = -8; by <= 8; by++) {
            none();
            set(0, data + 8 + by, WRITE, sizes[i]);
            start(store4, KERNEL_CS);
            write_dr7(dr7);
            enter(&c);
            write_dr7(0x400);
            print("%c", (uint64_t)(c.vector == 1 ? 'x' : '-'));
        }
        print("\n");
    }
}

static void on_data(void)
{
    static const struct {
        const char *name, *code;
    } all[] = {{"store 1", store1},
               {"store 4", store4},
               {"store 8", store8},
               {"load", load4},
               {"add", add},
               {"cmp", compare},
               {"xchg", exchange},
               {"movs", copy},
               {"rep stos", fill},
               {"movups", vector},
               {"load xmm", vector_load},
               {"fst", fp},
               {"push", push_pop},
               {"call", call},
               {"mov ds", segment}};

    print("-- data\n");
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        kinds(all[i].name, all[i].code);
    }
    edges();
    none();
    set(0, data + 16, ACCESS, 8);
    once("ret", return_, KERNEL_CS);
    once("jmp", jump, KERNEL_CS);
    set(3, data + 8, WRITE, 4);
    once("two", two, KERNEL_CS);
    run("two, resumed", two);
    none();
    set(0, data, ACCESS, 4);
    once("read, then a fault", faults_after, KERNEL_CS);
    none();
    set(0, data - 16, ACCESS, 8);
    once("far return", far_return, KERNEL_CS);
    none();
    set(0, data + 8, WRITE, 4);
    set(1, store4, EXECUTE, 1);
    once("code and data", store4, KERNEL_CS);
    resume("code and data, resumed", store4, true);
    none();
    set(0, data + 8, WRITE, 4);
    start(stepped, KERNEL_CS);
    c.rflags |= 0x100;
    run("stepped", stepped);
    run("stepped, next", stepped);
    none();
    set(0, stack_top - 992, WRITE, 8);
    start(state, KERNEL_CS);
    c.r[RSP] = (uint64_t)stack_top - 1024;
    run("fxsave", state);
}

/* -- Ports ----------------------------------------------------------------- */

SNIPPET(in1, "in $0x80, %al\n nop");
SNIPPET(out1, "out %al, $0x80\n nop");
SNIPPET(out4, "out %eax, $0x7e\n nop");
SNIPPET(outs, "mov $0x80, %edx\n outsb\n nop");

static void on_ports(void)
{
    uint64_t cr4 = read_cr4();

    print("-- ports\n");
    none();
    set(0, (void *)0x80, PORT, 1);
    for (unsigned i = 0; i < 2; i++) {
        write_cr4(i ? cr4 | 8 : cr4); /* DE */
        print("DE %u, ", (uint64_t)i);
        once("in", in1, KERNEL_CS);
        once("out", out1, KERNEL_CS);
        once("out 4", out4, KERNEL_CS);
        once("outs", outs, KERNEL_CS);
    }
    write_cr4(cr4);
}

/* -- The frame's RF, and deliveries that hit ------------------------------- */

SNIPPET(divide, "xor %ecx, %ecx\n div %ecx");
SNIPPET(software, "int $0x60");
SNIPPET(int3_, "int3");

static void frames(void)
{
    print("-- frames\n");
    none();
    once("#DE", divide, KERNEL_CS);
    once("#UD", undefined, USER_CS);
    once("#PF", absent, USER_CS);
    once("int", software, USER_CS);
    once("int3", int3_, USER_CS);
    if (on_qemu()) { /* which dies of it */
        return;
    }
    set(2, stack_top - 8, WRITE, 8); /* SS of the frame */
    start(software, KERNEL_CS);
    write_dr6(0);
    write_dr7(dr7);
    enter(&c);
    write_dr7(0x400);
    print("a frame that hits: vector %u dr6 %x, in the handler's first "
          "instruction: %u\n",
          c.vector, read_dr6(), (uint64_t)(c.rip - (uint64_t)stubs < 4096));
}

/* -- NMI ------------------------------------------------------------------- */

#define ICR_LOW ((volatile uint32_t *)0xfee00300)
#define ICR_HIGH ((volatile uint32_t *)0xfee00310)

SNIPPET(nmi, "mov $0xfee00300, %eax\n movl $0x4400, (%rax)\n nop\n nop");
SNIPPET(nothing, "nop");

static void nmis(void)
{
    print("-- NMI\n");
    *ICR_HIGH = 0;
    prepare(&c, nmi, KERNEL_CS);
    enter(&c);
    print("first: vector %u\n", c.vector);
    *ICR_LOW = 0x4400;            /* blocked: no handler has returned */
    prepare(&c, nothing, 0x1238); /* no such selector */
    enter(&c);
    print("in an IRET that faults: vector %u, of #GP's handler: %u\n", c.vector,
          (uint64_t)(c.rip == (uint64_t)stubs + 13 * 16));
    prepare(&c, nothing, KERNEL_CS);
    enter(&c);
    print("then: vector %u\n", c.vector);
}

int main(void)
{
    set_gate(0x60, 3, 0);
    on_code();
    on_absent_code();
    on_data();
    on_ports();
    frames();
    nmis();
    return 0;
}
