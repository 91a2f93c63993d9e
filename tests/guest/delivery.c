/*
 * A fault in each stage of the delivery of an exception, a software interrupt
 * and a hardware interrupt. The double fault has a stack of its own.
 */
#include "bare.h"

SNIPPET(software, "int $0x60");
SNIPPET(undefined, "ud2");
SNIPPET(general, "mov $0x1000, %eax\n mov %eax, %ds");
SNIPPET(page, "mov $0x40000000, %eax\n mov (%rax), %ecx");
SNIPPET(timer, "sti\n 1: inc %ecx\n jmp 1b");
SNIPPET(breakpoint, "int3");

static struct context c;

static void run(const char *name, const char *what, const char *snippet,
                unsigned cs)
{
    print("%s, ", name);
    prepare(&c, snippet, cs);
    if (snippet == timer) {
        c.r[RCX] = 0;
        timer_start(50);
        enter(&c);
        timer_done();
        print("%s: vector %u error %x cs %x rsp %x cr2 %x\n", what, c.vector,
              c.error, c.cs, c.r[RSP], c.vector == 14 ? c.cr2 : 0);
    } else {
        show(what, &c, snippet);
    }
    if (c.vector == 8) { /* it came on the stack of its own */
        print("  double fault on its stack: %s\n",
              c.frame == tss.ist[1] - 40 ? "yes" : "no");
    }
}

/* What is wrong shows in the software interrupt, an exception without and one
 * with an error code, and the timer. */
static void all(const char *name)
{
    run(name, "int", software, KERNEL_CS);
    run(name, "user int", software, USER_CS);
    run(name, "#UD", undefined, KERNEL_CS);
    run(name, "user #UD", undefined, USER_CS);
    run(name, "#GP", general, KERNEL_CS);
    run(name, "#PF", page, KERNEL_CS);
    run(name, "user #PF", page, USER_CS);
    run(name, "timer", timer, KERNEL_CS);
}

static const unsigned char vectors[] = {0x60, 6, 14, 0x20};

static void gates_ok(void)
{
    for (unsigned i = 0; i < sizeof(vectors); i++) {
        set_gate(vectors[i], vectors[i] == 0x60 ? 3 : 0, 0);
    }
}

static void gates_with(const char *name, unsigned selector, unsigned type)
{
    for (unsigned i = 0; i < sizeof(vectors); i++) {
        idt[vectors[i]].selector = (uint16_t)selector;
        if (type != 0xff) {
            idt[vectors[i]].type = (uint8_t)(type | 0x60);
        }
    }
    all(name);
    gates_ok();
}

static void gates(void)
{
    gates_ok();
    all("good");
    gates_with("not present", KERNEL_CS, 0x0e);
    gates_with("trap gate", KERNEL_CS, 0x8f);
    gates_with("task gate", KERNEL_CS, 0x85);
    gates_with("16-bit gate", KERNEL_CS, 0x86);
    gates_with("call gate", KERNEL_CS, 0x8c);
    gates_with("type 0", KERNEL_CS, 0x80);
    gates_with("absent, bad type", KERNEL_CS, 0x0c);
    gates_with("null selector", 0, 0x8e);
    gates_with("beyond the GDT", 0x1000, 0x8e);
    gates_with("LDT selector", 0x0c, 0x8e);
    gates_with("data segment", KERNEL_DS, 0x8e);
    gates_with("32-bit code", KERNEL_CS32, 0x8e);
    gates_with("user code", USER_CS, 0x8e);
    gates_with("TSS", TSS_SELECTOR, 0x8e);
    set_segment(FREE_SELECTOR, 0, 0xfffff, 0xa1b);
    gates_with("absent code", FREE_SELECTOR, 0x8e);
    set_segment(FREE_SELECTOR, 0, 0xfffff, 0xa9a);
    gates_with("not accessed yet", FREE_SELECTOR, 0x8e);
    print("accessed bit of the code: %u\n", gdt[FREE_SELECTOR / 8] >> 40 & 1);
    set_segment(FREE_SELECTOR, 0, 0xfffff, 0xa9f);
    gates_with("conforming code", FREE_SELECTOR, 0x8e);
}

static void limits(void)
{
    load_idt(0x60 * 16 - 1);
    run("IDT ends before", "int", software, KERNEL_CS);
    run("IDT ends before", "user int", software, USER_CS);
    load_idt(0x60 * 16 + 14);
    run("IDT ends within", "int", software, KERNEL_CS);
    load_idt(14 * 16 - 1);
    /* #GP is delivered; #PF and the timer are not. The return is by #GP. */
    run("IDT ends before", "#PF", page, KERNEL_CS);
    run("IDT ends before", "timer", timer, KERNEL_CS);
    load_idt(4095);
    set_gate(0x60, 0, 0);
    run("DPL 0", "int", software, KERNEL_CS);
    run("DPL 0", "user int", software, USER_CS);
    set_gate(3, 0, 0);
    run("DPL 0", "user int3", breakpoint, USER_CS);
    set_gate(3, 3, 0);
    gates_ok();
}

