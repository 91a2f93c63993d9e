/*
 * Transfers between segments and privileges: far jumps, calls and returns,
 * call gates, IRET, SYSCALL, SYSENTER, and the tables behind them.
 */
#include "bare.h"

static struct context c;

#define DATA FREE_SELECTOR        /* free to a test; room for 16 bytes */
#define GATE (FREE_SELECTOR + 32) /* 16 bytes */

static struct {
    uint64_t offset;
    uint16_t selector;
} __attribute__((packed)) pointer;
static struct {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed)) short_pointer;

SNIPPET(landed, "inc %ebx");
SNIPPET32(landed32, "incl %ebx");
SNIPPET(jump_far, "ljmpl *(%rsi)");
SNIPPET(jump_far64, "rex64 ljmp *(%rsi)");
SNIPPET(call_far, "lcall *(%rsi)");
SNIPPET(call_far64, "rex64 lcall *(%rsi)");
SNIPPET32(jump_far32, "ljmp *(%esi)");
SNIPPET32(call_far32, "lcall *(%esi)");
SNIPPET(return_far, "lretl");
SNIPPET(return_far64, "rex64 lret");
SNIPPET(return_far_more, "rex64 lret $24");
SNIPPET(iret64, "iretq");
SNIPPET(iret32, "iretl");
SNIPPET(iret16, "iretw");
SNIPPET32(iret_compat, "iret");

/* -- Jumps and calls ------------------------------------------------------- */

static void far_to(const char *name, const char *snippet, unsigned cs,
                   unsigned selector, uint64_t offset)
{
    pointer.selector = short_pointer.selector = (uint16_t)selector;
    pointer.offset = offset;
    short_pointer.offset = (uint32_t)offset;
    prepare(&c, snippet, cs);
    c.r[RSI] = snippet == jump_far64 || snippet == call_far64
                   ? (uint64_t)&pointer
                   : (uint64_t)&short_pointer;
    c.r[RBX] = 0;
    print("%s from %x to %x", name, (uint64_t)cs, (uint64_t)selector);
    show("", &c, snippet);
    if (snippet == call_far || snippet == call_far64 || snippet == call_far32) {
        print("  pushed %x %x\n", *(uint64_t *)(stack_top - 16),
              *(uint64_t *)(stack_top - 8));
    }
}

static void all_far(unsigned selector, const char *there)
{
    uint64_t offset = (uint64_t)there;

    memset(stack_top - 32, 0, 32);
    far_to("ljmp", jump_far, KERNEL_CS, selector, offset);
    far_to("lcall", call_far, KERNEL_CS, selector, offset);
    memset(stack_top - 32, 0, 32);
    far_to("lcall", call_far32, KERNEL_CS32, selector, offset);
    far_to("ljmp", jump_far32, KERNEL_CS32, selector, offset);
    far_to("ljmp", jump_far, USER_CS, selector | 3, offset);
}

static void direct(void)
{
    static const unsigned accesses[] = {0xa9b, 0xa1b, 0xafb, 0xafd, 0xa9f,
                                        0xaff, 0xe9b, 0xc9b, 0xc93, 0xc92,
                                        0x889, 0x882, 0x885, 0x88c};

    all_far(0, landed);
    all_far(KERNEL_CS, landed);
    all_far(USER_CS & ~3u, landed);
    all_far(0x1000, landed);
    all_far(KERNEL_DS, landed);
    all_far(TSS_SELECTOR, landed);
    for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        set_segment(DATA, 0, 0xfffff, accesses[i]);
        print("access %x\n", (uint64_t)accesses[i]);
        if (accesses[i] < 0xa00 && accesses[i] > 0x880 && on_qemu()) {
            continue; /* it does not refuse tasks */
        }
        all_far(DATA, accesses[i] == 0xc9b ? landed32 : landed);
    }
    set_segment(DATA, 0, 0xfffff, 0xa9a);
    all_far(DATA, landed);
    print("accessed: %x\n", gdt[DATA / 8] >> 40 & 1);
}

/* -- Call gates ------------------------------------------------------------ */

static void set_call_gate(unsigned selector, const void *to, unsigned access,
                          unsigned count)
{
    uint64_t offset = (uint64_t)to;

    gdt[GATE / 8] = (offset & 0xffff) | (uint64_t)selector << 16 |
                    (uint64_t)count << 32 | (uint64_t)access << 40 |
                    (offset >> 16 & 0xffff) << 48;
    gdt[GATE / 8 + 1] = offset >> 32;
}

