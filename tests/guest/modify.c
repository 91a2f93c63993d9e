/*
 * Code that is written while it runs: within a page, across two pages, within
 * the running unit, through another mapping, by every kind of store.
 */
#include "bare.h"

#define ALIAS 0x40000000ul
static uint64_t *const directory = (uint64_t *)(POOL + 0x100000);
static uint64_t *const table = (uint64_t *)(POOL + 0x101000);
static struct context c;

static void alias(unsigned n, unsigned page)
{
    table[n] = (uint64_t)pool(page) | 7;
    invlpg((void *)(ALIAS + 4096ul * n));
}

static void take(uint8_t *to, const char *from, const char *end)
{
    memcpy(to, from, (size_t)(end - from) + 2); /* with the INT */
}

#define TAKE(to, name) take(to, name, name##_end)

static void go(const char *name, const void *where, unsigned cs, uint64_t rdi,
               uint64_t rsi)
{
    prepare(&c, where, cs);
    c.r[RDI] = rdi;
    c.r[RSI] = rsi;
    show(name, &c, where);
}

/* -- Within the running unit ----------------------------------------------- */

/* Each writes the constant of an instruction ahead, or behind. */
SNIPPET(ahead, "movb $7, 1f+1(%rip)\n nop\n 1: mov $1, %eax");
SNIPPET(next, "movb $7, 1f+1(%rip)\n 1: mov $1, %eax");
SNIPPET(ahead_16, "movw $0x9090, 1f(%rip)\n 1: inc %eax\n inc %ecx");
SNIPPET(to_jump, "movw $0x02eb, 1f(%rip)\n 1: inc %eax\n inc %ecx\n inc %edx");
SNIPPET(by_push, "lea 1f+8(%rip), %rsp\n mov $0x9090909090909090, %rax\n"
                 "push %rax\n 1: inc %ecx\n inc %ecx\n inc %ecx\n inc %ecx\n"
                 "inc %edx\n mov $user_stack_top, %esp");
SNIPPET(by_add, "addb $2, 1f+1(%rip)\n 1: mov $1, %eax");
SNIPPET(by_xchg, "mov $9, %cl\n xchg %cl, 1f+1(%rip)\n 1: mov $1, %eax");
SNIPPET(by_cmpxchg, "mov $1, %al\n mov $5, %cl\n"
                    "lock cmpxchg %cl, 1f+1(%rip)\n 1: mov $1, %edx");
SNIPPET(by_vector, "pcmpeqd %xmm0, %xmm0\n psrlw $15, %xmm0\n"
                   "packuswb %xmm0, %xmm0\n movups %xmm0, 1f+1(%rip)\n"
                   "1: mov $0x55555555, %eax\n mov $0x55555555, %ecx\n"
                   "mov $0x55555555, %edx\n .fill 16, 1, 0x90");
SNIPPET(by_stos, "lea 1f+1(%rip), %rdi\n mov $6, %al\n stosb\n"
                 "1: mov $1, %edx");
SNIPPET(by_rep, "lea 1f(%rip), %rdi\n mov $6, %ecx\n mov $0x90, %al\n"
                "rep stosb\n 1: inc %edx\n inc %edx\n inc %edx\n inc %edx");
SNIPPET(by_call, "lea 1f+8(%rip), %rsp\n mov $2f, %eax\n call *%rax\n"
                 "1: .fill 8, 1, 0x90\n 2: mov 1b(%rip), %rbx\n"
                 "mov $user_stack_top, %esp");
SNIPPET(by_bts, "btsl $9, 1f(%rip)\n 1: mov $1, %eax");
SNIPPET(by_setc, "stc\n setc 1f+1(%rip)\n 1: mov $4, %eax");
SNIPPET(same_value, "movb $1, 1f+1(%rip)\n 1: mov $1, %eax");
SNIPPET(itself, "1: movb $0xeb, 1b(%rip)\n inc %eax");
SNIPPET(loop, "mov $20, %ecx\n xor %eax, %eax\n 1: incb 2f+2(%rip)\n"
              "2: add $0, %eax\n dec %ecx\n jnz 1b");
