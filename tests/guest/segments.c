/*
 * Segments outside 64-bit mode: limits, rights, types, bases, null ones, and
 * what asks about them. 32- and 16-bit code in compatibility mode, where a
 * segment works as in protected mode.
 */
#include "bare.h"

static struct context c;

/* Selectors that a test defines anew; the last two bits say for whom. */
#define DATA FREE_SELECTOR
#define CODE (FREE_SELECTOR + 8)
#define STACK (FREE_SELECTOR + 16)

#define ACCESS_DATA 0x4f3 /* 32-bit, present, user, writable, accessed */
#define ACCESS_PAGES 0x800

/* ES:EDI is what is tried. */
SNIPPET32(load1, "movb %es:(%edi), %al");
SNIPPET32(load2, "movw %es:(%edi), %ax");
SNIPPET32(load4, "movl %es:(%edi), %eax");
SNIPPET32(store1, "movb %al, %es:(%edi)");
SNIPPET32(store4, "movl %eax, %es:(%edi)");
SNIPPET32(add4, "addl %eax, %es:(%edi)");
SNIPPET32(vector_load, "movups %es:(%edi), %xmm0");
SNIPPET32(vector_store, "movups %xmm0, %es:(%edi)");
SNIPPET32(double_load, "fninit\n fldl %es:(%edi)");
SNIPPET32(extended_load, "fninit\n fldt %es:(%edi)");
SNIPPET32(cmpxchg8, "cmpxchg8b %es:(%edi)");
SNIPPET32(stos4, "stosl");
SNIPPET32(scas1, "scasb");
SNIPPET32(movs_to, "mov $4, %ecx\n mov %edi, %esi\n mov $0x800000, %esi\n"
                   "rep movsl");
SNIPPET32(bit_test, "bt %ebx, %es:(%edi)");
SNIPPET32(lea_only, ".byte 0x26\n lea (%edi), %eax");
SNIPPET32(far_pointer, "les %es:(%edi), %eax");
SNIPPET32(prefetch, "prefetcht0 %es:(%edi)");

static void run(const char *snippet, uint32_t offset)
{
    prepare(&c, snippet, USER_CS32);
    c.es = DATA | 3;
    c.r[RDI] = offset;
    c.r[RBX] = 64;
    enter(&c);
}

static void at(const char *name, const char *snippet, uint32_t offset)
{
    prepare(&c, snippet, USER_CS32);
    c.es = DATA | 3;
    c.r[RDI] = offset;
    c.r[RBX] = 64;
    print("%x ", (uint64_t)offset);
    show(name, &c, snippet);
}

/* The rule of the manual, as a predicate of its own. */
static bool permitted(uint32_t low, uint32_t high, bool writable,
                      uint32_t offset, unsigned size, bool write)
{
    for (unsigned i = 0; i < size; i++) {
        uint64_t byte = (uint64_t)offset + i;

        if (byte < low || byte > high) {
            return false;
        }
    }
    return writable || !write;
}

static const struct kind {
    const char *name;
    uint32_t limit; /* as the descriptor has it */
    unsigned access;
    uint32_t low, high; /* the first and the last byte */
    bool writable;
} kinds[] = {
    {"up to 0xfff", 0xfff, ACCESS_DATA, 0, 0xfff, true},
    {"up to 0xfff, 16-bit", 0xfff, ACCESS_DATA & ~0x400u, 0, 0xfff, true},
    {"up to 0xffff", 0xf, ACCESS_DATA | ACCESS_PAGES, 0, 0xffff, true},
    {"one byte", 0, ACCESS_DATA, 0, 0, true},
    {"read-only", 0xfff, ACCESS_DATA & ~2u, 0, 0xfff, false},
    {"down from 0xfff", 0xfff, ACCESS_DATA | 4, 0x1000, 0xffffffff, true},
    {"down, 16-bit", 0xfff, (ACCESS_DATA | 4) & ~0x400u, 0x1000, 0xffff, true},
    {"down, nothing", 0xfffff, ACCESS_DATA | ACCESS_PAGES | 4, 1, 0, true},
    {"all", 0xfffff, ACCESS_DATA | ACCESS_PAGES, 0, 0xffffffff, true},
    {"all, read-only", 0xfffff, (ACCESS_DATA | ACCESS_PAGES) & ~2u, 0,
     0xffffffff, false},
    {"code, readable", 0xfff, 0x4fb, 0, 0xfff, false},
};