static void through(const char *name)
{
    uint64_t *top = (uint64_t *)tss.rsp[0];

    print("%s\n", name);
    memset(top - 6, 0, 48);
    far_to("gate: lcall", call_far, KERNEL_CS, GATE, 0x12345678);
    far_to("gate: lcall", call_far, USER_CS, GATE | 3, 0x12345678);
    print("  pushed %x %x %x %x\n", top[-4], top[-3], top[-2], top[-1]);
    far_to("gate: ljmp", jump_far, KERNEL_CS, GATE, 0);
    far_to("gate: ljmp", jump_far, USER_CS, GATE | 3, 0);
    far_to("gate: lcall", call_far32, USER_CS32, GATE | 3, 0x12345678);
}

static void call_gates(void)
{
    set_call_gate(KERNEL_CS, landed, 0xec, 0);
    through("good");
    set_call_gate(KERNEL_CS, landed, 0x8c, 0);
    through("DPL 0");
    set_call_gate(KERNEL_CS, landed, 0x6c, 0);
    through("not present");
    set_call_gate(0, landed, 0xec, 0);
    through("null");
    set_call_gate(KERNEL_CS32, landed, 0xec, 0);
    through("32-bit code");
    set_call_gate(KERNEL_DS, landed, 0xec, 0);
    through("data");
    set_call_gate(0x1000, landed, 0xec, 0);
    through("beyond the GDT");
    set_call_gate(USER_CS, landed, 0xec, 0);
    through("user code");
    set_call_gate(KERNEL_CS, landed, 0xe4, 0);
    through("16-bit gate");
    set_call_gate(KERNEL_CS, landed, 0xec, 0);
    gdt[GATE / 8 + 1] |= 1ull << 40;
    through("type above");
    set_segment(DATA, 0, 0xfffff, 0xa9f);
    set_call_gate(DATA, landed, 0xec, 0);
    through("conforming");
    set_segment(DATA, 0, 0xfffff, 0xa1b);
    set_call_gate(DATA, landed, 0xec, 0);
    through("absent code");
    set_call_gate(KERNEL_CS, (void *)0x900000000000ull, 0xec, 0);
    through("not canonical");
}

/* -- Returns --------------------------------------------------------------- */

static void returned(const char *name, const char *snippet, unsigned cs,
                     unsigned size, const uint64_t *frame, unsigned n)
{
    uint8_t *sp;

    prepare(&c, snippet, cs);
    c.r[RBX] = 0;
    sp = (uint8_t *)c.r[RSP];
    for (unsigned i = 0; i < n; i++) {
        memcpy(sp + i * size, &frame[i], size);
    }
    print("%s", name);
    show("", &c, snippet);
}

static void return_to(const char *name, unsigned cs, unsigned ss,
                      const char *there)
{
    uint64_t to = (uint64_t)there, user = (uint64_t)user_stack_top;
    const uint64_t far[] = {to, cs, user, ss};
    const uint64_t more[] = {to, cs, 1, 2, 3, user, ss};
    const uint64_t frame[] = {to, cs, 0x202, user, ss};
    const uint64_t nested[] = {to, cs, 0x10202, user, ss};

    print("-- %s: cs %x ss %x\n", name, (uint64_t)cs, (uint64_t)ss);
    returned("lret", return_far, KERNEL_CS, 4, far, 4);
    returned("lretq", return_far64, KERNEL_CS, 8, far, 4);
    returned("lretq $24", return_far_more, KERNEL_CS, 8, more, 7);
    returned("iretq", iret64, KERNEL_CS, 8, frame, 5);
    returned("iretq RF", iret64, KERNEL_CS, 8, nested, 5);
    returned("iretl", iret32, KERNEL_CS, 4, frame, 5);
    returned("iret", iret_compat, KERNEL_CS32, 4, frame, 5);
    returned("user iretq", iret64, USER_CS, 8, frame, 5);
    returned("user lretq", return_far64, USER_CS, 8, far, 4);
}

