/*
 * Protected mode as it was before long mode: 32-bit gates and task state,
 * privilege changes, segments, and tables of two and three levels. main()
 * stays in long mode; each case leaves it, and its exception comes back.
 */
#include "bare.h"

#define TSS32 0x50
#define SEGMENT 0x58 /* for the case to use */
#define GATE 0x60

struct job { /* the code below knows the offsets */
    uint32_t r[8];
    uint32_t eip, cs, eflags, ss;
    uint32_t vector, error, cr2, frame;
    uint32_t cr0, cr3, cr4;
    uint16_t ds, es, fs, gs, handler_ss;
};

void enter_legacy(struct job *job);
extern char legacy_stubs[], legacy_stack_top[], legacy_kernel_stack_top[];
extern uint32_t legacy_task[26];

asm(".text\n"
    "enter_legacy:\n"
    "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
    "mov %rsp, legacy_saved\n mov %edi, legacy_job\n"
    "push $0x30\n push $1f\n lretq\n"
    ".code32\n"
    "1: mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %ss\n"
    "mov %cr0, %eax\n mov %eax, legacy_cr0\n and $0x7fffffff, %eax\n"
    "mov %eax, %cr0\n"
    "mov %cr4, %eax\n mov %eax, legacy_cr4\n"
    "mov $0xc0000080, %ecx\n rdmsr\n mov %eax, legacy_efer\n"
    "and $~0x100, %eax\n wrmsr\n"
    "mov 72(%edi), %eax\n mov %eax, %cr4\n"
    "mov 68(%edi), %eax\n mov %eax, %cr3\n"
    "mov 64(%edi), %eax\n mov %eax, %cr0\n"
    "jmp 1f\n 1: lidt legacy_idt_register\n"
    "mov $0x50, %eax\n ltr %ax\n"
    "mov 16(%edi), %esp\n"
    "testl $3, 36(%edi)\n jz 1f\n"
    "mov $legacy_stack_top, %esp\n pushl 44(%edi)\n pushl 16(%edi)\n"
    "1: pushl 40(%edi)\n pushl 36(%edi)\n pushl 32(%edi)\n"
    "mov 4(%edi), %ecx\n mov 8(%edi), %edx\n mov 12(%edi), %ebx\n"
    "mov 20(%edi), %ebp\n mov 24(%edi), %esi\n"
    "mov 78(%edi), %es\n mov 80(%edi), %fs\n mov 82(%edi), %gs\n"
    "mov 0(%edi), %eax\n mov 76(%edi), %ds\n mov %cs:28(%edi), %edi\n iret\n"
    "legacy_common:\n cld\n push %eax\n push %ds\n"
    "mov $0x10, %eax\n mov %eax, %ds\n mov legacy_job, %eax\n"
    "mov %ecx, 4(%eax)\n mov %edx, 8(%eax)\n mov %ebx, 12(%eax)\n"
    "mov %ebp, 20(%eax)\n mov %esi, 24(%eax)\n mov %edi, 28(%eax)\n"
    "mov %es, 78(%eax)\n mov %fs, 80(%eax)\n mov %gs, 82(%eax)\n"
    "mov %ss, 84(%eax)\n"
    "pop %ecx\n mov %cx, 76(%eax)\n popl 0(%eax)\n popl 48(%eax)\n"
    "popl 52(%eax)\n mov %esp, 60(%eax)\n popl 32(%eax)\n popl 36(%eax)\n"
    "popl 40(%eax)\n mov %esp, 16(%eax)\n mov %ss, 44(%eax)\n"
    "testl $3, 36(%eax)\n jz 1f\n popl 16(%eax)\n popl 44(%eax)\n"
    "1: mov %cr2, %ecx\n mov %ecx, 56(%eax)\n"
    "mov $0x10, %eax\n mov %eax, %ss\n mov %eax, %es\n"
    "mov %cr0, %eax\n and $0x7fffffff, %eax\n mov %eax, %cr0\n"
    "mov legacy_cr4, %eax\n mov %eax, %cr4\n"
    "mov $top_table, %eax\n mov %eax, %cr3\n"
    "mov $0xc0000080, %ecx\n xor %edx, %edx\n mov legacy_efer, %eax\n wrmsr\n"
    "mov legacy_cr0, %eax\n mov %eax, %cr0\n ljmp $8, $1f\n"
    ".code64\n"
    "1: lidt idt_register\n mov legacy_saved, %rsp\n"
    "xor %eax, %eax\n mov %eax, %fs\n mov %eax, %gs\n"
    "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
    ".code32\n .balign 16\n legacy_stubs:\n .set vector, 0\n .rept 128\n"
    ".balign 16\n .if (vector == 8) || (vector >= 10 && vector <= 14) ||"
    "(vector == 17)\n .else\n push $0\n .endif\n push $vector\n"
    "jmp legacy_common\n .set vector, vector + 1\n .endr\n .code64\n"
    ".data\n .balign 8\n legacy_idt_register: .word 1023\n .long legacy_idt\n"
    ".bss\n .balign 16\n legacy_saved: .skip 8\n legacy_job: .skip 4\n"
    "legacy_cr0: .skip 4\n legacy_cr4: .skip 4\n legacy_efer: .skip 4\n"
    ".skip 8192\n legacy_stack_top: .skip 8192\n legacy_kernel_stack_top:\n"
    ".skip 64\n .globl legacy_idt\n legacy_idt: .skip 1024\n"
    "legacy_task: .skip 104\n .text\n");

