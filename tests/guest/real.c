/*
 * Real mode: interrupts by the vector table, segments of 64 KiB, addresses that
 * wrap, and what there is only in protected mode. main() stays in long mode;
 * each case leaves it, and its exception comes back.
 */
#include "bare.h"

#define CODE16 0x58 /* selectors of 64 KiB from 0, on the way to real mode */
#define DATA16 0x60

#define JOB 0x6000 /* in low memory, like all that real mode has to reach */
#define LOW_CODE 0x7000
#define SNIPPET_AT 0x8000 /* segment 0x800 */
#define DATA_SEGMENT 0x1000
#define STACK_SEGMENT 0x2000

struct real_case { /* the code below knows the offsets */
    uint32_t r[8];
    uint16_t ip, cs, flags, ss, ds, es, fs, gs;
    uint16_t vector, idt_limit;
    uint32_t idt_base;
};
#define job ((volatile struct real_case *)JOB)

void enter_real(void);
extern char low_code[], low_code_end[], low_stubs[], low_enter[];

asm(".text\n"
    "enter_real:\n"
    "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
    "mov %rsp, real_saved\n push $0x30\n push $1f\n lretq\n"
    ".code32\n"
    "1: mov $0x60, %eax\n mov %eax, %ds\n mov %eax, %es\n mov %eax, %ss\n"
    "mov %eax, %fs\n mov %eax, %gs\n"
    "mov %cr0, %eax\n mov %eax, %ebx\n and $0x7fffffff, %eax\n"
    "mov %eax, %cr0\n"
    "mov $0xc0000080, %ecx\n rdmsr\n mov %eax, %esi\n"
    "and $~0x100, %eax\n wrmsr\n"
    "ljmp $0x58, $0x7000 + low_enter - low_code\n"
    "return_32: mov $0x10, %eax\n mov %eax, %ds\n mov %eax, %es\n"
    "mov %eax, %ss\n mov $0xc0000080, %ecx\n xor %edx, %edx\n"
    "mov %esi, %eax\n wrmsr\n mov %ebx, %cr0\n ljmp $8, $1f\n"
    ".code64\n"
    "1: lidt idt_register\n mov real_saved, %rsp\n"
    "xor %eax, %eax\n mov %eax, %fs\n mov %eax, %gs\n"
    "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
    /* This is copied down. What is kept lies behind it. */
    ".code16\n .balign 16\n low_code:\n"
    "low_enter:\n"
    "mov %ebx, 0x6040\n mov %esi, 0x6044\n"
    "mov %cr0, %eax\n and $~1, %eax\n mov %eax, %cr0\n"
    "ljmp $0, $0x7000 + 1f - low_code\n"
    "1: xor %ax, %ax\n mov %ax, %ds\n lidt 0x6032\n"
    "mov 0x6026, %ss\n mov 0x6010, %esp\n"
    "pushw 0x6024\n pushw 0x6022\n pushw 0x6020\n"
    "mov 0x602a, %es\n mov 0x602c, %fs\n mov 0x602e, %gs\n"
    "mov 0x6000, %eax\n mov 0x6004, %ecx\n mov 0x6008, %edx\n"
    "mov 0x600c, %ebx\n mov 0x6014, %ebp\n mov 0x6018, %esi\n"
    "mov 0x601c, %edi\n mov 0x6028, %ds\n iret\n"
    "low_common:\n"
    "mov %eax, %cs:0x6000\n mov %ecx, %cs:0x6004\n mov %edx, %cs:0x6008\n"
    "mov %ebx, %cs:0x600c\n mov %ebp, %cs:0x6014\n mov %esi, %cs:0x6018\n"
    "mov %edi, %cs:0x601c\n mov %ds, %cs:0x6028\n mov %es, %cs:0x602a\n"
    "mov %fs, %cs:0x602c\n mov %gs, %cs:0x602e\n mov %ss, %cs:0x6026\n"
    "popw %cs:0x6030\n popw %cs:0x6020\n popw %cs:0x6022\n popw %cs:0x6024\n"
    "mov %esp, %cs:0x6010\n cld\n"
    "mov %cs:0x6040, %ebx\n mov %cs:0x6044, %esi\n"
    "mov %cr0, %eax\n or $1, %eax\n mov %eax, %cr0\n"
    "ljmpl $0x30, $return_32\n"
    ".balign 16\n low_stubs: .set vector, 0\n .rept 128\n .balign 8\n"
    "push $vector\n jmp low_common\n .set vector, vector + 1\n .endr\n"
    "low_code_end:\n .code64\n"
    ".bss\n .balign 8\n real_saved: .skip 8\n .text\n");