static void returns(void)
{
    return_to("same", KERNEL_CS, KERNEL_DS, landed);
    return_to("null ss", KERNEL_CS, 0, landed);
    return_to("null ss 3", KERNEL_CS, 3, landed);
    return_to("compatibility", KERNEL_CS32, KERNEL_DS, landed32);
    return_to("compatibility, null ss", KERNEL_CS32, 0, landed32);
    return_to("user", USER_CS, USER_DS, landed);
    return_to("user, null ss", USER_CS, 0, landed);
    return_to("user, null ss", USER_CS, 3, landed);
    return_to("user 32", USER_CS32, USER_DS, landed32);
    return_to("user 32, null ss", USER_CS32, 3, landed32);
    return_to("user, kernel's ss", USER_CS, KERNEL_DS, landed);
    return_to("user, kernel's ss", USER_CS, KERNEL_DS | 3, landed);
    return_to("kernel code, RPL 3", KERNEL_CS | 3, USER_DS, landed);
    return_to("user code, RPL 0", USER_CS & ~3u, KERNEL_DS, landed);
    return_to("null cs", 0, KERNEL_DS, landed);
    return_to("data", KERNEL_DS, KERNEL_DS, landed);
    return_to("beyond", 0x1000, KERNEL_DS, landed);
    set_segment(DATA, 0, 0xfffff, 0xa7b);
    return_to("absent", DATA | 3, USER_DS, landed);
    set_segment(DATA, 0, 0xfffff, 0xcf1);
    return_to("read-only stack", USER_CS, DATA | 3, landed);
    set_segment(DATA, 0, 0xfffff, 0xc73);
    return_to("absent stack", USER_CS, DATA | 3, landed);
    set_segment(DATA, 0, 0xfffff, 0xaff);
    return_to("conforming", DATA | 3, USER_DS, landed);
    set_segment(DATA, 0, 0xfffff, 0xa9f);
    return_to("conforming of ring 0", DATA | 3, USER_DS, landed);
}

/* Data segments that the outer ring may not have. */
SNIPPET(drop, "mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %fs\n"
              "mov $0x23, %eax\n mov %eax, %es\n mov %eax, %gs\n iretq");

static void dropped(void)
{
    const uint64_t frame[] = {(uint64_t)landed, USER_CS, 0x202,
                              (uint64_t)user_stack_top, USER_DS};

    returned("dropped segments", drop, KERNEL_CS, 8, frame, 5);
}

/* -- System calls ---------------------------------------------------------- */

SNIPPET(system_call, "syscall");
SNIPPET32(system_call32, "syscall");
SNIPPET32(system_enter32, "sysenter");
SNIPPET32(interrupt32, "int $0x60");
SNIPPET(system_enter, "sysenter");
SNIPPET(system_return, "sysretq");
SNIPPET(system_return32, "sysretl");
SNIPPET(system_exit, "rex64 sysexit");
SNIPPET(swap, "swapgs\n mov %gs:0, %rax");

static void system_calls(void)
{
    print("-- system calls\n");
    wrmsr(0xc0000081, 0x0018000800000000ull);
    wrmsr(0xc0000082, (uint64_t)landed);
    wrmsr(0xc0000083, (uint64_t)landed);
    wrmsr(0xc0000084, 0x700);
    prepare(&c, system_call, USER_CS);
    c.rflags |= 0x8d5 | 0x400 | 0x40000;
    show("syscall", &c, system_call);
    try("syscall", system_call, KERNEL_CS);
    prepare(&c, system_call32, USER_CS32);
    c.rflags |= 0x8d5;
    show("syscall 32", &c, system_call32);
    try("sysenter 32", system_enter32, USER_CS32);
    try("sysenter", system_enter, USER_CS);
    try("sysexit", system_exit, KERNEL_CS);
    try("int 32", interrupt32, USER_CS32);
    print("  frame at %x below rsp0\n", tss.rsp[0] - c.frame);

    prepare(&c, system_return, KERNEL_CS);
    c.r[RCX] = (uint64_t)landed;
    c.r[R11] = 0xffffffff;
    c.r[RBX] = 0;
    c.r[R11] &= ~0x100ull;
    show("sysretq", &c, system_return);
    prepare(&c, system_return32, KERNEL_CS);
    c.r[RCX] = (uint64_t)landed32 | 0xffff00000000;
    c.r[R11] = 2;
    c.r[RBX] = 0;
    show("sysretl", &c, system_return32);
    prepare(&c, system_return, KERNEL_CS);
    c.r[RCX] = 0x900000000000;
    c.r[R11] = 2;
    show("sysretq, not canonical", &c, system_return);
    wrmsr(0xc0000080, rdmsr(0xc0000080) & ~1ull);
    try("syscall, disabled", system_call, USER_CS);
    try("sysretq, disabled", system_return, KERNEL_CS);
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 1);

    *(uint64_t *)pool(0) = 0xabcdef;
    wrmsr(0xc0000102, (uint64_t)pool(0));
    wrmsr(0xc0000101, 0x1234);
    try("swapgs", swap, KERNEL_CS);
    print("  %s %x\n",
          rdmsr(0xc0000101) == (uint64_t)pool(0) ? "swapped" : "not",
          rdmsr(0xc0000102));
    wrmsr(0xc0000102, 0);
}

