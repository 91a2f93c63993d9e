/*
 * The part of a CPU that does not depend on the guest. A guest's CPU struct
 * begins with it. Code generated for a unit holds its address in a register.
 */
#ifndef EXEC_CPU_H
#define EXEC_CPU_H

#include "exec/jump_cache.h"
#include "guest/guest.h"
#include <setjmp.h>

struct machine;
struct mem_cpu;

#define TLB_BITS 12
#define TLB_SIZE (1u << TLB_BITS)
#define TLB_WAYS 2
#define MMU_MAX 4
#define PAGE_BITS 12
#define PAGE_SIZE_ (1ull << PAGE_BITS)
#define PAGE_MASK_ (~(PAGE_SIZE_ - 1))

/*
 * tag: the virtual page, or'ed with TLB_SLOW when every access must take the
 * slow path; TLB_INVALID matches nothing. host address = addend + virtual.
 */
struct tlb_entry {
    uint64_t tag;
    uint64_t addend;
};
#define TLB_INVALID (~0ull)
#define TLB_SLOW 1ull

/*
 * Two ways: generated code looks into the first one, and in its cold code,
 * without a call of C, into the second, where that which the first one gave
 * up for another page lies. `filled`: a bit for each index that may hold an
 * address of the lower or of the upper half of virtual space; so what drops
 * mappings visits no more than was filled.
 */
struct tlb {
    struct tlb_entry way[TLB_WAYS][TLB_SIZE];
    uint64_t filled[2][TLB_SIZE / 64];
};

static inline unsigned tlb_index(uint64_t address)
{
    return (address >> PAGE_BITS) & (TLB_SIZE - 1);
}

enum cpu_leave { /* why a step was left; the value of the longjmp */
                 CPU_LEAVE_EXCEPTION =
                     1,             /* noted in the CPU, to be delivered */
                 CPU_LEAVE_REDO,    /* run this instruction alone */
                 CPU_LEAVE_IO,      /* the same, for it reached a device */
                 CPU_LEAVE_REQUEST, /* look at requests before the next step */
                 CPU_LEAVE_BROKEN,  /* nobody can go on: machine_cannot() */
};

struct cpu {
    struct machine *machine;
    const struct guest *guest;
    unsigned index;

    uint64_t count;   /* steps so far: DESIGN 2.2 */
    uint64_t skipped; /* ns that passed while halted; virtual time in ns is
                         count + skipped */
    bool halted;
    bool alone; /* the running unit is one instruction and may do I/O */
    /* Set when something outside waits for the CPU to become interruptible;
     * a hint that makes POLL exits leave the loop. No guest state. */
    bool attention;
    /* Non-zero: watched code leaves at the end of its block. */
    uint32_t request;
    /* 1: the copies of state that plugins see are good; 0: it may have
     * changed since. Woven code looks at it. */
    uint64_t shown_current;
    /* The watcher's bit for the address space; 0: every block is new. */
    uint64_t asid_bit;

    /* Generated code: steps may go up to here, and which unit an access or a
     * call was made from. */
    uint64_t deadline;
    void *running;    /* a struct unit */
    uint32_t memop;   /* of the data access that walk() is called for */
    uint64_t io_page; /* of the access to a device, by virtual address */

    jmp_buf leave;    /* where cpu_leave() goes */
    uint64_t insn_pc; /* interpreter: instruction being run */
    /* Told of it by the interpreter; NULL when nobody wants to know. */
    void (*insn_begun)(struct cpu *cpu);

    /* Told of accesses by C functions of the guest, before and after; NULL
     * when nobody wants to know. `how`: memop and ACCESS_*. */
    void (*access_told)(struct cpu *cpu, uint64_t address,
                        const union ir_value *value, uint32_t how);

    struct mem_cpu *memory; /* what src/mem keeps a CPU; mem_attach_cpu() */
    /* Grows whenever a fetch may translate otherwise than before: what was
     * linked or looked up by virtual pc is good for one value of it. */
    uint64_t fetch_generation;
    uint64_t upper_generation; /* of the upper half of virtual space alone */
    struct tlb read_tlb[MMU_MAX], write_tlb[MMU_MAX];
    struct jump_cache jump_cache;
};

/* So far behind the common part a guest best has its general registers: code
 * that reaches them is shorter. */
#define CPU_REGISTERS_AT 480u

/* `how` of access_told(): the memop, and these. */
#define ACCESS_AFTER 0x10000u
#define ACCESS_WRITE 0x20000u

/* Leaves the running step; state, pc and count are at its start. */
_Noreturn void cpu_leave(struct cpu *cpu, enum cpu_leave why);

#endif
