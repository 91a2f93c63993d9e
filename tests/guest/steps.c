/*
 * Single steps, interrupt shadows and the resume flag: what comes between
 * which instructions.
 */
#include "bare.h"

SNIPPET(plain, "inc %eax\n nop\n lea 1(%rax), %ecx");
SNIPPET(jumps, "jmp 1f\n nop\n 1: test %eax, %eax\n jz 2f\n nop\n"
               "2: jnz 3f\n 3: call 4f\n jmp 5f\n 4: ret\n 5:");
SNIPPET(rep, "mov $3, %ecx\n lea -64(%rsp), %rdi\n rep stosb\n nop");
SNIPPET(rep_none, "xor %ecx, %ecx\n rep stosb\n nop");
SNIPPET(rep_scan, "mov $9, %ecx\n lea -64(%rsp), %rdi\n mov $5, %al\n"
                  "movl $0x05040302, -64(%rsp)\n repne scasb\n nop");
SNIPPET(mov_ss, "mov %ss, %eax\n mov %eax, %ss\n inc %ecx\n inc %edx");
SNIPPET(mov_ss_twice, "mov %ss, %eax\n mov %eax, %ss\n mov %eax, %ss\n"
                      "inc %ecx\n inc %edx");
SNIPPET(mov_ds, "mov %ds, %eax\n mov %eax, %ds\n inc %ecx");
SNIPPET(lss, "movw %ss, 8(%rsp)\n mov %esp, 4(%rsp)\n lss 4(%rsp), %esp\n"
             "inc %ecx\n inc %edx");
SNIPPET(popf_clear, "pushf\n btrq $8, (%rsp)\n popf\n inc %eax");
SNIPPET(popf_set, "pushf\n btsq $8, (%rsp)\n popf\n inc %eax\n inc %ecx");
SNIPPET(pushf, "pushf\n pop %rax");
SNIPPET(sti, "cli\n sti\n inc %eax\n cli");
SNIPPET(int_n, "inc %eax\n int $0x60\n inc %ecx");
SNIPPET(int3_, "inc %eax\n int3");
SNIPPET(faulting, "inc %eax\n ud2");
SNIPPET(faulting_ss, "mov %ss, %eax\n mov %eax, %ss\n ud2");
SNIPPET(int_ss, "mov %ss, %eax\n mov %eax, %ss\n int $0x60");
SNIPPET(system_call, "inc %eax\n syscall");
SNIPPET(iret_clear, "mov %rsp, %rax\n mov %ss, %ecx\n push %rcx\n push %rax\n"
                    "pushf\n btrq $8, (%rsp)\n push $8\n"
                    "lea 1f(%rip), %rax\n push %rax\n iretq\n"
                    "1: inc %ecx");
SNIPPET(iret_set, "mov %rsp, %rax\n mov %ss, %ecx\n push %rcx\n push %rax\n"
                  "pushf\n btsq $8, (%rsp)\n push $8\n"
                  "lea 1f(%rip), %rax\n push %rax\n iretq\n"
                  "1: inc %ecx\n inc %edx");
SNIPPET(hlt, "sti\n hlt\n inc %ecx");
SNIPPET(wrmsr_, "mov $0xc0000080, %ecx\n rdmsr\n wrmsr\n nop");
SNIPPET(mov_cr, "mov %cr3, %rax\n mov %rax, %cr3\n nop");
SNIPPET(out_, "out %al, $0x80\n nop");
SNIPPET(cpuid_, "mov $0x80000008, %eax\n cpuid\n nop");
SNIPPET(device, "mov $0xa0000, %eax\n add %ecx, (%rax)\n nop");
SNIPPET(after_system_call, "inc %edx\n inc %esi");

static struct context c;

static void step(const char *name, const char *snippet, unsigned cs)
{
    prepare(&c, snippet, cs);
    steps(name, &c, snippet, 12);
}

static void single_steps(void)
{
    step("plain", plain, KERNEL_CS);
    step("plain user", plain, USER_CS);
    step("jumps", jumps, KERNEL_CS);
    step("rep", rep, KERNEL_CS);
    step("rep none", rep_none, KERNEL_CS);
    step("rep scan", rep_scan, KERNEL_CS);
    step("mov ss", mov_ss, KERNEL_CS);
    step("mov ds", mov_ds, KERNEL_CS);
    step("lss", lss, KERNEL_CS);
    step("popf clear", popf_clear, KERNEL_CS);
    step("sti", sti, KERNEL_CS);
    step("int", int_n, KERNEL_CS);
    step("int3", int3_, KERNEL_CS);
    step("ud2", faulting, KERNEL_CS);
    step("iret clear", iret_clear, KERNEL_CS);
    step("wrmsr", wrmsr_, KERNEL_CS);
    step("mov cr3", mov_cr, KERNEL_CS);
    step("out", out_, KERNEL_CS);
    step("cpuid", cpuid_, KERNEL_CS);
    step("device", device, KERNEL_CS);
    step("after mov ss, ud2", faulting_ss, KERNEL_CS);
    step("after mov ss, int", int_ss, KERNEL_CS);
    /* Set on the way: the instruction that sets it makes no trap. */
    try("popf set", popf_set, KERNEL_CS);
    try("iret set", iret_set, KERNEL_CS);
    prepare(&c, pushf, USER_CS);
    c.rflags |= 0x10000; /* RF is not pushed by pushf */
    show("pushf with RF", &c, pushf);
}

