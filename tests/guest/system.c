/*
 * System instructions: CR0.TS and EM, time stamp, CPUID, ports by the TSS's
 * bitmap, debug registers, the CPU's identity in its registers.
 */
#include "bare.h"

static struct context c;

/* -- FPU and SSE switched off ---------------------------------------------- */

SNIPPET(x87, "fldz");
SNIPPET(x87_wait, "fwait");
SNIPPET(sse, "movaps %xmm0, %xmm1");
SNIPPET(sse_memory, "mov $0x70000000, %eax\n movups (%rax), %xmm1");
SNIPPET(save, "sub $512, %rsp\n and $-16, %rsp\n fxsave (%rsp)");
SNIPPET(clear_ts, "clts\n mov %cr0, %rax");
SNIPPET(status_word, "mov %cr0, %rax\n or $8, %eax\n lmsw %ax\n smsw %ecx");
SNIPPET(clear_pe, "mov %cr0, %rax\n and $~1, %eax\n lmsw %ax\n smsw %ecx");
SNIPPET(control_word, "fninit");
SNIPPET(integer, "mov $1, %eax\n cvtsi2sd %eax, %xmm0");
SNIPPET(prefetch, "prefetcht0 (%rsp)");
SNIPPET(fence, "mfence\n lfence\n sfence");
SNIPPET(movnti, "movnti %eax, -8(%rsp)");
SNIPPET(mxcsr, "stmxcsr -8(%rsp)");

static void floating(const char *name, uint64_t set, uint64_t clear,
                     uint64_t cr4_clear)
{
    static const struct {
        const char *name, *code;
    } codes[] = {{"fldz", x87},
                 {"fwait", x87_wait},
                 {"fninit", control_word},
                 {"movaps", sse},
                 {"movups absent", sse_memory},
                 {"fxsave", save},
                 {"cvtsi2sd", integer},
                 {"prefetch", prefetch},
                 {"fences", fence},
                 {"movnti", movnti},
                 {"stmxcsr", mxcsr}};
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();

    print("-- %s\n", name);
    for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        asm volatile("fninit");
        write_cr0((cr0 & ~clear) | set);
        write_cr4(cr4 & ~cr4_clear);
        prepare(&c, codes[i].code, USER_CS);
        print("%s: ", codes[i].name);
        enter(&c);
        write_cr0(cr0);
        write_cr4(cr4);
        print("vector %u error %x\n", c.vector, c.error);
    }
}

static void switched_off(void)
{
    uint64_t cr0 = read_cr0();

    floating("on", 0, 0, 0);
    floating("TS", 8, 2, 0);
    floating("TS MP", 10, 0, 0);
    floating("EM", 4, 2, 0);
    floating("EM TS MP", 14, 0, 0);
    floating("no OSFXSR", 0, 0, 0x200);
    floating("no OSFXSR, TS", 8, 0, 0x200);
    write_cr0(cr0 | 8);
    try("clts", clear_ts, KERNEL_CS);
    try("lmsw", status_word, KERNEL_CS);
    write_cr0(cr0);
    try("lmsw without PE", clear_pe, KERNEL_CS);
}

/* -- Exceptions of x87 and SSE --------------------------------------------- */

SNIPPET(divide_zero, "fninit\n push $0x37b\n fldcw (%rsp)\n fld1\n fldz\n"
                     "fdivrp\n nop\n fwait\n nop");
SNIPPET(sse_zero, "push $0x1d80\n ldmxcsr (%rsp)\n xorps %xmm0, %xmm0\n"
                  "mov $1, %eax\n cvtsi2sd %eax, %xmm1\n"
                  "divsd %xmm0, %xmm1\n nop");
SNIPPET(bad_mxcsr, "push $-1\n ldmxcsr (%rsp)");

static void exceptions(void)
{
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();

    print("-- exceptions\n");
    write_cr0(cr0 | 0x20);
    write_cr4(cr4 | 0x400);
    try("x87 division by zero", divide_zero, USER_CS);
    asm volatile("fninit");
    try("SSE division by zero", sse_zero, USER_CS);
    asm volatile("push $0x1f80\n ldmxcsr (%%rsp)\n pop %%rax" : : : "rax");
    write_cr4(cr4);
    try("SSE without OSXMMEXCPT", sse_zero, USER_CS);
    asm volatile("push $0x1f80\n ldmxcsr (%%rsp)\n pop %%rax" : : : "rax");
    try("reserved bits of MXCSR", bad_mxcsr, USER_CS);
    write_cr0(cr0);
}

/* -- Time, CPUID ----------------------------------------------------------- */

SNIPPET(time, "rdtsc\n mov %eax, %eax\n shl $32, %rdx\n or %rdx, %rax\n"
              "mov %rax, %rbx\n rdtsc\n shl $32, %rdx\n or %rdx, %rax\n"
              "sub %rbx, %rax\n sbb %rcx, %rcx\n xor %eax, %eax\n"
              "xor %ebx, %ebx\n xor %edx, %edx");
