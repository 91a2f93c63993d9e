/*
 * The page walk: none, two levels, PAE and four levels. All three kinds of
 * tables are walked by one loop over the levels.
 *
 * Permissions are gathered on the way down; accessed bits are set only when
 * the access is allowed, the dirty bit only for a write, and no entry is
 * written that has its bits already.
 */
#include "guest/x86/helpers.h"
#include "guest/x86/segment.h"
#include "mem/mem.h"

#include <string.h>

#define ENTRY_P 1u
#define ENTRY_W 2u
#define ENTRY_U 4u
#define ENTRY_A 0x20u
#define ENTRY_D 0x40u
#define ENTRY_PS 0x80u
#define ENTRY_NX (1ull << 63)
#define ADDRESS_52 X86_CR3_TABLE

/* Error code of a page fault. */
#define ERROR_P 1u
#define ERROR_W 2u
#define ERROR_U 4u
#define ERROR_RSVD 8u
#define ERROR_I 16u

/* Address line 20, which the board can hold low. */
static uint64_t physical(const struct cpu *cpu, uint64_t address)
{
    return x86_of(cpu)->a20_closed ? address & ~(1ull << 20) : address;
}

struct walk {
    struct cpu *cpu;
    uint64_t address;
    enum mem_access access;
    bool user, nx, debug;
    unsigned entry_size; /* 4 or 8 */
    bool writable, user_page, executable;
    uint64_t entry[4], at[4];
    unsigned n;
};

static bool fault(struct walk *w, uint32_t error)
{
    struct x86_cpu *x86 = x86_of(w->cpu);

    if (!w->debug && w->access == MEM_FETCH && x86->dr[7] & X86_DR7_ON &&
        x86_note_breakpoint(w->cpu, w->cpu->guest->get_pc(w->cpu))) {
        return false;
    }
    if (!w->debug) {
        error |= w->access == MEM_WRITE ? ERROR_W : 0;
        error |= w->user ? ERROR_U : 0;
        error |= w->access == MEM_FETCH && w->nx && w->entry_size == 8 ? ERROR_I
                                                                       : 0;
        x86_note_error(w->cpu, X86_PF, error);
        x86->exception.address = w->address;
    }
    return false;
}

/* Whether directories may map large pages themselves. */
static bool has_large(const struct walk *w)
{
    return w->entry_size == 8 || (x86_of(w->cpu)->cr[4] & X86_CR4_PSE);
}

/*
 * Bits that must be zero in an entry that is present: address bits that there
 * are not, NX without EFER.NXE, PS where no page is that large (pages of 1 GiB
 * are not offered), the low bits of a large page's address.
 */
static uint64_t reserved(const struct walk *w, unsigned level, unsigned levels,
                         bool large)
{
    uint64_t bits = (1ull << 52) - (1ull << X86_PHYSICAL_BITS);

    if (w->entry_size == 4) {
        return large ? 1u << 21 : 0;
    }
    if (levels == 3) {
        bits |= 0x7ffull << 52;
        if (level == 2) {
            return bits | ENTRY_NX | 0x1e6;
        }
    }
    bits |= w->nx ? 0 : ENTRY_NX;
    if (level >= 2) {
        return bits | ENTRY_PS;
    }
    return large ? bits | 0x1fe000 : bits;
}

/* Takes the entry of a level on the way down. */
static bool take(struct walk *w, uint64_t at, unsigned level, unsigned levels)
{
    uint64_t entry = mem_walk_read(w->cpu, at, w->entry_size);
    bool large = level == 1 && (entry & ENTRY_PS) && has_large(w);

    w->at[w->n] = at;
    w->entry[w->n++] = entry;
    if (!(entry & ENTRY_P)) {
        return fault(w, 0);
    }
    if (entry & reserved(w, level, levels, large)) {
        return fault(w, ERROR_P | ERROR_RSVD);
    }
    if (!(levels == 3 && level == 2)) { /* which has no permissions */
        w->writable = w->writable && (entry & ENTRY_W);
        w->user_page = w->user_page && (entry & ENTRY_U);
        w->executable = w->executable &&
                        !(w->entry_size == 8 && (entry & ENTRY_NX));
    }
    return true;
}

static bool allowed(const struct walk *w)
{
    bool wp = x86_of(w->cpu)->cr[0] & X86_CR0_WP;

    if (w->user && !w->user_page) {
        return false;
    }
    if (w->access == MEM_WRITE) {
        return w->writable || (!w->user && !wp);
    }
    return w->access != MEM_FETCH || w->executable;
}