static void system_calls(void)
{
    wrmsr(0xc0000081, 0x0018000800000000ull); /* STAR: kernel CS 8 */
    wrmsr(0xc0000082, (uint64_t)after_system_call);
    wrmsr(0xc0000084, 0x100); /* clears TF */
    step("syscall", system_call, USER_CS);
    wrmsr(0xc0000084, 0);
    step("syscall keeping TF", system_call, USER_CS);
    wrmsr(0xc0000084, ~0ull);
    try("syscall mask", system_call, USER_CS);
}

SNIPPET(sti_nothing, "sti\n inc %ecx\n inc %ecx\n inc %ecx");

/* The timer is due already: after which instruction does it come? */
static void shadow(const char *name, const char *snippet, uint64_t flags)
{
    prepare(&c, snippet, KERNEL_CS);
    c.rflags |= flags;
    c.r[RCX] = c.r[RDX] = 0;
    timer_start(20);
    for (int i = 0; i < 100000; i++) {
        out8(0x20, 0x0a); /* read the request register */
        if (in8(0x20) & 1) {
            break;
        }
    }
    show(name, &c, snippet);
    if (c.vector == 0x20) {
        timer_done();
    } else {
        prepare(&c, sti_nothing, KERNEL_CS);
        enter(&c);
        check(c.vector == 0x20, "the interrupt is still there");
        timer_done();
    }
}

SNIPPET(sti_cli, "sti\n cli\n inc %ecx\n inc %ecx");
SNIPPET(sti_sti, "sti\n sti\n inc %ecx\n inc %ecx");
SNIPPET(sti_hlt, "sti\n hlt\n inc %ecx");
SNIPPET(sti_mov_ss, "mov %ss, %eax\n sti\n mov %eax, %ss\n inc %ecx\n"
                    "inc %ecx");
SNIPPET(sti_rep, "lea -64(%rsp), %rdi\n mov $4, %ecx\n sti\n rep stosb\n"
                 "inc %edx");
SNIPPET(sti_rep_none, "lea -64(%rsp), %rdi\n xor %ecx, %ecx\n sti\n"
                      "rep stosb\n inc %edx\n inc %edx");
SNIPPET(sti_out, "sti\n out %al, $0x80\n inc %ecx");
SNIPPET(sti_device, "mov $0xa0000, %eax\n sti\n add %edx, (%rax)\n"
                    "inc %ecx");
SNIPPET(sti_ud2, "sti\n ud2\n inc %ecx");
SNIPPET(sti_jump, "sti\n jmp 1f\n 1: inc %ecx");
SNIPPET(popf_if, "pushf\n orl $0x200, (%rsp)\n popf\n inc %ecx\n inc %ecx");
SNIPPET(iret_if, "mov %rsp, %rax\n mov %ss, %edi\n push %rdi\n push %rax\n"
                 "pushf\n orl $0x200, (%rsp)\n push $8\n"
                 "lea 1f(%rip), %rax\n push %rax\n iretq\n"
                 "1: inc %ecx");
SNIPPET(nop_if, "inc %ecx\n inc %ecx");
SNIPPET(ss_if, "mov %eax, %ss\n inc %ecx\n inc %ecx");
SNIPPET(cr8_if, "mov $15, %eax\n mov %rax, %cr8\n sti\n nop\n inc %ecx\n"
                "xor %eax, %eax\n mov %rax, %cr8\n inc %ecx");

static void shadows(void)
{
    timer_init();
    shadow("sti", sti_nothing, 0);
    shadow("sti, IF set", sti_nothing, 0x200);
    shadow("sti cli", sti_cli, 0);
    shadow("sti sti", sti_sti, 0);
    shadow("sti hlt", sti_hlt, 0);
    shadow("sti, mov ss", sti_mov_ss, 0);
    shadow("sti, rep", sti_rep, 0);
    shadow("sti, rep none", sti_rep_none, 0);
    shadow("sti, out", sti_out, 0);
    shadow("sti, device", sti_device, 0);
    shadow("sti, ud2", sti_ud2, 0);
    shadow("sti, jmp", sti_jump, 0);
    shadow("popf", popf_if, 0);
    shadow("iret", iret_if, 0);
    shadow("nop, IF set", nop_if, 0x200);
    shadow("sti, TF set", sti_nothing, 0x100);
}

int main(void)
{
    set_gate(0x60, 3, 0);
    single_steps();
    system_calls();
    shadows();
    return 0;
}
