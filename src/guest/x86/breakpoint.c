/*
 * Breakpoints of DR0 to DR3. While one is on, units have one instruction:
 *
 *   begin_breakpoints  is the instruction one? Then it faults, unless RF is set
 *                      (mmu.c asks the same before a fault of its fetch)
 *   watch              an access: noted in `hits`
 *   end_breakpoints    what was hit becomes a trap, and RF is over
 *
 * An instruction that is left has hit nothing: it begins again, or an exception
 * is delivered, whose own accesses count. RF is kept while a breakpoint is on;
 * else it has no effect, and is clear between instructions. After an iteration
 * of a repeated instruction that is not its last one RF is set, so that the
 * next one, or who comes back to it, does not break again.
 *
 * One thing is less than exact: a breakpoint on the operand of MOV SS comes at
 * once.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/segment.h"

static unsigned length(const struct x86_cpu *x86, unsigned number)
{
    static const uint8_t lengths[] = {1, 2, 8, 4};

    return lengths[x86->dr[7] >> (18 + 4 * number) & 3];
}

static bool is_hit(const struct x86_cpu *x86, unsigned number, uint64_t address,
                   unsigned size, enum x86_break kind)
{
    unsigned wanted = x86->dr[7] >> (16 + 4 * number) & 3;
    unsigned bytes = length(x86, number);
    uint64_t start = x86->dr[number] & ~(uint64_t)(bytes - 1);

    if (!(x86->dr[7] >> 2 * number & 3) ||
        (wanted != kind &&
         (wanted != X86_BREAK_READ || kind != X86_BREAK_WRITE))) {
        return false;
    }
    if (kind == X86_BREAK_EXECUTE) {
        return x86->dr[number] == address;
    }
    return address - start < bytes || start - address < size;
}

static unsigned hits(const struct x86_cpu *x86, uint64_t address, unsigned size,
                     enum x86_break kind)
{
    unsigned found = 0;

    for (unsigned i = 0; i < 4; i++) {
        found |= is_hit(x86, i, address, size, kind) ? 1u << i : 0;
    }
    return found;
}

void x86_note_access(struct x86_cpu *x86, uint64_t address, unsigned size,
                     enum x86_break kind)
{
    if (kind != X86_BREAK_PORT || x86->cr[4] & X86_CR4_DE) {
        x86->hits |= hits(x86, address, size, kind);
    }
}

void x86_helper_watch(struct cpu *cpu, uint32_t size, uint32_t write,
                      uint64_t address)
{
    x86_note_access(x86_of(cpu), address, size,
                    write ? X86_BREAK_WRITE : X86_BREAK_READ);
}

bool x86_note_breakpoint(struct cpu *cpu, uint64_t pc)
{
    struct x86_cpu *x86 = x86_of(cpu);
    unsigned found = hits(x86, pc, 1, X86_BREAK_EXECUTE);

    if (!found || x86->eflags & X86_EFLAGS_RF) {
        return false;
    }
    x86->dr[6] |= found;
    x86_note(cpu, X86_DB);
    return true;
}

void x86_helper_begin_breakpoints(struct cpu *cpu, uint64_t pc)
{
    x86_of(cpu)->hits = 0;
    if (x86_note_breakpoint(cpu, pc)) {
        cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
    }
}

void x86_helper_end_breakpoints(struct cpu *cpu, uint64_t pc, uint64_t repeated,
                                uint32_t sets_flag)
{
    struct x86_cpu *x86 = x86_of(cpu);

    x86->trap |= (uint8_t)(x86->hits << X86_TRAP_HITS);
    x86->hits = 0;
    if (!sets_flag) {
        x86->eflags &= ~X86_EFLAGS_RF;
        x86->eflags |= pc == repeated ? X86_EFLAGS_RF : 0;
    }
}