/* -- Stacks ---------------------------------------------------------------- */

static void stack(const char *name, uint64_t value)
{
    uint64_t old = tss.rsp[0];

    /* The #DF and #PF handlers would use it, too, from user code. */
    tss.rsp[0] = value;
    run(name, "user int", software, USER_CS);
    run(name, "user #UD", undefined, USER_CS);
    run(name, "user #PF", page, USER_CS);
    tss.rsp[0] = old;
}

static void ist(const char *name, uint64_t value)
{
    tss.ist[3] = value;
    for (unsigned i = 0; i < sizeof(vectors); i++) {
        idt[vectors[i]].ist = 3;
    }
    run(name, "int", software, KERNEL_CS);
    run(name, "user int", software, USER_CS);
    run(name, "#PF", page, KERNEL_CS);
    run(name, "timer", timer, KERNEL_CS);
    gates_ok();
}

static void frame(const char *name)
{
    prepare(&c, software, KERNEL_CS);
    c.r[RSP] -= 5; /* the processor aligns it */
    enter(&c);
    print("%s: frame at %x of %x ss %x\n", name, c.frame, c.r[RSP],
          (uint64_t)c.handler_ss & 0xffff);
    prepare(&c, software, USER_CS);
    enter(&c);
    print("%s, user: frame %x below, ss %x then %x\n", name,
          tss.rsp[0] - c.frame, c.ss, (uint64_t)c.handler_ss & 0xffff);
}

static void own_stack(const char *name, uint64_t value)
{
    prepare(&c, software, KERNEL_CS);
    c.r[RSP] = value;
    print("%s, ", name);
    show("int", &c, software);
    prepare(&c, page, KERNEL_CS);
    c.r[RSP] = value;
    print("%s, ", name);
    show("#PF", &c, page);
}

static void stacks(void)
{
    /* A page that is not there, and only the lower part of a frame. */
    *page_entry(pool(1)) = 0;
    flush();
    frame("frame");
    stack("rsp0 absent", (uint64_t)pool(1) + 0x800);
    stack("rsp0 half absent", (uint64_t)pool(2) + 16);
    stack("rsp0 not canonical", 0x900000000000ull);
    stack("rsp0 unaligned", (uint64_t)pool(4) + 0x80b);
    ist("ist good", (uint64_t)pool(4) + 0x800);
    ist("ist absent", (uint64_t)pool(1) + 0x800);
    ist("ist half absent", (uint64_t)pool(2) + 16);
    ist("ist not canonical", 0x900000000000ull);
    own_stack("own stack absent", (uint64_t)pool(1) + 0x800);
    own_stack("own stack not canonical", 0x900000000000ull);
    /* A stack that may only be read. */
    *page_entry(pool(1)) = (uint64_t)pool(1) | P_P | P_U;
    flush();
    ist("ist read-only", (uint64_t)pool(1) + 0x800);
    *page_entry(pool(1)) = (uint64_t)pool(1) | P_P | P_W | P_U;
    flush();
}

/* -- Tables that are not there --------------------------------------------- */

static void absent(const char *name, void *table)
{
    uint64_t *entry = page_entry(table), old = *entry;

    *entry = 0;
    invlpg(table);
    run(name, "#UD", undefined, KERNEL_CS);
    run(name, "user #UD", undefined, USER_CS);
    run(name, "#PF", page, KERNEL_CS);
    run(name, "user #PF", page, USER_CS);
    run(name, "int", software, KERNEL_CS);
    run(name, "timer", timer, KERNEL_CS);
    *entry = old;
    invlpg(table);
}

static uint8_t copy[8192] __attribute__((aligned(4096)));

/* An IDT whose vectors below `first` lie in the page before the others'. */
static void split_idt(unsigned first)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed))
    table = {0x70 * 16 + 15, (uint64_t)copy + 4096 - 16 * first};

    memcpy((void *)table.base, idt, 0x71 * 16);
    asm volatile("lidt %0" : : "m"(table));
}

static void tables(void)
{
    split_idt(8);
    absent("IDT to 7 absent", copy);
    split_idt(9);
    absent("IDT from 9 absent", copy + 4096);
    load_idt(4095);

    /* The task state segment: the rings' stacks. */
    set_segment(TSS_SELECTOR, (uint32_t)(uint64_t)&tss, 10, 0x89);
    asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
    run("short TSS", "int", software, KERNEL_CS);
    tss.ist[1] = tss.ist[1];
    idt[0x60].ist = 7;
    set_segment(TSS_SELECTOR, (uint32_t)(uint64_t)&tss, 0x50, 0x89);
    asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
    run("TSS short for ist 7", "int", software, KERNEL_CS);
    run("TSS short for ist 7", "user int", software, USER_CS);
    gates_ok();
    set_segment(TSS_SELECTOR, (uint32_t)(uint64_t)&tss, sizeof(tss) - 1, 0x89);
    asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

int main(void)
{
    timer_init();
    gates();
    limits();
    stacks();
    tables();
    return 0;
}