/* -- Running --------------------------------------------------------------- */

extern uint64_t legacy_idt[128];
static struct job j;
static uint32_t cr0 = 0x11, cr3, cr4;

static void set_legacy_gate(unsigned vector, unsigned dpl, unsigned type)
{
    uint64_t at = (uint64_t)legacy_stubs + 16 * vector;

    legacy_idt[vector] = (at & 0xffff) | 0x30ull << 16 |
                         (uint64_t)(0x80 | dpl << 5 | type) << 40 |
                         (at >> 16) << 48;
}

static void start(const char *snippet, unsigned cs)
{
    bool user = cs & 3;

    for (unsigned i = 0; i < 8; i++) {
        j.r[i] = 0x1111 * i;
    }
    j.r[RSP] = (uint32_t)(uint64_t)legacy_stack_top - 256;
    j.eip = (uint32_t)(uint64_t)snippet;
    j.cs = cs;
    j.eflags = 2;
    j.ss = user ? USER_DS : KERNEL_DS;
    j.ds = j.es = USER_DS;
    j.fs = j.gs = 0;
    j.cr0 = cr0;
    j.cr3 = cr3;
    j.cr4 = cr4;
}

static void run(const char *name, const char *snippet)
{
    static const char *const names[] = {"eax", "ecx", "edx", "ebx",
                                        "esp", "ebp", "esi", "edi"};
    struct job before = j;

    set_segment(TSS32, (uint32_t)(uint64_t)legacy_task, 103, 0x89);
    enter_legacy(&j);
    gdt[TSS_SELECTOR / 8] &= ~(2ull << 40);
    asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
    print("%s:", name);
    if (j.vector == DONE_VECTOR) {
        print(" done");
    } else {
        print(" vector %u error %x", (uint64_t)j.vector, (uint64_t)j.error);
    }
    print(" at +%u flags %x", (uint64_t)(uint32_t)(j.eip - (uint64_t)snippet),
          (uint64_t)(j.eflags & ~0x10000u));
    if (j.cs != before.cs || (j.ss & 0xffff) != before.ss) {
        print(" cs %x ss %x", (uint64_t)(j.cs & 0xffff),
              (uint64_t)(j.ss & 0xffff));
    }
    if (j.ds != before.ds || j.es != before.es || j.fs || j.gs) {
        print(" ds %x es %x fs %x gs %x", (uint64_t)j.ds, (uint64_t)j.es,
              (uint64_t)j.fs, (uint64_t)j.gs);
    }
    if (j.vector == 14) {
        print(" cr2 %x", (uint64_t)j.cr2);
    }
    for (unsigned i = 0; i < 8; i++) {
        if (j.r[i] != before.r[i]) {
            print(" %s %x", names[i], (uint64_t)j.r[i]);
        }
    }
    if (j.frame - (uint32_t)(uint64_t)legacy_kernel_stack_top + 64 < 64) {
        print(" on the inner stack");
    }
    print("\n");
}