/* Sets the bits that the walk sets; the last entry is the page's. */
static void mark(struct walk *w, bool pae)
{
    for (unsigned i = 0; i < w->n; i++) {
        uint64_t bits = ENTRY_A;

        if (pae && i == 0) {
            continue; /* PDPTEs of PAE have no accessed bit */
        }
        if (i + 1 == w->n && w->access == MEM_WRITE) {
            bits |= ENTRY_D;
        }
        if ((w->entry[i] & bits) != bits) {
            w->entry[i] |= bits;
            mem_walk_update(w->cpu, w->at[i], w->entry_size, w->entry[i]);
        }
    }
}

static uint64_t page_address(const struct walk *w, uint64_t entry,
                             unsigned shift)
{
    uint64_t size = 1ull << shift;
    uint64_t page = entry & ADDRESS_52;

    if (w->entry_size == 4) {
        page = (uint32_t)entry;
        if (shift == 22) { /* PSE-36: bits 20:13 are address bits 39:32 */
            page |= (entry >> 13 & 0xff) << 32;
        }
    }
    return (page & ~(size - 1)) | (w->address & (size - 1));
}

/* Down from `levels` levels; false: faulted. */
static bool descend(struct walk *w, uint64_t table, unsigned levels,
                    struct walk_result *result)
{
    unsigned bits = w->entry_size == 8 ? 9 : 10;

    for (unsigned level = levels; level-- > 0;) {
        unsigned shift = PAGE_BITS + level * bits;
        uint64_t index = w->address >> shift & ((1u << bits) - 1);
        uint64_t at = physical(w->cpu, table + index * w->entry_size);
        uint64_t entry;

        result->steps[result->n_steps++] = (struct walk_step){
            at, (uint8_t)w->entry_size, (uint8_t)shift,
            levels == 4 && level == 3};
        if (!take(w, at, level, levels)) {
            return false;
        }
        entry = w->entry[w->n - 1];
        if (level == 0 || (level == 1 && (entry & ENTRY_PS) && has_large(w))) {
            result->physical = physical(w->cpu, page_address(w, entry, shift));
            result->page_size = 1ull << shift;
            break;
        }
        table = w->entry_size == 8 ? entry & ADDRESS_52
                                   : (uint32_t)entry & PAGE_MASK_;
    }
    if (!allowed(w)) {
        return fault(w, ERROR_P);
    }
    if (!w->debug) {
        mark(w, levels == 3);
    }
    return true;
}

/* Not canonical: the stack has a vector of its own. */
static bool bad_address(const struct walk *w)
{
    bool stack = w->access != MEM_FETCH && w->cpu->memop & X86_MO_STACK;

    if (!w->debug) {
        x86_note_error(w->cpu, stack ? X86_SS_FAULT : X86_GP, 0);
    }
    return false;
}

static bool walk_tables(struct walk *w, struct walk_result *result)
{
    const struct x86_cpu *x86 = x86_of(w->cpu);

    w->writable = w->user_page = w->executable = true;
    w->entry_size = 8;
    if (x86->efer & X86_EFER_LMA) {
        if (!x86_canonical(w->address)) {
            return bad_address(w);
        }
        return descend(w, x86->cr[3] & ADDRESS_52, 4, result);
    }
    w->address = (uint32_t)w->address;
    if (x86->cr[4] & X86_CR4_PAE) {
        return descend(w, x86->cr[3] & 0xffffffe0u, 3, result);
    }
    w->entry_size = 4;
    return descend(w, x86->cr[3] & 0xfffff000u, 2, result);
}

bool x86_walk(struct cpu *cpu, uint64_t address, enum mem_access access,
              unsigned mmu_index, bool debug, struct walk_result *result)
{
    const struct x86_cpu *x86 = x86_of(cpu);
    struct walk w = {.cpu = cpu,
                     .address = address,
                     .access = access,
                     .user = mmu_index == X86_MMU_USER,
                     .debug = debug,
                     .nx = x86->efer & X86_EFER_NXE};
    bool wp = x86->cr[0] & X86_CR0_WP;

    memset(result, 0, sizeof(*result));
    if (!(x86->cr[0] & X86_CR0_PG)) {
        result->physical = physical(cpu, address);
        result->page_size = PAGE_SIZE_;
        result->readable = result->writable = result->executable = true;
        return true;
    }
    if (!walk_tables(&w, result)) {
        return false;
    }
    result->readable = true;
    result->executable = w.executable;
    result->writable = (w.writable || (!w.user && !wp)) &&
                       (w.entry[w.n - 1] & ENTRY_D);
    return true;
}