SNIPPET(behind, "mov $3, %ecx\n xor %eax, %eax\n 1: add $1, %eax\n nop\n"
                "addb $5, 1b+2(%rip)\n dec %ecx\n jnz 1b");
SNIPPET(half, "movl $0x04030201, 1f-1(%rip)\n mov $0x11111111, %eax\n"
              "1: mov $0x55555555, %ecx");
SNIPPET(data_near, "mov $100, %ecx\n 1: incl 2f(%rip)\n dec %ecx\n jnz 1b\n"
                   "mov 2f(%rip), %edx\n jmp 3f\n 2: .long 0\n 3: nop");
SNIPPET(undone, "movb $7, 1f+1(%rip)\n movb $1, 1f+1(%rip)\n"
                "1: mov $1, %eax");
SNIPPET(make_int, "movw $0x70cd, 1f(%rip)\n inc %ecx\n 1: inc %eax\n"
                  "inc %edx");
SNIPPET(make_bad, "movw $0x0b0f, 1f(%rip)\n inc %ecx\n 1: inc %eax\n"
                  "inc %edx");

static void within(void)
{
#define WITHIN(name) \
    TAKE(pool(0), name); \
    go(#name, pool(0), KERNEL_CS, 0, 0); \
    go(#name " again", pool(0), USER_CS, 0, 0)
    WITHIN(ahead);
    WITHIN(next);
    WITHIN(ahead_16);
    WITHIN(to_jump);
    WITHIN(by_push);
    WITHIN(by_add);
    WITHIN(by_xchg);
    WITHIN(by_cmpxchg);
    WITHIN(by_vector);
    WITHIN(by_stos);
    WITHIN(by_rep);
    WITHIN(by_bts);
    WITHIN(by_setc);
    WITHIN(same_value);
    WITHIN(itself);
    WITHIN(loop);
    WITHIN(behind);
    WITHIN(data_near);
    WITHIN(undone);
    WITHIN(make_int);
    WITHIN(make_bad);
    WITHIN(half);
    by_call[0] = by_call[0]; /* an absolute address: runs where it is */
    go("by_call", by_call, KERNEL_CS, 0, 0);
}

/* -- Two pages ------------------------------------------------------------- */

/* At the end of page 1: mov $imm32, %eax straddles by n bytes. */
SNIPPET(caller, "call *%rsi\n mov %eax, %ebx\n movb $0x33, (%rdi)\n"
                "call *%rsi");
SNIPPET(constant, "mov $0x04030201, %eax\n ret");

static void across(void)
{
    for (unsigned n = 1; n < 6; n++) {
        uint8_t *code = pool(2) - n;

        for (unsigned byte = 1; byte < 5; byte++) {
            TAKE(code, constant);
            print("over the edge after %u, byte %u", (uint64_t)n,
                  (uint64_t)byte);
            go("", caller, KERNEL_CS, (uint64_t)code + byte, (uint64_t)code);
        }
    }
    /* The writer lies in the page that it writes, the next one or both. */
    for (unsigned n = 0; n < 24; n += 3) {
        uint8_t *code = pool(4) - n;

        TAKE(code, ahead);
        print("writer over the edge after %u", (uint64_t)n);
        go("", code, KERNEL_CS, 0, 0);
    }
    /* One store that reaches over the edge into code of both pages. */
    memset(pool(5) + 4094, 0x90, 2);
    memcpy(pool(6), "\x90\x90\xc3", 3);
    prepare(&c, caller, KERNEL_CS);
    go("store over the edge, before", caller, KERNEL_CS, (uint64_t)pool(7),
       (uint64_t)pool(5) + 4094);
    *(volatile uint32_t *)(pool(5) + 4094) = 0xc2ffc2ff; /* inc %edx twice */
    go("store over the edge, after", caller, KERNEL_CS, (uint64_t)pool(7),
       (uint64_t)pool(5) + 4094);
}

/* -- Other mappings -------------------------------------------------------- */

SNIPPET(by_alias, "movb $9, (%rdi)\n nop\n 1: mov $1, %eax");
SNIPPET(by_alias_add, "addl $0x100, -1(%rdi)\n nop\n 1: mov $1, %eax");

static void aliases(void)
{
    uint64_t there = ALIAS + (by_alias_end - by_alias) - 4;

    alias(0, 8);
    alias(1, 8);
    TAKE(pool(8), by_alias);
    go("alias ahead", pool(8), KERNEL_CS, there, 0);
    TAKE(pool(8), by_alias);
    go("alias, from the alias", (void *)ALIAS, KERNEL_CS,
       there - ALIAS + (uint64_t)pool(8), 0);
    TAKE(pool(8), by_alias);
    go("alias, both aliases", (void *)(ALIAS + 4096), KERNEL_CS, there, 0);
    TAKE(pool(8), by_alias_add);
    go("alias, add", pool(8), USER_CS,
       ALIAS + (by_alias_add_end - by_alias_add) - 4, 0);
    /* Code runs at both addresses, is written at a third. */
    alias(2, 8);
    TAKE(pool(8), constant);
    for (unsigned i = 0; i < 3; i++) {
        ((volatile uint8_t *)(ALIAS + 2 * 4096))[1] = (uint8_t)(0x20 + i);
        go("written at one, run at two", caller, KERNEL_CS, (uint64_t)pool(9),
           ALIAS);
        go("and at three", caller, KERNEL_CS, (uint64_t)pool(9), ALIAS + 4096);
    }
    /* An instruction over the edge whose second page is now another one. */
    for (unsigned i = 0; i < 3; i++) {
        TAKE(pool(10) + 4093, constant);
        memcpy(pool(12), "\x44\x43\x42\xc3", 4);
        alias(3, 10);
        alias(4, i & 1 ? 12 : 11);
        go("second page remapped", caller, KERNEL_CS, (uint64_t)pool(9),
           ALIAS + 3 * 4096 + 4093);
    }
}

/* -- A small translator's life --------------------------------------------- */

/* Writes 500 functions in one buffer, one after the other, runs each. */
static void generated(void)
{
    uint32_t (*volatile function)(void) = (uint32_t(*)(void))pool(20);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < 500; i++) {
        uint8_t *at = pool(20) + (i % 3) * 7;

        function = (uint32_t(*)(void))at;
        at[0] = 0xb8;
        *(volatile uint32_t *)(at + 1) = i * 0x01010101;
        at[5] = 0xc3;
        sum = sum * 3 + function();
        sum = sum * 3 + function();
    }
    print("generated: %x\n", sum);
}

/* Bubble sort of a table in the same page as the code: false sharing. */
SNIPPET(sort, "1: xor %edx, %edx\n mov $63, %ecx\n mov %rdi, %rsi\n"
              "2: mov (%rsi), %eax\n cmp 4(%rsi), %eax\n jbe 3f\n"
              "mov 4(%rsi), %ebx\n mov %ebx, (%rsi)\n mov %eax, 4(%rsi)\n"
              "inc %edx\n 3: add $4, %rsi\n loop 2b\n test %edx, %edx\n"
              "jnz 1b\n xor %eax, %eax\n mov $64, %ecx\n"
              "4: rol $5, %rax\n add -4(%rdi,%rcx,4), %eax\n loop 4b");

static void sharing(void)
{
    uint32_t *numbers = (uint32_t *)(pool(21) + 0x200);

    TAKE(pool(21), sort);
    for (uint32_t i = 0; i < 64; i++) {
        numbers[i] = (i * 0x9e3779b9u) >> 8;
    }
    go("sorted beside the code", pool(21), KERNEL_CS, (uint64_t)numbers, 0);
}

int main(void)
{
    pointers[1] = (uint64_t)directory | 7;
    directory[0] = (uint64_t)table | 7;
    flush();
    within();
    across();
    aliases();
    generated();
    sharing();
    return 0;
}