static void once(const char *name, const char *snippet, unsigned cs)
{
    start(snippet, cs);
    run(name, snippet);
}

static void both(const char *name, const char *snippet)
{
    once(name, snippet, KERNEL_CS32);
    print("user ");
    once(name, snippet, USER_CS32);
}

/* -- Exceptions and gates -------------------------------------------------- */

SNIPPET32(nothing, "inc %eax");
SNIPPET32(divide, "xor %ecx, %ecx\n div %ecx");
SNIPPET32(undefined, "ud2");
SNIPPET32(bad_selector, "mov $0x1238, %eax\n mov %eax, %es");
SNIPPET32(software, "sti\n int $0x60");
SNIPPET32(trap_gate, "sti\n int $0x61");
SNIPPET32(guarded, "int $0x62");
SNIPPET32(overflow, "mov $0x7fffffff, %eax\n inc %eax\n into");
SNIPPET32(bound_, "mov $9, %eax\n push $5\n push $1\n bound %eax, (%esp)");
SNIPPET32(halt, "hlt");
SNIPPET32(clear_if, "cli");
SNIPPET32(input, "in $0x80, %al\n xor %eax, %eax");
SNIPPET32(move_cr, "mov %cr0, %eax\n xor %eax, %eax");
SNIPPET32(popf_, "push $0x3202\n popf\n pushf\n pop %eax");
SNIPPET32(pusha_, "pusha\n mov 12(%esp), %eax\n sub %esp, %eax\n popa");

static void exceptions(void)
{
    both("nothing", nothing);
    both("#DE", divide);
    both("#UD", undefined);
    both("bad selector", bad_selector);
    once("int", software, KERNEL_CS32);
    once("trap gate", trap_gate, KERNEL_CS32);
    both("guarded int", guarded);
    both("into", overflow);
    both("bound", bound_);
    print("user ");
    once("hlt", halt, USER_CS32);
    both("cli", clear_if);
    both("in", input);
    both("mov cr0", move_cr);
    both("popf", popf_);
    both("pusha", pusha_);
}

/* -- Transfers ------------------------------------------------------------- */

SNIPPET32(to_user, "push $0x23\n lea -64(%esp), %eax\n push %eax\n push $2\n"
                   "push $0x1b\n push $1f\n iret\n nop\n 1: mov %cs, %ecx");
SNIPPET32(far_to_user, "push $0x23\n push %esp\n push $0x1b\n push $1f\n"
                       "lret\n nop\n 1: mov %cs, %ecx\n mov %ds, %edx");
SNIPPET32(call_through, "push $0x77\n push $0x66\n lcall $0x60, $0\n nop");
SNIPPET32(inner, "mov %cs, %ecx\n mov 8(%esp), %eax\n mov 12(%esp), %edx\n"
                 "mov %ss, %ebx\n lret $8");
SNIPPET32(far_jump, "ljmp $0x30, $1f\n nop\n 1: inc %eax");
SNIPPET32(far_call, "lcall $0x30, $1f\n jmp 2f\n 1: inc %eax\n lret\n 2: nop");
SNIPPET32(sysenter_, "mov %esp, %ebp\n sysenter");
SNIPPET32(sysenter_target, "mov %cs, %eax\n mov %ss, %ebx\n mov %ebp, %ecx\n"
                           "mov $1f, %edx\n sysexit\n 1: mov %cs, %esi\n"
                           "mov %ss, %edi");

static void transfers(void)
{
    uint64_t at = (uint64_t)inner;

    once("iret to user", to_user, KERNEL_CS32);
    start(far_to_user, KERNEL_CS32);
    j.ds = KERNEL_DS; /* which user code may not keep */
    run("lret to user", far_to_user);
    both("ljmp", far_jump);
    once("lcall", far_call, KERNEL_CS32);
    gdt[GATE / 8] = (at & 0xffff) | 0x30ull << 16 | 2ull << 32 | 0xecull << 40 |
                    (at >> 16) << 48;
    both("call gate", call_through);
    wrmsr(0x174, 0x30);
    wrmsr(0x175, (uint64_t)legacy_kernel_stack_top);
    wrmsr(0x176, (uint64_t)sysenter_target);
    once("sysenter", sysenter_, USER_CS32);
    wrmsr(0x174, 0);
    once("sysenter without CS", sysenter_, USER_CS32);
}