/* The compiler knows of no object there. */
static uint8_t *low(uint32_t at)
{
    uint64_t address = at;

    asm("" : "+r"(address));
    return (uint8_t *)address;
}

/* -- Running --------------------------------------------------------------- */

static void set_vectors(void)
{
    uint32_t *vectors = (uint32_t *)low(0);

    for (unsigned i = 0; i < 128; i++) {
        vectors[i] = LOW_CODE + (uint32_t)(low_stubs - low_code) + 8 * i;
    }
}

static void start(const char *snippet, const char *end)
{
    memcpy(low(SNIPPET_AT), snippet, (size_t)(end - snippet) + 2);
    for (unsigned i = 0; i < 8; i++) {
        job->r[i] = 0x11110000 + 0x1111 * i;
    }
    job->r[RSP] = 0x1000;
    job->ip = 0;
    job->cs = SNIPPET_AT >> 4;
    job->flags = 2;
    job->ss = STACK_SEGMENT;
    job->ds = DATA_SEGMENT;
    job->es = job->fs = job->gs = DATA_SEGMENT;
    job->idt_base = 0;
    job->idt_limit = 0x3ff;
}

static void run(const char *name)
{
    static const char *const names[] = {"eax", "ecx", "edx", "ebx",
                                        "esp", "ebp", "esi", "edi"};
    struct real_case before = *job;

    enter_real();
    print("%s: vector %u at %x:%x flags %x", name, (uint64_t)job->vector,
          (uint64_t)job->cs, (uint64_t)job->ip, (uint64_t)job->flags);
    if (job->ds != before.ds || job->es != before.es || job->ss != before.ss) {
        print(" ds %x es %x ss %x", (uint64_t)job->ds, (uint64_t)job->es,
              (uint64_t)job->ss);
    }
    for (unsigned i = 0; i < 8; i++) {
        if (job->r[i] != before.r[i]) {
            print(" %s %x", names[i], (uint64_t)job->r[i]);
        }
    }
    print("\n");
}

