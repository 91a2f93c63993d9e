/* The plainest faults, and that nothing is changed by them. */
#include "bare.h"

SNIPPET(nothing, "");
SNIPPET(divide, "xor %ecx, %ecx\n div %ecx");
SNIPPET(ud2, "ud2");
SNIPPET(int3, "int3");
SNIPPET(int1, ".byte 0xf1");
SNIPPET(page, "mov $0x40000000, %eax\n add %ecx, (%rax)");
SNIPPET(page_read, "mov 0x40000004, %eax");
SNIPPET(page_fetch, "mov $0x40000008, %eax\n jmp *%rax");
SNIPPET(noncanonical, "mov $0x0000800000000000, %rax\n mov (%rax), %ecx");
SNIPPET(noncanonical_stack, "mov $0x0000800000000000, %rsp\n push %rax");
SNIPPET(noncanonical_rbp, "mov $0x0000800000000000, %rbp\n mov (%rbp), %eax");
SNIPPET(noncanonical_ds_rbp,
        "mov $0x0000800000000000, %rbp\n mov %ds:(%rbp), %eax");
SNIPPET(noncanonical_call, "mov $0x8000000000000000, %rsp\n call .+5");
SNIPPET(noncanonical_jump, "mov $0x0000800000000000, %rax\n jmp *%rax");
SNIPPET(noncanonical_ret, "mov $0x0000800000000000, %rax\n push %rax\n ret");
SNIPPET(noncanonical_call_there, "mov $0x0000800000000000, %rax\n call *%rax");
SNIPPET(noncanonical_memory, "mov $0x0000800000000000, %rax\n push %rax\n"
                             "jmp *(%rsp)");
SNIPPET(straddle, "mov $0x00007ffffffffffc, %rax\n mov (%rax), %rcx");
SNIPPET(bad_segment, "mov $0x1000, %eax\n mov %eax, %ds");
SNIPPET(null_ss, "xor %eax, %eax\n mov %eax, %ss");
SNIPPET(cs_as_ss, "mov $8, %eax\n mov %eax, %ss");
SNIPPET(privileged, "hlt");
SNIPPET(user_cli, "cli");
SNIPPET(user_sti, "sti");
SNIPPET(user_in, "in $0x80, %al");
SNIPPET(user_out, "out %al, $0x80");
SNIPPET(user_cr, "mov %cr0, %rax");
SNIPPET(user_dr, "mov %dr7, %rax");
SNIPPET(user_msr, "mov $0xc0000080, %ecx\n rdmsr");
SNIPPET(user_invlpg, "invlpg (%rax)");
SNIPPET(user_wbinvd, "wbinvd");
SNIPPET(user_lgdt, "lgdt (%rsp)");
SNIPPET(user_swapgs, "swapgs");
SNIPPET(user_int, "int $0x20");
SNIPPET(user_clts, "clts");
SNIPPET(user_ltr, "ltr %ax");
SNIPPET(user_lmsw, "lmsw %ax");
SNIPPET(user_sysret, "sysretq");
SNIPPET(msr, "mov $0x12345678, %ecx\n rdmsr");
SNIPPET(msr_write, "mov $0x12345678, %ecx\n wrmsr");
SNIPPET(cr8, "mov $16, %eax\n mov %rax, %cr8");
SNIPPET(cr0, "mov %cr0, %rax\n btr $0, %rax\n mov %rax, %cr0");
SNIPPET(cr0_nw, "mov %cr0, %rax\n bts $29, %rax\n mov %rax, %cr0");
SNIPPET(cr0_pg, "mov %cr0, %rax\n btr $31, %rax\n mov %rax, %cr0");
SNIPPET(cr0_cd, "mov %cr0, %rax\n bts $30, %rax\n mov %rax, %cr0");
SNIPPET(cr0_high, "mov %cr0, %rax\n bts $32, %rax\n mov %rax, %cr0");
SNIPPET(cr4, "mov %cr4, %rax\n bts $30, %rax\n mov %rax, %cr4");
SNIPPET(cr4_pae, "mov %cr4, %rax\n btr $5, %rax\n mov %rax, %cr4");
SNIPPET(efer, "mov $0xc0000080, %ecx\n rdmsr\n bts $1, %eax\n wrmsr");
SNIPPET(efer_lme, "mov $0xc0000080, %ecx\n rdmsr\n btr $8, %eax\n wrmsr");
SNIPPET(lstar, "mov $0xc0000082, %ecx\n mov $0x8000, %edx\n wrmsr");
SNIPPET(gs_base, "mov $0xc0000101, %ecx\n mov $0x8000, %edx\n wrmsr");
SNIPPET(cr1, ".byte 0x0f, 0x20, 0xc8");
SNIPPET(sse_alignment, "lea 8(%rsp), %rax\n movaps (%rax), %xmm0");
SNIPPET(lock_register, ".byte 0xf0, 0x01, 0xc0");
SNIPPET(too_long, ".fill 15, 1, 0x66\n nop");
SNIPPET(longest, ".fill 14, 1, 0x66\n nop");
SNIPPET(syscall_disabled, "mov $0xc0000080, %ecx\n rdmsr\n btr $0, %eax\n"
                          "wrmsr\n syscall");
