/*
 * A bare-metal guest that knows whether it is in an interrupt's handler, in an
 * exception's, in both or in none, and says so in hypercalls.
 */
#include "bare.h"

#include "../../guest/hypercall.h"

#define FUNCTION __attribute__((noipa, noinline)) static

enum { NONE, INTERRUPT, EXCEPTION };

static volatile uint64_t state, n_probes, ticks;
static volatile bool nest; /* handlers are interrupted, too */

FUNCTION void probe(void)
{
    struct hypercall call = {0xfeed0100, state, n_probes++, 0};

    hypercall(&call);
}

static void wait_for_timer(void)
{
    uint64_t before = ticks;

    timer_start(50);
    asm volatile("sti");
    while (ticks == before) {
    }
    asm volatile("cli");
}

/* -- Handlers -------------------------------------------------------------- */

struct frame {
    uint64_t error, rip, cs, rflags, rsp, ss;
};

#define STUB(name, push) \
    void name##_stub(void); \
    asm(".text\n" #name "_stub:\n" push "push %rax\n push %rcx\n push %rdx\n" \
        "push %rsi\n push %rdi\n push %r8\n push %r9\n" \
        "push %r10\n push %r11\n" \
        "lea 72(%rsp), %rdi\n call " #name "\n" \
        "pop %r11\n pop %r10\n pop %r9\n pop %r8\n" \
        "pop %rdi\n pop %rsi\n pop %rdx\n pop %rcx\n pop %rax\n" \
        "add $8, %rsp\n iretq")
#define NO_ERROR "push $0\n"

static void once(void)
{
    asm volatile("ud2");
}

__attribute__((used)) static void on_timer(struct frame *frame)
{
    uint64_t before = state;

    (void)frame;
    state |= INTERRUPT;
    probe();
    if (nest) {
        nest = false;
        once();
        probe();
    }
    ticks++;
    timer_done();
    state = before;
}
STUB(on_timer, NO_ERROR);

/* Steps over UD2. */
__attribute__((used)) static void on_undefined(struct frame *frame)
{
    uint64_t before = state;

    state |= EXCEPTION;
    probe();
    if (nest && !(before & INTERRUPT)) {
        nest = false;
        wait_for_timer();
        probe();
        asm volatile("int3");
        probe();
    }
    frame->rip += 2;
    state = before;
}
STUB(on_undefined, NO_ERROR);

__attribute__((used)) static void on_trap(struct frame *frame)
{
    uint64_t before = state;

    (void)frame;
    state |= EXCEPTION;
    probe();
    state = before;
}
STUB(on_trap, NO_ERROR);

extern char mended[];

/* Goes on elsewhere. */
__attribute__((used)) static void on_page_fault(struct frame *frame)
{
    uint64_t before = state;

    state |= EXCEPTION;
    probe();
    frame->rip = (uint64_t)mended;
    state = before;
}
STUB(on_page_fault, "");

static void handle(unsigned vector, void (*stub)(void))
{
    struct gate *gate = &idt[vector];
    uint64_t at = (uint64_t)stub;

    set_gate(vector, 3, 0);
    gate->offset0 = (uint16_t)at;
    gate->offset1 = (uint16_t)(at >> 16);
    gate->offset2 = (uint32_t)(at >> 32);
}

/* An IRET that is only a jump. */
FUNCTION void jump_by_iret(void)
{
    asm volatile("mov %%rsp, %%rax\n push %0\n push %%rax\n pushfq\n"
                 "push %1\n lea 1f(%%rip), %%rax\n push %%rax\n iretq\n1:"
                 :
                 : "i"(KERNEL_DS), "i"(KERNEL_CS)
                 : "rax", "memory");
}

FUNCTION void kernel(void)
{
    probe();
    asm volatile("ud2");
    probe();
    asm volatile("int3");
    probe();
    asm volatile("int $0x80");
    probe();
    asm volatile("movb $1, 0x3000000\nmended:" : : : "memory");
    probe();
    jump_by_iret();
    probe();
    wait_for_timer();
    probe();
    nest = true;
    once(); /* the timer, and INT3, in an exception */
    probe();
    nest = true;
    wait_for_timer(); /* an exception in the timer's handler */
    probe();
    asm volatile("int $0x80");
    jump_by_iret();
    probe();
}

/* -- User code ------------------------------------------------------------- */

uint64_t kernel_rsp, user_rsp;
void enter_user(void (*function)(void), uint64_t rsp);
void on_syscall_stub(void);
asm(".text\nenter_user:\n push %rbx\n push %rbp\n push %r12\n push %r13\n push "
    "%r14\n"
    "push %r15\n mov %rsp, kernel_rsp\n"
    "push $0x23\n push %rsi\n push $0x202\n push $0x2b\n push %rdi\n iretq\n"
    "on_syscall_stub:\n mov %rsp, user_rsp\n mov kernel_rsp, %rsp\n"
    "test %rax, %rax\n jz leave_user\n"
    "push %rcx\n push %r11\n call on_syscall\n pop %r11\n pop %rcx\n"
    "mov user_rsp, %rsp\n sysretq\n"
    "leave_user:\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n"
    "pop %rbx\n ret");

__attribute__((used)) static void on_syscall(void)
{
    probe();
    asm volatile("ud2");
    probe();
}

static void system_call(uint64_t number)
{
    asm volatile("syscall"
                 : "+a"(number)
                 :
                 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
                   "memory");
}

FUNCTION void user(void)
{
    uint64_t before = ticks;

    probe();
    asm volatile("ud2");
    probe();
    system_call(1);
    probe();
    while (ticks == before) { /* started below, with interrupts on */
    }
    probe();
    nest = true;
    asm volatile("ud2");
    probe();
    asm volatile("int3");
    system_call(0);
}

int main(void)
{
    timer_init();
    handle(3, on_trap_stub);
    handle(6, on_undefined_stub);
    handle(14, on_page_fault_stub);
    handle(0x20, on_timer_stub);
    handle(0x80, on_trap_stub);
    wrmsr(0xc0000081, 0x1bull << 48 | 0x08ull << 32);
    wrmsr(0xc0000082, (uint64_t)on_syscall_stub);
    wrmsr(0xc0000084, 0x200);
    for (unsigned i = 0; i < 5; i++) {
        kernel();
        timer_start(200);
        enter_user(user, (uint64_t)user_stack_top - 8);
        probe();
    }
    print("probes: %u\n", n_probes);
    return 0;
}