static const struct {
    const char *name, *snippet;
    unsigned size;
    bool write;
} accesses[] = {
    {"load1", load1, 1, false},         {"load2", load2, 2, false},
    {"load4", load4, 4, false},         {"store1", store1, 1, true},
    {"store4", store4, 4, true},        {"add", add4, 4, true},
    {"movups", vector_load, 16, false}, {"movups", vector_store, 16, true},
    {"fldl", double_load, 8, false},    {"fldt", extended_load, 10, false},
    {"cmpxchg8b", cmpxchg8, 8, true},   {"stosl", stos4, 4, true},
    {"scasb", scas1, 1, false},
};

static void limits_of(const struct kind *kind)
{
    const uint32_t edges[] = {0, kind->low, kind->high, kind->limit};
    unsigned wrong = 0;

    set_segment(DATA, 0x800000, kind->limit, kind->access);
    for (unsigned i = 0; i < 4; i++) {
        for (int by = -18; by <= 2; by++) {
            uint32_t offset = edges[i] + (uint32_t)by;

            for (unsigned k = 0; k < sizeof(accesses) / sizeof(accesses[0]);
                 k++) {
                bool good = permitted(kind->low, kind->high, kind->writable,
                                      offset, accesses[k].size,
                                      accesses[k].write);

                /* Around the end of 4 GiB either is legal. */
                if (kind->high == 0xffffffff && offset > 0xffffffe0) {
                    continue;
                }
                run(accesses[k].snippet, offset);
                if (c.vector != (good ? DONE_VECTOR : 13) || c.error) {
                    print("%s, %s at %x: vector %u error %x\n", kind->name,
                          accesses[k].name, (uint64_t)offset, c.vector,
                          c.error);
                    wrong++;
                }
            }
        }
    }
    check(!wrong, kind->name);
}

static void limits(void)
{
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        limits_of(&kinds[i]);
    }
    set_segment(DATA, 0x800000, 0xfff, ACCESS_DATA);
    print("-- kinds of access\n");
    at("rep movsl", movs_to, 0xff4);
    at("bt", bit_test, 0xff8);
    at("bt", bit_test, 0xff4);
    at("lea", lea_only, 0x1000);
    at("les", far_pointer, 0xffb);
    at("prefetch", prefetch, 0x1000);
}

/* -- Null and wrong selectors ---------------------------------------------- */

SNIPPET32(load_ds, "mov %eax, %ds");
SNIPPET32(load_fs, "mov %eax, %fs\n mov %fs:0, %ecx");
SNIPPET32(load_ss, "mov %eax, %ss\n push %eax");
SNIPPET32(pop_es, "push %eax\n pop %es");
SNIPPET32(by_null, "xor %eax, %eax\n mov %eax, %es\n mov %es:(%edi), %eax");
SNIPPET32(by_null_gs, "xor %eax, %eax\n mov %eax, %gs\n mov %eax, %gs:4");
SNIPPET32(write_cs, "movl $1, %cs:0x800000");
SNIPPET32(read_cs, "movl %cs:0x800000, %eax");

static void load(const char *name, const char *snippet, unsigned selector,
                 unsigned cs)
{
    prepare(&c, snippet, cs);
    c.r[RAX] = selector;
    c.r[RDI] = 0x800000;
    print("%x ", (uint64_t)selector);
    show(name, &c, snippet);
}

