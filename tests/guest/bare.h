/*
 * What the bare-metal programs share. A program has a main(), which runs in
 * 64-bit mode with interrupts off and prints what it observes, a line a
 * subject, `name: facts`. run() is the heart: a piece of code is entered with
 * all registers set, at any privilege, and the exception or interrupt that
 * ends it gives them all back.
 */
#ifndef BARE_H
#define BARE_H

#define SMALL_PAGES 10752 /* 42 MiB: beyond the end of memory */

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_CS32 0x1b
#define USER_DS 0x23
#define USER_CS 0x2b
#define KERNEL_CS32 0x30
#define KERNEL_CS16 0x38
#define TSS_SELECTOR 0x40
#define FREE_SELECTOR 0x50 /* the first that a program may fill */

#define DONE_VECTOR 0x70 /* ends a snippet */

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15
};

struct context { /* start.S knows the offsets */
    uint64_t r[16];
    uint64_t rip, cs, rflags, ss;
    uint64_t vector, error, cr2;
    uint16_t ds, es, fs, gs;
    uint64_t frame; /* the stack pointer that the handler found */
    uint64_t handler_ss;
};

/* A snippet: code between two labels, ended by INT DONE_VECTOR. */
#define SNIPPET(name, code) SNIPPET_(name, ".code64", code)
#define SNIPPET32(name, code) SNIPPET_(name, ".code32", code)
#define SNIPPET16(name, code) SNIPPET_(name, ".code16", code)
#define SNIPPET_(name, mode, code) \
    extern char name[], name##_end[]; \
    asm(".text\n" mode "\n" #name ":\n" code "\n" #name "_end:\n" \
        "int $0x70\n.code64\n")

/* -- Printing -------------------------------------------------------------- */
void print(const char *format, ...); /* %s %d %x %u %c; all values 64 bits */
_Noreturn void finish(bool good);
/* Prints a complaint when the condition does not hold; the verdict is bad. */
void check(bool condition, const char *what);

/* Whether this is QEMU, for what would hang or kill it. */
bool on_qemu(void);

/* -- Running --------------------------------------------------------------- */
/* Registers of the same easily told values for every snippet, and a stack of
 * its own: user or kernel, 64 or 32 bits by the selector. */
void prepare(struct context *c, const char *snippet, unsigned cs);
void enter(struct context *c);
/* Runs and prints what ended it and all that differs from before. */
void show(const char *name, struct context *c, const char *snippet);
/* Prepares and shows. */
void try(const char *name, const char *snippet, unsigned cs);
/* Runs with TF set, printing a line for each step, at most `most`. */
void steps(const char *name, struct context *c, const char *snippet,
           unsigned most);

extern char stack_top[], user_stack_top[], enter_iret[];

/* -- Tables ---------------------------------------------------------------- */
extern uint64_t gdt[64], top_table[512], pointers[512], page_directory[512],
    page_tables[SMALL_PAGES];
extern char stubs[], kernel_stack_top[];
struct gate {
    uint16_t offset0, selector;
    uint8_t ist, type; /* P DPL 0 type */
    uint16_t offset1;
    uint32_t offset2, zero;
};
extern struct gate idt[256];
struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], ist[8]; /* ist[0] is reserved */
    uint64_t reserved1;
    uint16_t reserved2, io_map;
    uint8_t bits[8193];
} __attribute__((packed));
extern struct tss tss;
void set_gate(unsigned vector, unsigned dpl, unsigned ist);
void load_idt(uint16_t limit);
void set_segment(unsigned selector, uint32_t base, uint32_t limit,
                 unsigned access); /* as in bits 47:40 and 55:52 << 8 */

/* The entry of a page of the first 42 MiB. */
static inline uint64_t *page_entry(const void *at)
{
    return &page_tables[(uint64_t)at >> 12];
}
#define P_P 1ull
#define P_W 2ull
#define P_U 4ull
#define P_A 0x20ull
#define P_D 0x40ull
#define P_PS 0x80ull
#define P_G 0x100ull
#define P_NX (1ull << 63)

/* Pages that nothing else uses, from 8 MiB on. */
#define POOL 0x800000ul
static inline uint8_t *pool(unsigned page)
{
    return (uint8_t *)(POOL + 4096ul * page);
}

/* -- The processor --------------------------------------------------------- */
static inline void invlpg(const void *at)
{
    asm volatile("invlpg (%0)" : : "r"(at) : "memory");
}
static inline void flush(void)
{
    uint64_t x;
    asm volatile("mov %%cr3, %0\n mov %0, %%cr3" : "=r"(x) : : "memory");
}
#define READ_REGISTER(name) \
    static inline uint64_t read_##name(void) \
    { \
        uint64_t x; \
        asm volatile("mov %%" #name ", %0" : "=r"(x) : : "memory"); \
        return x; \
    } \
    static inline void write_##name(uint64_t x) \
    { \
        asm volatile("mov %0, %%" #name : : "r"(x) : "memory"); \
    }
READ_REGISTER(cr0)
READ_REGISTER(cr2)
READ_REGISTER(cr3)
READ_REGISTER(cr4)
READ_REGISTER(dr0)
READ_REGISTER(dr1)
READ_REGISTER(dr2)
READ_REGISTER(dr3)
READ_REGISTER(dr6)
READ_REGISTER(dr7)
static inline void out8(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint64_t rdmsr(uint32_t number)
{
    uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}
static inline void wrmsr(uint32_t number, uint64_t value)
{
    asm volatile("wrmsr"
                 :
                 : "c"(number), "a"((uint32_t)value),
                   "d"((uint32_t)(value >> 32)));
}

/* -- The timer: IRQ 0 at vector 0x20 --------------------------------------- */
void timer_init(void);
void timer_start(unsigned ticks); /* one shot, of 838 ns each */
void timer_done(void);            /* end of interrupt */

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

int main(void);
#endif
#endif