/* -- Segments -------------------------------------------------------------- */

SNIPPET32(load, "mov $0x5b, %eax\n mov %eax, %es\n mov %es:(%ebx), %ecx");
SNIPPET32(store, "mov $0x5b, %eax\n mov %eax, %es\n mov %edx, %es:(%ebx)");
SNIPPET32(stack, "mov $0x5b, %eax\n mov %eax, %ss\n mov %ebx, %esp\n"
                 "push %edx\n nop");
SNIPPET32(null, "xor %eax, %eax\n mov %eax, %es\n mov %es:(%ebx), %ecx");
SNIPPET32(to_code, "mov %edx, %cs:(%ebx)");
SNIPPET32(rights, "mov $0x5b, %ecx\n lar %ecx, %eax\n lsl %ecx, %edx\n"
                  "verr %cx\n setz %bl\n verw %cx\n setz %bh");

static void segment(const char *name, const char *snippet, uint32_t limit,
                    unsigned access, uint32_t offset)
{
    set_segment(SEGMENT, (uint32_t)(uint64_t)pool(20), limit, access | 0x60);
    start(snippet, USER_CS32);
    j.r[RBX] = offset;
    run(name, snippet);
}

static void segments(void)
{
    static const unsigned types[] = {0x90, 0x92, 0x94, 0x96, 0x98, 0x9a,
                                     0x9c, 0x9e, 0x12, 0x82, 0x492};

    memset(pool(20), 0x5a, 8192);
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        print("type %x, ", (uint64_t)types[i]);
        segment("load", load, 0xfff, types[i], 0xffc);
        print("type %x, ", (uint64_t)types[i]);
        segment("over", load, 0xfff, types[i], 0xffd);
        print("type %x, ", (uint64_t)types[i]);
        segment("store", store, 0xfff, types[i], 0x10);
        print("type %x, ", (uint64_t)types[i]);
        segment("stack", stack, 0xfff, types[i], 0x1000);
        print("type %x, ", (uint64_t)types[i]);
        segment("rights", rights, 0xfff, types[i], 0);
    }
    segment("4 GiB", load, 0xfffff, 0xc92, 0xfffffffc);
    segment("null", null, 0, 0x92, 0);
    segment("to code", to_code, 0, 0x92, 0x800000);
    segment("stack below", stack, 0xfff, 0x492, 2);
}

/* -- Paging ---------------------------------------------------------------- */

#define WINDOW 0x400000u

SNIPPET32(read4, "mov (%ebx), %ecx");
SNIPPET32(write4, "mov %edx, (%ebx)");
SNIPPET32(add4, "add %edx, (%ebx)");
SNIPPET32(run_there, "call *%ebx");

static uint64_t *pae_entry;
static uint32_t *plain_entry, *plain_directory;

static void access(const char *what, const char *name, const char *snippet,
                   unsigned cs, uint32_t at)
{
    start(snippet, cs);
    j.r[RBX] = at;
    print("%s, %s", what, cs & 3 ? "user " : "");
    run(name, snippet);
}

static void accesses(const char *what, uint32_t at)
{
    access(what, "read", read4, KERNEL_CS32, at);
    access(what, "read", read4, USER_CS32, at);
    access(what, "write", write4, KERNEL_CS32, at);
    access(what, "write", write4, USER_CS32, at);
    access(what, "add", add4, USER_CS32, at);
    access(what, "run", run_there, USER_CS32, at + 0x100);
}