static void selectors(void)
{
    static const unsigned accesses[] = {0x4f3, 0x473, 0x493, 0x4f1,
                                        0x4fb, 0x4f9, 0x49f, 0x482,
                                        0x489, 0x4f7, 0x4f2, 0x4ff};

    for (unsigned i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
        set_segment(DATA, 0x800000, 0xfff, accesses[i]);
        print("-- access %x\n", (uint64_t)accesses[i]);
        load("ds", load_ds, DATA, USER_CS32);
        load("ds", load_ds, DATA | 3, USER_CS32);
        load("fs", load_fs, DATA | 3, KERNEL_CS32);
        load("ss", load_ss, DATA | 3, USER_CS32);
        load("ss", load_ss, DATA, USER_CS32);
        load("ss", load_ss, DATA, KERNEL_CS32);
        load("pop es", pop_es, DATA | 3, USER_CS32);
    }
    print("accessed bit: %x\n", gdt[DATA / 8] >> 40 & 1);
    load("ds", load_ds, 0, USER_CS32);
    load("ds", load_ds, 3, USER_CS32);
    load("ss", load_ss, 0, USER_CS32);
    load("ss", load_ss, 0, KERNEL_CS32);
    load("ds", load_ds, 0x1000, USER_CS32);
    load("ds", load_ds, 0x1004, USER_CS32);
    load("ds", load_ds, 0x0007, USER_CS32);
    load("ds", load_ds, TSS_SELECTOR, USER_CS32);
    load("null es", by_null, 0, USER_CS32);
    load("null gs", by_null_gs, 0, USER_CS32);
    load("write cs", write_cs, 0, USER_CS32);
    load("read cs", read_cs, 0, USER_CS32);
}

/* -- The stack ------------------------------------------------------------- */

SNIPPET32(push4, "push %eax");
SNIPPET32(push2, "push %ax");
SNIPPET32(pop4, "pop %eax");
SNIPPET32(call4, "call 1f\n 1: nop");
SNIPPET32(ret4, "ret");
SNIPPET32(enter2, "enter $16, $2");
SNIPPET32(leave4, "mov %esp, %ebp\n leave");
SNIPPET32(pusha, "pusha");
SNIPPET32(popa, "popa");
SNIPPET32(by_ebp, "mov %esp, %ebp\n mov (%ebp), %eax");
SNIPPET32(by_esp, "mov (%esp), %eax");
SNIPPET32(by_ds, "mov %ds:(%esp), %eax");
SNIPPET32(far_call, "lcall $0x1b, $1f\n 1: nop");
SNIPPET32(far_ret, "lret");
SNIPPET32(iret4, "iret");

static void on_stack(const char *name, const char *snippet, uint32_t esp)
{
    prepare(&c, snippet, USER_CS32);
    c.ss = STACK | 3;
    c.r[RSP] = esp;
    print("esp %x ", (uint64_t)esp);
    show(name, &c, snippet);
}

static void all_on_stack(uint32_t low, uint32_t high)
{
    on_stack("push", push4, low);
    on_stack("push ax", push2, low);
    on_stack("push", push4, low + 3);
    on_stack("call", call4, low + 2);
    on_stack("enter", enter2, low + 4);
    on_stack("pusha", pusha, low + 16);
    on_stack("lcall", far_call, low + 4);
    on_stack("pop", pop4, high);
    on_stack("pop", pop4, high - 2);
    on_stack("ret", ret4, high - 2);
    on_stack("leave", leave4, high - 1);
    on_stack("popa", popa, high - 16);
    on_stack("ebp", by_ebp, high - 2);
    on_stack("esp", by_esp, high - 2);
    on_stack("ds:esp", by_ds, high - 2);
    on_stack("lret", far_ret, high - 4);
    on_stack("iret", iret4, high - 8);
}

static void stacks(void)
{
    memset(pool(0), 0, 8192);
    print("-- stack up to 0xfff\n");
    set_segment(STACK, 0x800000, 0xfff, 0x4f3);
    all_on_stack(0, 0x1000);
    on_stack("push", push4, 0x2000);
    print("-- stack down from 0xfff\n");
    set_segment(STACK, 0x800000, 0xfff, 0x4f7);
    all_on_stack(0x1000, 0);
    print("-- 16-bit stack\n");
    set_segment(STACK, 0x800000, 0xffff, 0x0f3);
    on_stack("push wraps", push4, 0x10002);
    on_stack("push", push4, 0x10004);
    on_stack("push", push4, 0xabcd0000);
    on_stack("pop", pop4, 0xabcdfffc);
    on_stack("pop wraps", pop4, 0xabcdfffe);
}