/* -- Flags ----------------------------------------------------------------- */

SNIPPET(pop_flags, "push %rax\n popf\n pushf\n pop %rcx");
SNIPPET32(pop_flags32, "push %eax\n popf\n pushf\n pop %ecx");

static void flags(void)
{
    print("-- flags\n");
    for (unsigned iopl = 0; iopl < 4; iopl += 3) {
        for (unsigned cs = 0; cs < 3; cs++) {
            static const unsigned selectors[] = {KERNEL_CS, USER_CS, USER_CS32};
            const char *snippet = cs == 2 ? pop_flags32 : pop_flags;

            for (unsigned set = 0; set < 2; set++) {
                prepare(&c, snippet, selectors[cs]);
                c.rflags = 2 | iopl << 12;
                /* All but TF; IF with the timer off. */
                c.r[RAX] = set ? 0x003f7eff : 0;
                print("popf %x at IOPL %u", c.r[RAX], (uint64_t)iopl);
                show("", &c, snippet);
            }
        }
    }
    prepare(&c, iret64, KERNEL_CS);
    c.rflags |= 0x4000;
    show("iretq with NT", &c, iret64);
}

/* -- LDT and task register ------------------------------------------------- */

SNIPPET(load_ldt, "lldt %ax\n sldt %ecx");
SNIPPET(load_task, "ltr %ax\n str %ecx");
SNIPPET(use_ldt, "mov %ebx, %ds\n mov %ds, %ecx");
SNIPPET(store_tables, "sub $16, %rsp\n sgdt (%rsp)\n mov 2(%rsp), %rax\n"
                      "movzwl (%rsp), %ecx\n str %edx\n sldt %ebx\n"
                      "smsw %esi");

static void system_segments(void)
{
    static const unsigned accesses[] = {0x82, 0x02, 0x89, 0x8b, 0x09, 0x92,
                                        0x9b, 0x81, 0x83, 0x8c, 0xe2, 0xe9};
    static uint64_t ldt[4];

    print("-- system segments\n");
    for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        print("access %x ", (uint64_t)accesses[i]);
        gdt[DATA / 8 + 1] = 0;
        set_segment(DATA, (uint32_t)(uint64_t)ldt, sizeof(ldt) - 1,
                    accesses[i]);
        prepare(&c, load_ldt, KERNEL_CS);
        c.r[RAX] = DATA;
        show("lldt", &c, load_ldt);
        set_segment(DATA, (uint32_t)(uint64_t)&tss, sizeof(tss) - 1,
                    accesses[i]);
        prepare(&c, load_task, KERNEL_CS);
        c.r[RAX] = DATA;
        show("ltr", &c, load_task);
        print("  access now %x\n", gdt[DATA / 8] >> 40 & 0xff);
    }
    prepare(&c, load_ldt, KERNEL_CS);
    c.r[RAX] = 0x1000;
    show("lldt beyond", &c, load_ldt);
    prepare(&c, load_ldt, KERNEL_CS);
    c.r[RAX] = 3;
    show("lldt null", &c, load_ldt);
    prepare(&c, load_ldt, KERNEL_CS);
    c.r[RAX] = DATA | 4;
    show("lldt of the LDT", &c, load_ldt);
    if (!on_qemu()) { /* which takes it, and dies of that */
        prepare(&c, load_task, KERNEL_CS);
        c.r[RAX] = 0;
        show("ltr null", &c, load_task);
    }
    try("user lldt", load_ldt, USER_CS);

    set_segment(DATA, (uint32_t)(uint64_t)ldt, sizeof(ldt) - 1, 0x82);
    ldt[1] = gdt[KERNEL_DS / 8];
    asm volatile("lldt %w0" : : "r"(DATA));
    for (unsigned selector = 4; selector < 0x30; selector += 8) {
        prepare(&c, use_ldt, KERNEL_CS);
        c.r[RBX] = selector;
        show("of the LDT", &c, use_ldt);
    }
    asm volatile("lldt %w0" : : "r"(0));
    /* The task register again. */
    gdt[TSS_SELECTOR / 8] &= ~(1ull << 41);
    asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
    prepare(&c, store_tables, USER_CS);
    enter(&c);
    print("stored: gdt %s limit %x task %x ldt %x status %x\n",
          c.r[RAX] == (uint64_t)gdt ? "right" : "wrong", c.r[RCX], c.r[RDX],
          c.r[RBX], c.r[RSI]);
}

int main(void)
{
    set_gate(0x60, 3, 0);
    direct();
    call_gates();
    returns();
    dropped();
    system_calls();
    flags();
    system_segments();
    return 0;
}