SNIPPET(aam, ".byte 0xd4, 0x0a"); /* not in 64-bit mode */
SNIPPET(clflush, "mov $0x40000000, %eax\n clflush (%rax)");
SNIPPET(clflush_there, "clflush (%rsp)");
SNIPPET(prefetch, "mov $0x40000000, %eax\n prefetcht0 (%rax)");
SNIPPET(x87_memory, "mov $0x40000000, %eax\n fldl (%rax)");

#define TRY(name, cs) try(#name, name, cs)

int main(void)
{
    static const char *const user_names[] = {
        "hlt",   "cli",    "sti",    "in",   "out",    "mov cr",   "mov dr",
        "rdmsr", "invlpg", "wbinvd", "lgdt", "swapgs", "int 0x20", "clts",
        "ltr",   "lmsw",   "sysret", "int3", "int1",   "clflush",  "ud2"};
    static char *const user[] = {
        privileged, user_cli,    user_sti, user_in,     user_out,
        user_cr,    user_dr,     user_msr, user_invlpg, user_wbinvd,
        user_lgdt,  user_swapgs, user_int, user_clts,   user_ltr,
        user_lmsw,  user_sysret, int3,     int1,        clflush_there,
        ud2};

    TRY(nothing, KERNEL_CS);
    TRY(divide, KERNEL_CS);
    TRY(ud2, KERNEL_CS);
    TRY(int3, KERNEL_CS);
    TRY(int1, KERNEL_CS);
    TRY(page, KERNEL_CS);
    TRY(page_read, KERNEL_CS);
    TRY(page_fetch, KERNEL_CS);
    TRY(page, USER_CS);
    TRY(page_read, USER_CS);
    TRY(page_fetch, USER_CS);
    TRY(noncanonical, KERNEL_CS);
    TRY(noncanonical_stack, USER_CS);
    TRY(noncanonical_rbp, KERNEL_CS);
    TRY(noncanonical_ds_rbp, KERNEL_CS);
    TRY(noncanonical_call, USER_CS);
    TRY(noncanonical_jump, KERNEL_CS);
    TRY(noncanonical_ret, KERNEL_CS);
    TRY(noncanonical_ret, USER_CS);
    TRY(noncanonical_call_there, USER_CS);
    TRY(noncanonical_memory, USER_CS);
    TRY(straddle, KERNEL_CS);
    TRY(bad_segment, KERNEL_CS);
    TRY(null_ss, KERNEL_CS);
    TRY(null_ss, USER_CS);
    TRY(cs_as_ss, KERNEL_CS);
    for (unsigned i = 0; i < sizeof(user) / sizeof(user[0]); i++) {
        print("user ");
        try(user_names[i], user[i], USER_CS);
    }
    TRY(msr, KERNEL_CS);
    TRY(msr_write, KERNEL_CS);
    TRY(cr8, KERNEL_CS);
    if (!on_qemu()) { /* which loses its way, or its mode */
        TRY(cr0, KERNEL_CS);
        TRY(cr0_pg, KERNEL_CS);
        TRY(cr0_high, KERNEL_CS);
        TRY(cr0_nw, KERNEL_CS);
        TRY(cr4, KERNEL_CS);
        TRY(cr4_pae, KERNEL_CS);
        TRY(efer, KERNEL_CS);
        TRY(efer_lme, KERNEL_CS);
    }
    TRY(lstar, KERNEL_CS);
    TRY(gs_base, KERNEL_CS);
    TRY(cr1, KERNEL_CS);
    TRY(sse_alignment, KERNEL_CS);
    TRY(lock_register, KERNEL_CS);
    TRY(too_long, KERNEL_CS);
    TRY(longest, KERNEL_CS);
    TRY(aam, KERNEL_CS);
    TRY(clflush, KERNEL_CS);
    TRY(clflush_there, KERNEL_CS);
    TRY(prefetch, KERNEL_CS);
    TRY(x87_memory, KERNEL_CS);
    TRY(cr0_cd, KERNEL_CS);
    TRY(syscall_disabled, KERNEL_CS);
    return 0;
}