/* -- Code ------------------------------------------------------------------ */

SNIPPET32(short_code, "nop\n nop\n mov $0x11223344, %eax\n nop");
SNIPPET32(jumper, "jmp 1f\n .fill 0x20, 1, 0x90\n 1: nop");

SNIPPET32(jump_taken, "xor %eax, %eax\n jz 1f\n nop\n int $0x70\n"
                      ".fill 0x100, 1, 0x90\n 1: nop");
SNIPPET32(jump_not_taken, "xor %eax, %eax\n jnz 1f\n nop\n int $0x70\n"
                          ".fill 0x100, 1, 0x90\n 1: nop");
SNIPPET32(loop_taken, "mov $9, %ecx\n loop 1f\n int $0x70\n"
                      ".fill 0x40, 1, 0x90\n 1: nop");
SNIPPET32(call_far_away, "call 1f\n .fill 0x40, 1, 0x90\n 1: nop");
SNIPPET32(call_register, "mov $0x100, %eax\n call *%eax");
SNIPPET32(jump_register, "mov $0x100, %eax\n jmp *%eax");
SNIPPET32(return_away, "push $0x100\n ret $8");

static void code_limit(const char *name, const char *snippet, uint32_t limit)
{
    uint32_t base = (uint32_t)(uint64_t)snippet;

    set_segment(CODE, base, limit, 0x4fb);
    prepare(&c, snippet, CODE | 3);
    c.ds = USER_DS;
    c.rip = 0;
    print("limit %x ", (uint64_t)limit);
    show(name, &c, (const char *)0);
}

static void code(void)
{
    print("-- code\n");
    for (uint32_t limit = 0; limit < 12; limit++) {
        code_limit("code", short_code, limit);
    }
    code_limit("jump", jumper, 0x10);
    code_limit("jump", jumper, 0x24);
    code_limit("jz", jump_taken, 0x20);
    code_limit("jnz", jump_not_taken, 0x20);
    code_limit("loop", loop_taken, 0x20);
    code_limit("call", call_far_away, 0x20);
    code_limit("call register", call_register, 0x20);
    code_limit("jump register", jump_register, 0x20);
    code_limit("ret", return_away, 0x20);
}

/* -- 16 bits --------------------------------------------------------------- */

SNIPPET16(wrap, "mov $0xfffe, %bx\n movb 4(%bx), %al\n movw $0x5678, 2(%bx)");
SNIPPET16(over, "mov $0xffff, %bx\n movw (%bx), %ax");
SNIPPET16(wide_address, "addr32 movb 0x10000, %al");
SNIPPET16(string16, "mov $0xfffe, %di\n mov $4, %cx\n mov $0x77, %al\n"
                    "rep stosb");
SNIPPET16(string16_over, "mov $0xffff, %di\n mov $2, %cx\n rep stosw");
SNIPPET16(jump16, "jmp 1f\n .fill 200, 1, 0x90\n 1: inc %cx");
SNIPPET16(stack16, "mov $2, %sp\n push %ax\n push %ax\n push %ax");
SNIPPET16(stack16_odd, "mov $1, %sp\n push %ax");

static void narrow(const char *name, const char *snippet)
{
    set_segment(CODE, (uint32_t)(uint64_t)snippet & ~0xfu, 0xffff, 0x0fb);
    set_segment(DATA, 0x800000, 0xffff, 0x0f3);
    prepare(&c, snippet, CODE | 3);
    c.rip = (uint64_t)snippet & 0xf;
    c.ds = c.es = DATA | 3;
    c.ss = DATA | 3;
    c.r[RSP] = 0x8000;
    show(name, &c, (const char *)((uint64_t)snippet & 0xf));
}

static void sixteen(void)
{
    print("-- 16 bits\n");
    memset(pool(0), 0, 16);
    pool(0)[2] = 0x42;
    narrow("wrap", wrap);
    print("written %x\n", *(uint64_t *)pool(0) & 0xffff);
    narrow("over the end", over);
    narrow("32-bit address", wide_address);
    narrow("stosb", string16);
    narrow("stosw", string16_over);
    narrow("jump", jump16);
    narrow("stack", stack16);
    narrow("odd stack", stack16_odd);
}