static void two_levels(void)
{
    static const unsigned flags[] = {0, 1, 3, 5, 7};
    uint32_t *directory = (uint32_t *)pool(0), *low = (uint32_t *)pool(1),
             *high = (uint32_t *)pool(2), *window = (uint32_t *)pool(3);

    memset(directory, 0, 4096);
    for (uint32_t i = 0; i < 1024; i++) {
        low[i] = i << 12 | 7;
        high[i] = (0x800000 + (i << 12)) | 7;
    }
    memset(window, 0, 4096);
    directory[0] = (uint32_t)(uint64_t)low | 7;
    directory[1] = (uint32_t)(uint64_t)window | 7;
    directory[2] = (uint32_t)(uint64_t)high | 7;
    plain_directory = &directory[1];
    plain_entry = window;
    memset(pool(10), 0xc3, 8192); /* RET */
    cr3 = (uint32_t)(uint64_t)directory;
    for (unsigned wp = 0; wp < 2; wp++) {
        cr0 = wp ? 0x80010011 : 0x80000011;
        for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
            window[0] = (uint32_t)(uint64_t)pool(10) | flags[i];
            print("-- WP %u entry %x\n", (uint64_t)wp, (uint64_t)flags[i]);
            accesses("4 KiB", WINDOW + 0x10);
            print("entry %x\n", (uint64_t)window[0] & 0xfff);
        }
    }
    window[0] = (uint32_t)(uint64_t)pool(10) | 7;
    window[1] = (uint32_t)(uint64_t)pool(11) | 5;
    access("straddles", "write", write4, USER_CS32, WINDOW + 0xffe);
    print("entries %x %x\n", (uint64_t)window[0] & 0xfff,
          (uint64_t)window[1] & 0xfff);
    for (unsigned pse = 0; pse < 2; pse++) {
        cr4 = pse ? 0x10 : 0;
        *plain_directory = 0x800000 | 0x87;
        print("-- 4 MiB, PSE %u\n", (uint64_t)pse);
        access("4 MiB", "read", read4, USER_CS32, WINDOW + 0xa010);
        print("entry %x\n", (uint64_t)*plain_directory & 0xfff);
        access("4 MiB", "write", write4, USER_CS32, WINDOW + 0xa010);
        print("entry %x\n", (uint64_t)*plain_directory & 0xfff);
    }
    cr4 = 0;
}

static void three_levels(void)
{
    uint64_t *pointers3 = (uint64_t *)pool(0), *directory = (void *)pool(1),
             *tables = (uint64_t *)pool(2);
    static const uint64_t entries[] = {0, 1, 5, 7, 7 | P_NX, 5 | P_NX};

    memset(pointers3, 0, 4096);
    memset(directory, 0, 4096);
    for (uint64_t i = 0; i < 512 * 6; i++) { /* 12 MiB */
        tables[i] = i << 12 | 7;
    }
    for (unsigned i = 0; i < 6; i++) {
        directory[i] = (uint64_t)(tables + 512 * i) | 7;
    }
    pointers3[0] = (uint64_t)directory | 1;
    pae_entry = &tables[WINDOW >> 12];
    memset(pool(10), 0xc3, 8192);
    cr3 = (uint32_t)(uint64_t)pointers3;
    cr4 = 0x20;
    cr0 = 0x80010011;
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        *pae_entry = (uint64_t)pool(10) | entries[i];
        print("-- PAE entry %x\n", entries[i]);
        accesses("4 KiB", WINDOW + 0x10);
        print("entry %x\n", *pae_entry & (P_NX | 0xfff));
    }
    directory[2] = 0x800000 | 0x87;
    access("2 MiB", "write", write4, USER_CS32, WINDOW + 0xa010);
    print("entry %x\n", directory[2] & 0xfff);
    directory[2] = 0x802000 | 0x87; /* a reserved bit */
    access("reserved", "read", read4, USER_CS32, WINDOW + 0xa010);
    access("no pointer", "read", read4, USER_CS32, 0x40000000);
}

int main(void)
{
    for (unsigned i = 0; i < 128; i++) {
        set_legacy_gate(i, 0, 14);
    }
    set_legacy_gate(DONE_VECTOR, 3, 14);
    set_legacy_gate(4, 3, 14);
    set_legacy_gate(0x61, 0, 15);
    legacy_task[1] = (uint32_t)(uint64_t)legacy_kernel_stack_top;
    legacy_task[2] = KERNEL_DS;
    legacy_task[25] = 104 << 16;
    exceptions();
    segments();
    two_levels();
    three_levels();
    cr0 = 0x11;
    cr4 = 0;
    transfers();
    return 0;
}