SNIPPET(time_plain, "rdtsc\n xor %eax, %eax\n xor %edx, %edx");
SNIPPET(time_aux, "rdtscp\n xor %eax, %eax\n xor %edx, %edx");
SNIPPET(identity, "mov $0x123456789, %rax\n cpuid\n xor %eax, %eax\n"
                  "xor %ebx, %ebx\n xor %ecx, %ecx\n xor %edx, %edx");
SNIPPET(counter, "xor %ecx, %ecx\n rdpmc");

static void time_and_identity(void)
{
    uint64_t cr4 = read_cr4(), before, after;

    print("-- time\n");
    try("rdtsc", time, USER_CS);
    wrmsr(0xc0000103, 0x4711);
    try("rdtscp", time_aux, USER_CS);
    write_cr4(cr4 | 4); /* TSD */
    try("rdtsc, TSD", time_plain, USER_CS);
    try("rdtscp, TSD", time_aux, USER_CS);
    prepare(&c, time_plain, KERNEL_CS);
    enter(&c);
    print("rdtsc, TSD, kernel: vector %u\n", c.vector);
    write_cr4(cr4);
    try("cpuid", identity, USER_CS);
    try("user rdpmc", counter, USER_CS);
    wrmsr(0x10, 0x1234567812345678);
    before = rdmsr(0x10);
    after = rdmsr(0x10);
    print("time that was set: %x\n",
          after >= before ? before >> 32 & 0xffff0000 : 0);
}

/* -- Ports ----------------------------------------------------------------- */

SNIPPET(in1, "in %dx, %al\n xor %eax, %eax");
SNIPPET(in4, "in %dx, %eax\n xor %eax, %eax");
SNIPPET(out2, "out %ax, %dx");

static void port(uint16_t number)
{
    static const struct {
        const char *name, *code;
    } codes[] = {{"in 1", in1}, {"in 4", in4}, {"out 2", out2}};

    for (unsigned i = 0; i < 3; i++) {
        prepare(&c, codes[i].code, USER_CS);
        c.r[RDX] = number;
        enter(&c);
        print(" %s %u", codes[i].name, c.vector);
    }
}

static void set_task_limit(unsigned limit)
{
    set_segment(TSS_SELECTOR, (uint32_t)(uint64_t)&tss, limit, 0x89);
    asm volatile("ltr %w0" : : "r"(TSS_SELECTOR));
}

static void ports(void)
{
    static const uint16_t numbers[] = {0x80,   0x81,   0x87,  0x86,
                                       0xfffe, 0xffff, 0x8000};

    print("-- ports\n");
    tss.io_map = 104;
    memset(tss.bits, 0, sizeof(tss.bits));
    tss.bits[8192] = 0xff;
    for (unsigned round = 0; round < 4; round++) {
        tss.bits[0x80 / 8] = round == 1 ? 0x80 : round == 2 ? 1 : 0;
        if (round == 3) {
            set_task_limit(104 + 0x80 / 8 + 1);
        }
        for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            print("round %u port %x:", (uint64_t)round, (uint64_t)numbers[i]);
            port(numbers[i]);
            print("\n");
        }
    }
    set_task_limit(104 + 0x80 / 8);
    print("the last byte alone:");
    port(0x80);
    print("\n");
    set_task_limit(sizeof(tss) - 1);
    tss.io_map = sizeof(tss);
    print("no map:");
    port(0x80);
    print("\n");
}

/* -- Debug registers ------------------------------------------------------- */

SNIPPET(read4, "mov %dr4, %rax");
SNIPPET(write4, "mov %rax, %dr4");
SNIPPET(read5, "mov %dr5, %rax");
SNIPPET(write_high, "mov $0x100000000, %rax\n mov %rax, %dr7");
SNIPPET(write_high6, "mov $0x100000000, %rax\n mov %rax, %dr6");
SNIPPET(read7, "mov %dr7, %rax");

static void debug_registers(void)
{
    uint64_t cr4 = read_cr4();

    print("-- debug registers\n");
    write_dr6(0);
    print("dr6 %x dr7 %x\n", read_dr6(), read_dr7());
    write_dr6(0xffffffff);
    print("dr6 all %x\n", read_dr6());
    write_dr6(0);
    write_dr0(0x123456789abcdef0);
    write_dr3(5);
    print("dr0 %x dr3 %x\n", read_dr0(), read_dr3());
    try("dr4", read4, KERNEL_CS);
    try("dr5", read5, KERNEL_CS);
    try("write dr4", write4, KERNEL_CS);
    write_cr4(cr4 | 8);
    try("dr4, DE", read4, KERNEL_CS);
    try("write dr4, DE", write4, KERNEL_CS);
    try("dr5, DE", read5, KERNEL_CS);
    try("user dr4, DE", read4, USER_CS);
    write_cr4(cr4);
    write_dr6(0);
    try("dr7 high", write_high, KERNEL_CS);
    try("dr6 high", write_high6, KERNEL_CS);
    write_dr6(0);
    write_dr7(0x2000 | 0x400); /* GD: any access is trapped */
    try("dr7 guarded", read7, KERNEL_CS);
    print("  dr6 %x dr7 %x\n", read_dr6(), read_dr7());
    write_dr7(0x400);
    write_dr0(0);
}

int main(void)
{
    switched_off();
    exceptions();
    time_and_identity();
    ports();
    debug_registers();
    return 0;
}