/* -- Alignment ------------------------------------------------------------- */

SNIPPET32(ac_load1, "movb 1(%edi), %al");
SNIPPET32(ac_load2, "movw 1(%edi), %ax");
SNIPPET32(ac_load4, "movl 2(%edi), %eax");
SNIPPET32(ac_good4, "movl 4(%edi), %eax");
SNIPPET32(ac_store, "movl %eax, 1(%edi)");
SNIPPET32(ac_add, "addl %eax, 1(%edi)");
SNIPPET32(ac_push, "add $2, %esp\n push %eax");
SNIPPET32(ac_page, "mov $0x70000001, %edi\n mov (%edi), %eax");
SNIPPET(ac_load8, "mov 4(%rdi), %rax");
SNIPPET(ac_good8, "mov 8(%rdi), %rax");
SNIPPET(ac_string, "inc %rdi\n movl $2, %ecx\n rep stosl");

static void ac(const char *name, const char *snippet, unsigned cs)
{
    prepare(&c, snippet, cs);
    c.rflags |= 0x40000;
    c.r[RDI] = (uint64_t)pool(0);
    show(name, &c, snippet);
}

static void alignment(void)
{
    print("-- alignment\n");
    memset(pool(0), 0, 64);
    ac("without CR0.AM", ac_load4, USER_CS32);
    write_cr0(read_cr0() | 0x40000);
    ac("byte", ac_load1, USER_CS32);
    ac("word", ac_load2, USER_CS32);
    ac("long", ac_load4, USER_CS32);
    ac("aligned", ac_good4, USER_CS32);
    ac("store", ac_store, USER_CS32);
    ac("add", ac_add, USER_CS32);
    ac("push", ac_push, USER_CS32);
    ac("absent page", ac_page, USER_CS32);
    ac("quad", ac_load8, USER_CS);
    ac("aligned", ac_good8, USER_CS);
    ac("stosl", ac_string, USER_CS);
    ac("kernel", ac_load8, KERNEL_CS);
    ac("kernel 32", ac_load4, KERNEL_CS32);
    write_cr0(read_cr0() & ~0x40000ul);
}

/* -- Questions ------------------------------------------------------------- */

SNIPPET(questions, "lar %rbx, %rax\n setz %r8b\n lsl %rbx, %rcx\n"
                   "setz %r9b\n verr %bx\n setz %r10b\n verw %bx\n"
                   "setz %r11b");

static void ask(unsigned selector, unsigned cs)
{
    prepare(&c, questions, cs);
    c.r[RBX] = selector;
    c.r[RAX] = c.r[RCX] = 0x55;
    c.r[R8] = c.r[R9] = c.r[R10] = c.r[R11] = 0;
    enter(&c);
    print("%x of %x: lar %u %x lsl %u %x verr %u verw %u vector %u\n",
          (uint64_t)selector, (uint64_t)cs, c.r[R8], c.r[RAX], c.r[R9],
          c.r[RCX], c.r[R10], c.r[R11], c.vector);
}

static void queries(void)
{
    print("-- questions\n");
    for (unsigned selector = 0; selector < 0x48; selector += 8) {
        ask(selector, KERNEL_CS);
        ask(selector, USER_CS);
        ask(selector | 3, USER_CS);
    }
    for (unsigned type = 0; type < 32; type++) {
        gdt[DATA / 8 + 1] = 0;
        set_segment(DATA, 0x800000, 0xfff, 0x8e0 | type);
        print("type %x ", (uint64_t)type);
        ask(DATA | 3, USER_CS);
        set_segment(DATA, 0x800000, 0xfff, 0x480 | type);
        print("system type %x ", (uint64_t)type);
        ask(DATA, USER_CS);
    }
    ask(0x1000, KERNEL_CS);
    ask(4, KERNEL_CS);
}

int main(void)
{
    asm volatile("lldt %w0" : : "r"(0));
    selectors();
    if (!on_qemu()) { /* which checks no limits */
        limits();
        stacks();
        code();
    }
    sixteen();
    alignment();
    queries();
    return 0;
}