#define RUN(name) \
    do { \
        start(name, name##_end); \
        run(#name); \
    } while (0)

/* -- Exceptions ------------------------------------------------------------ */

SNIPPET16(nothing, "inc %ax");
SNIPPET16(divide, "xor %cx, %cx\n div %cx");
SNIPPET16(undefined, "ud2");
SNIPPET16(breakpoint, "int3");
SNIPPET16(overflow, "mov $0x7fff, %ax\n inc %ax\n into");
SNIPPET16(bounds, "movw $1, 0\n movw $5, 2\n mov $9, %ax\n bound %ax, 0");
SNIPPET16(interrupt, "sti\n int $0x60");
SNIPPET16(step, "pushf\n orw $0x100, (%esp)\n popf\n nop\n nop");
SNIPPET16(over_end, "mov $0xffff, %bx\n mov (%bx), %ax");
SNIPPET16(over_end_32, "mov $0xfffd, %bx\n mov %eax, (%bx)");
SNIPPET16(over_stack, "mov $0xffff, %bp\n mov (%bp), %ax");
SNIPPET16(wide_address, "mov $0x10000, %ebx\n mov (%ebx), %al");
SNIPPET16(to_code, "movw $0x1234, %cs:0x100\n mov %cs:0x100, %ax");
SNIPPET16(floating, "fninit\n fld1\n fistpl 8\n mov 8, %eax");
SNIPPET16(lar_, "lar %ax, %bx");
SNIPPET16(sldt_, "sldt %ax");
SNIPPET16(str_, "str %ax");
SNIPPET16(lldt_, "lldt %ax");
SNIPPET16(ltr_, "ltr %ax");
SNIPPET16(verr_, "verr %ax");
SNIPPET16(arpl_, "arpl %ax, %bx");
SNIPPET16(machine_word, "smsw %ax\n and $0xf, %ax\n mov %cr0, %ecx\n"
                        "and $0xf, %ecx");
SNIPPET16(system_call, "syscall");
SNIPPET16(sysenter_, "sysenter");

static void exceptions(void)
{
    RUN(nothing);
    RUN(divide);
    RUN(undefined);
    RUN(breakpoint);
    RUN(overflow);
    RUN(bounds);
    RUN(interrupt);
    RUN(step);
    RUN(over_end);
    RUN(over_end_32);
    RUN(over_stack);
    RUN(wide_address);
    RUN(to_code);
    RUN(floating);
    RUN(lar_);
    RUN(sldt_);
    RUN(str_);
    RUN(verr_);
    RUN(arpl_);
    RUN(machine_word);
    RUN(lldt_);
    RUN(ltr_);
    if (on_qemu()) { /* which goes astray in what follows */
        return;
    }
    RUN(system_call);
    RUN(sysenter_);
    start(interrupt, interrupt_end);
    job->idt_limit = 0x37; /* up to #GP */
    run("beyond the table");
    start(nothing, nothing_end);
    job->idt_base = 0x400; /* elsewhere */
    memcpy(low(0x400), low(4), 4);
    memcpy(low(0x400 + 0x70 * 4), low(0x71 * 4), 4);
    run("another table");
}

/* -- Transfers and segments ------------------------------------------------ */

SNIPPET16(near_call, "call 1f\n jmp 2f\n 1: mov (%esp), %ax\n ret\n 2: nop");
SNIPPET16(far_jump, "ljmp $0x810, $0x10");
SNIPPET16(far_call, "lcall $0x7ff, $(1f - far_call + 0x10)\n nop\n jmp 2f\n"
                    "1: mov %cs, %ax\n mov (%esp), %ecx\n lret\n 2: nop");
SNIPPET16(iret_, "pushw $0x7246\n pushw $0x800\n pushw $(1f - iret_)\n iret\n"
                 "1: pushf\n pop %ax");
SNIPPET16(iret_wide, "pushl $0x7246\n pushl $0x800\n"
                     "pushl $(1f - iret_wide)\n iretl\n 1: pushfl\n pop %eax");
SNIPPET16(iret_far_away, "pushl $2\n pushl $0x800\n pushl $0x12345\n iretl");
SNIPPET16(ret_away, "pushl $0x12345\n retl");
SNIPPET16(jump_away, "mov $0x12345, %eax\n jmp *%eax");
SNIPPET16(call_away, "mov $0x12345, %eax\n call *%eax");
SNIPPET16(far_jump_away, "ljmpl $0x800, $0x12345");
SNIPPET16(jump_wraps, "jmp .+0x7000+0x7000+0x7000");
SNIPPET16(popf_, "pushw $0xffff\n popf\n pushf\n pop %ax\n pushw $2\n popf");
SNIPPET16(push_sp, "push %sp\n pop %ax");
SNIPPET16(pushes, "pusha\n mov 6(%esp), %ax\n popa\n pushal\n popal");
SNIPPET16(enter_, "enter $8, $2\n mov %bp, %ax\n leave");
SNIPPET16(stack_wraps, "mov $0x0002, %sp\n push %ax\n push %ax\n mov %sp, %cx\n"
                       "mov $0x1000, %sp");
SNIPPET16(selectors, "mov $0x1235, %ax\n mov %ax, %es\n mov %es, %cx\n"
                     "les 0, %di\n push %es\n pop %fs");
SNIPPET16(high_memory, "mov $0xffff, %ax\n mov %ax, %es\n"
                       "movl %es:0x10, %eax");
SNIPPET16(strings, "mov $0xfffe, %di\n mov $4, %cx\n mov $0x77, %al\n"
                   "rep stosb\n mov 0, %ax\n mov 0xfffe, %bx");
SNIPPET16(strings_over, "mov $0xffff, %di\n mov $2, %cx\n rep stosw");
SNIPPET16(wide_strings, "mov $0xfff0, %edi\n mov $5, %ecx\n addr32 rep stosl");
SNIPPET16(loops, "mov $0x10003, %ecx\n 1: inc %ax\n loop 1b\n"
                 "mov $3, %ecx\n 2: inc %dx\n addr32 loop 2b\n jcxz 3f\n"
                 "inc %bx\n 3: nop");
SNIPPET16(translate, "mov $0xff00, %bx\n mov $0xff, %al\n xlat");

static void transfers(void)
{
    RUN(near_call);
    memset(low(0x8110), 0xcc, 16);
    RUN(far_jump);
    RUN(far_call);
    RUN(iret_);
    RUN(iret_wide);
    memset(low(SNIPPET_AT + 0x5000), 0xcc, 16);
    RUN(jump_wraps);
    RUN(popf_);
    RUN(push_sp);
    RUN(pushes);
    RUN(enter_);
    RUN(stack_wraps);
    RUN(selectors);
    RUN(high_memory);
    memset(low(0x10000), 0, 16);
    RUN(strings);
    RUN(loops);
    RUN(translate);
}

/* QEMU looks at no limit, and is lost then. */
static void beyond(void)
{
    RUN(iret_far_away);
    RUN(ret_away);
    RUN(jump_away);
    RUN(call_away);
    RUN(far_jump_away);
    RUN(strings_over);
    RUN(wide_strings);
}

int main(void)
{
    memcpy(low(LOW_CODE), low_code, (size_t)(low_code_end - low_code));
    set_segment(CODE16, 0, 0xffff, 0x9b);
    set_segment(DATA16, 0, 0xffff, 0x93);
    set_vectors();
    exceptions();
    transfers();
    if (!on_qemu()) {
        beyond();
    }
    return 0;
}
