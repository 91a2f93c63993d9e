/*
 * Device memory in the middle of a run of instructions: every kind of access
 * to it, with registers and memory before and behind that must change once.
 * Where there is no device, writes are lost and reads give ones.
 */
#include "bare.h"

#define HOLE 0xd0000000ul
#define EDGE 0x2800000ul /* of 40 MiB of memory */

static struct context c;

/* RDI: the device; R8, R9 count what runs before and behind. */
#define AROUND(code) \
    "inc %r8\n addq $1, (%rsi)\n " code "\n inc %r9\n addq $1, 8(%rsi)"
SNIPPET(load, AROUND("mov (%rdi), %eax"));
SNIPPET(store, AROUND("movl $0x20, (%rdi)"));
SNIPPET(add, AROUND("addl %ecx, (%rdi)"));
SNIPPET(lock_add, AROUND("lock addl %ecx, (%rdi)"));
SNIPPET(xchg, AROUND("xchg %ecx, (%rdi)"));
SNIPPET(cmpxchg, AROUND("mov (%rdi), %eax\n cmpxchg %ecx, (%rdi)"));
SNIPPET(inc, AROUND("incl (%rdi)"));
SNIPPET(test, AROUND("testl $0x10, (%rdi)"));
SNIPPET(push, AROUND("pushq (%rdi)\n pop %rdx"));
SNIPPET(pop, AROUND("push $0x30\n popq (%rdi)"));
SNIPPET(movs_from, AROUND("xchg %rsi, %rdi\n movsl\n sub $4, %rsi\n"
                          "sub $4, %rdi\n xchg %rsi, %rdi\n mov (%rsi), %edx\n"
                          "movl $0, (%rsi)"));
SNIPPET(stos, AROUND("mov $0x40, %eax\n stosl"));
SNIPPET(two_loads, AROUND("mov (%rdi), %eax\n mov (%rdi), %edx\n"
                          "mov (%rdi), %ecx"));
SNIPPET(two_stores, AROUND("movl $0x50, (%rdi)\n movl $0x60, (%rdi)"));
SNIPPET(branch, AROUND("cmpl $0, (%rdi)\n jne 1f\n inc %rdx\n 1: inc %rcx"));
SNIPPET(loop, "mov $5, %ecx\n 1: " AROUND("addl $1, (%rdi)") "\n loop 1b");
SNIPPET(shadow, AROUND("mov %ss, %eax\n mov %eax, %ss\n mov (%rdi), %eax"));
SNIPPET(fault_after, AROUND("movl $0x70, (%rdi)\n ud2"));
SNIPPET(fault_in, AROUND("mov %rdi, %rax\n mov $0x70000000, %edi\n"
                         "xchg %rsi, %rax\n movsl"));
SNIPPET(jump, AROUND("lea 1f(%rip), %rax\n cmpl $0, (%rdi)\n jmp *%rax\n"
                     "1:"));
SNIPPET(vector, AROUND("movups (%rdi), %xmm0\n movups %xmm0, (%rdi)"));
SNIPPET(port, AROUND("out %al, $0x80"));
SNIPPET(two_ports, AROUND("out %al, $0x80\n out %al, $0x80\n"
                          "mov (%rdi), %eax\n out %al, $0x80"));

static void go(const char *name, const char *snippet, uint64_t device)
{
    prepare(&c, snippet, KERNEL_CS);
    c.r[RDI] = device;
    c.r[RSI] = (uint64_t)pool(0);
    c.r[RCX] = 1;
    c.r[R8] = c.r[R9] = 0;
    *(uint64_t *)pool(0) = *(uint64_t *)pool(1) = 0;
    ((uint64_t *)pool(0))[1] = 0;
    show(name, &c, snippet);
    print("  memory %x %x\n", *(uint64_t *)pool(0), ((uint64_t *)pool(0))[1]);
}

static void all(uint64_t device)
{
#define GO(name) go(#name, name, device)
    GO(load);
    GO(store);
    GO(add);
    GO(lock_add);
    GO(xchg);
    GO(cmpxchg);
    GO(inc);
    GO(test);
    GO(push);
    GO(pop);
    GO(movs_from);
    GO(stos);
    GO(two_loads);
    GO(two_stores);
    GO(branch);
    GO(loop);
    GO(shadow);
    GO(fault_after);
    GO(fault_in);
    GO(jump);
    GO(vector);
    GO(port);
    GO(two_ports);
}

/* From memory into the hole: an access that is half and half. */
SNIPPET(edge_load, AROUND("mov -4(%rdi), %rax"));
SNIPPET(edge_store, AROUND("mov %rcx, -4(%rdi)"));

int main(void)
{
    print("hole\n");
    all(HOLE);
    *(volatile uint32_t *)(EDGE - 4) = 0x12345678;
    go("edge load", edge_load, EDGE);
    go("edge store", edge_store, EDGE);
    print("memory at the edge %x\n",
          (uint64_t) * (volatile uint32_t *)(EDGE - 4));
    return 0;
}
