/*
 * The guest of tests/rulings.py: code at labels, of which it is known where
 * its blocks end and what it accesses, and places where plugins steer.
 *
 * Hypercalls mark what comes next: EAX is 0x52554c45, EBX the mark.
 */
#include "bare.h"

#include "../../guest/hypercall.h"

enum { /* as tests/rulings.py and the plugins have them */
       MARK_STEER = 1,
       MARK_SECOND,
       MARK_THIRD,
       MARK_CLAIM,
       MARK_WHOLE,
};

static uint64_t mark(uint64_t number)
{
    struct hypercall call = {0x52554c45, number, 0, 0};

    hypercall(&call);
    return call.a;
}

/* -- Where blocks end ------------------------------------------------------ */

/* z_NAME is where a block begins, a_NAME what follows the instruction. */
#define CASE(name, setup, insn) \
    asm(".text\n" setup "\njmp z_" #name "\nz_" #name ": nop\n" insn \
        "\na_" #name ": nop\n jmp " #name "_over\n" #name "_over:");

asm(".text\ncases:");
CASE(jump, "", "jmp a_jump")
CASE(not_taken, "or $1, %eax", "jz cases")
CASE(call, "", "call plain_ret")
CASE(loop, "mov $1, %ecx", "loop cases")
CASE(mov_cr0, "mov %cr0, %rax", "mov %rax, %cr0")
CASE(mov_cr3, "mov %cr3, %rax", "mov %rax, %cr3")
CASE(mov_cr4, "mov %cr4, %rax", "mov %rax, %cr4")
CASE(mov_dr, "xor %eax, %eax", "mov %rax, %dr0")
CASE(clts, "", "clts")
CASE(lmsw, "smsw %ax", "lmsw %ax")
CASE(wrmsr, "mov $0xc0000102, %ecx\n rdmsr", "wrmsr")
CASE(mov_ss, "mov %ss, %eax", "mov %eax, %ss")
CASE(pop_fs, "push $0", "pop %fs")
CASE(popf, "pushf", "popf")
CASE(cld, "", "cld")
CASE(std, "", "std")
CASE(cli, "cld", "cli")
CASE(sti, "", "sti")
CASE(in, "cli\n mov $0x3fd, %edx", "in %dx, %al")
CASE(out, "", "out %al, $0x80")
CASE(cpuid, "xor %eax, %eax", "cpuid")
CASE(iret,
     "mov %rsp, %rcx\n push $0x10\n push %rcx\n pushf\n push $8\n"
     "push $a_iret",
     "iretq")
CASE(int, "", "int $0x80")
/* These do not end one. */
CASE(from_cr, "", "mov %cr0, %rax")
CASE(pushf, "", "pushf\n pop %rax")
CASE(rdmsr, "mov $0xc0000102, %ecx", "rdmsr")
CASE(rdtsc, "", "rdtsc")
CASE(lock, "", "lock xadd %rax, words")
CASE(movs, "mov $words, %esi\n mov $words, %edi", "movsb")
CASE(invlpg, "", "invlpg words")
CASE(cmov, "", "cmovz %rax, %rcx")
CASE(x87, "fninit", "fld1\n fstp %st(0)")
/* A REP string instruction does, with each iteration. */
CASE(rep, "mov $words, %edi\n mov $5, %ecx", "rep stosb")
/* A fault in the midst; the handler goes on behind it. */
CASE(fault, "", "movq 0x3000000, %rax\nb_fault: nop")
/* A store into the later bytes of its block. */
CASE(modified, "", "movb $0x90, c_modified\nb_modified: nop\nc_modified: clc")
asm(".p2align 12\nz_long: .fill 600, 1, 0x90\n jmp edge\n");
/* Three bytes before a page's end, an instruction of five. */
asm("edge: jmp z_edge\n .p2align 12\n .fill 4090, 1, 0xcc\n"
    "z_edge: nop\n nop\n nop\nb_edge: mov $1, %eax\na_edge: nop\n ret\n"
    "plain_ret: ret");
void run_cases(void);
asm("run_cases: push %rbx\n call cases\n pop %rbx\n ret");

/* The timer comes in the midst of a block. */
void long_block(void);
asm(".p2align 12\nlong_block: sti\n nop\n jmp z_timer\nz_timer: .fill 500, 1, "
    "0x90\n"
    "cmpl $0, ticks\n jz z_timer\n cli\n ret\nlong_block_end:");
volatile uint32_t ticks;

/* -- What is accessed ------------------------------------------------------ */

asm(".bss\n .p2align 12\n words: .skip 2048\n area: .skip 1024\n"
    "small: .skip 1024\n small_top: .skip 4096\n.text");

/* m_NAME is the instruction; its accesses are known. RSP is small_top. */
#define ACCESS(name, setup, insn) \
    asm(".text\nmov $small_top, %esp\n" setup "\nm_" #name ": " insn);

asm(".text\nrun_accesses: push %rbx\n mov %rsp, keep\n"
    "mov %cr4, %rax\n or $0x200, %eax\n mov %rax, %cr4");
ACCESS(push, "mov $0x1122334455667788, %rax", "push %rax")
ACCESS(pop, "sub $8, %esp", "pop %rax")
ACCESS(call, "", "call 1f\n1:")
ACCESS(ret, "push $1f", "ret\n1:")
ACCESS(enter, "", "enter $16, $0")
ACCESS(movs, "mov $words, %esi\n mov $area, %edi", "movsq")
ACCESS(cmps, "mov $words, %esi\n mov $area, %edi", "cmpsl")
ACCESS(add, "mov $1, %eax", "lock addl %eax, words")
ACCESS(byte, "mov $0xabcd, %eax", "movb %al, words+5")
ACCESS(vector, "", "movups words, %xmm0")
ACCESS(store, "pcmpeqd %xmm1, %xmm1", "movups %xmm1, area+8")
ACCESS(masked, "mov $area, %edi", "maskmovdqu %xmm1, %xmm0")
ACCESS(fxsave, "", "fxsave area")
ACCESS(crossing, "mov $0x0807060504030201, %rax", "mov %rax, words+4092")
ACCESS(segment, "mov $0x10, %eax", "mov %eax, %ds")
ACCESS(walk, "mov %cr3, %rax\n mov %rax, %cr3", "movl words, %eax")
ACCESS(int, "", "int $0x80")
ACCESS(device, "mov $0xfee00080, %ecx\n movl $0x20, (%rcx)", "mov (%rcx), %eax")
ACCESS(quiet, "mov $0xfee00080, %ecx", "movl $0, (%rcx)")
asm("mov keep, %rsp\n pop %rbx\n ret");
void run_accesses(void);
uint64_t keep;

/* -- Handlers -------------------------------------------------------------- */

void on_fault(void), on_trap(void), on_timer(void);
asm(".text\non_fault: add $8, %rsp\n movq $b_fault, (%rsp)\n iretq\n"
    "on_trap: iretq\n"
    "on_timer: incl ticks\n push %rax\n mov $0x20, %al\n out %al, $0x20\n"
    "pop %rax\n iretq");
/* Each puts its number away, and steps over the two bytes of UD2. */
void vector_6(void), vector_61(void), vector_62(void);
asm("vector_6: movl $6, came\n addq $2, (%rsp)\n iretq\n"
    "vector_61: movl $0x61, came\n addq $2, (%rsp)\n iretq\n"
    "vector_62: movl $0x62, came\n addq $2, (%rsp)\n iretq\n");
volatile uint32_t came;

static void handle(unsigned vector, void (*handler)(void))
{
    struct gate *gate = &idt[vector];
    uint64_t at = (uint64_t)handler;

    set_gate(vector, 3, 0);
    gate->offset0 = (uint16_t)at;
    gate->offset1 = (uint16_t)(at >> 16);
}

/* -- A code segment with a base -------------------------------------------- */

SNIPPET32(based, "nop\n push %eax\n pop %eax\n nop");

static void run_based(void)
{
    struct context c;

    set_segment(FREE_SELECTOR, 0x10000, 0xfffff, 0xc9b);
    prepare(&c, based - 0x10000, FREE_SELECTOR);
    enter(&c);
    check(c.vector == DONE_VECTOR, "a segment with a base");
}

int main(void)
{
    uint64_t table = read_cr3();

    timer_init();
    handle(14, on_fault);
    handle(0x80, on_trap);
    handle(0x20, on_timer);
    run_cases();
    timer_start(20);
    long_block();
    run_accesses();
    run_based();
    mark(MARK_SECOND);
    run_accesses();
    mark(MARK_THIRD);
    run_accesses();
    handle(6, vector_6);
    handle(0x61, vector_61);
    handle(0x62, vector_62);
    mark(MARK_STEER);
    asm volatile("ud2");
    asm volatile("mov %0, %%cr3" : : "r"(table + 8));
    print("exception came as %x\n", (uint64_t)came);
    print("cr3 %s, dr0 %x\n", read_cr3() == table ? "stays" : "changes",
          read_dr0());
    write_cr3(table);
    print("claimed: %x\n", mark(MARK_CLAIM));
    page_tables[(POOL >> 12) + 1] = 0; /* what follows pool(0) is not there */
    invlpg(pool(1));
    memset(pool(0), 0x77, 4096);
    mark(MARK_WHOLE);
    print("memory %s\n",
          pool(0)[4092] == 0x77 && pool(0)[4095] == 0x77 ? "stays" : "changes");
    return 0;
}
