/* x86 as the engine sees it: the tables, and the functions of guest.h. */
#include "guest/x86/helpers.h"

#include "exec/machine.h"
#include "guest/x86/decode.h"
#include "ir/float.h"
#include "mem/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const struct guest_slot slots[] = {
#define X86_SLOT(name, member, size, type) \
    {#name, offsetof(struct x86_cpu, member), size, type, false},
#define X86_SLOT_STATELESS(name, member, size, type) \
    {#name, offsetof(struct x86_cpu, member), size, type, true},
#include "guest/x86/slots.def"
#undef X86_SLOT
#undef X86_SLOT_STATELESS
};

static const struct guest_field fields[] = {
#define X86_FIELD(member) \
    {#member, offsetof(struct x86_cpu, member), \
     sizeof(((struct x86_cpu *)0)->member)},
#include "guest/x86/fields.def"
#undef X86_FIELD
};

static const struct guest_helper helpers[] = {
#define ARGS(...) \
    { \
        __VA_ARGS__ \
    }
#define X86_HELPER(name, function, result, n, args, effects) \
    {#name, (void (*)(void))function, result, n, args, effects},
#include "guest/x86/helpers.def"
#undef X86_HELPER
#undef ARGS
};

uint32_t x86_get_eflags(const struct x86_cpu *x86)
{
    return (x86->flags >> 8 & 0xd5) | (x86->flags & FL_OF) << 11 | x86->eflags |
           2;
}

void x86_set_eflags(struct x86_cpu *x86, uint32_t eflags)
{
    x86->flags = (eflags & 0xd5) << 8 | (eflags >> 11 & FL_OF) | FL_ONE;
    x86->eflags = eflags & ~(X86_EFLAGS_ARITHMETIC | 2);
}

static void reset(struct cpu *cpu)
{
    struct x86_cpu *x86 = x86_of(cpu);

    x86_decode_init();
    memset(&x86->gpr, 0, sizeof(*x86) - offsetof(struct x86_cpu, gpr));
    x86_set_eflags(x86, 2);
    x86->rip = 0xfff0;
    x86->segment[X86_CS].selector = 0xf000;
    x86->segment[X86_CS].base = 0xffff0000;
    x86->segment[X86_CS].access = 0x9b;
    for (unsigned i = 0; i < 6; i++) {
        x86->segment[i].limit = 0xffff;
        if (i != X86_CS) {
            x86->segment[i].access = 0x93;
        }
    }
    x86->cr[0] = 0x60000010;
    x86->mxcsr = 0x1f80;
    x86->x87_control = 0x40;
    x86->pat = 0x0007040600070406ull;
    x86->apic_base = 0xfee00900; /* enabled, of the first CPU */
    x86->misc_enable = 1;
    x86->idtr.limit = x86->gdtr.limit = 0xffff;
    x86->ldtr.limit = x86->tr.limit = 0xffff;
    x86->ldtr.access = X86_ACCESS_P | 2;
    x86->tr.access = X86_ACCESS_P | 11;
    x86->tsc_offset = -(cpu->count + cpu->skipped); /* the TSC is 0 */
}

static void set_a20(struct cpu *cpu, bool open)
{
    x86_of(cpu)->a20_closed = !open;
    mem_tlb_flush(cpu);
}

static void set_priority(struct cpu *cpu, unsigned priority)
{
    x86_of(cpu)->cr[8] = priority & 15;
}

/* -- Where it is, and in which mode ---------------------------------------- */

static bool in_64(const struct x86_cpu *x86)
{
    return (x86->efer & X86_EFER_LMA) &&
           (x86->segment[X86_CS].access & X86_ACCESS_L);
}

static uint64_t get_pc(const struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    return in_64(x86) ? x86->rip
                      : (uint32_t)(x86->segment[X86_CS].base + x86->rip);
}

static void set_pc(struct cpu *cpu, uint64_t pc)
{
    struct x86_cpu *x86 = x86_of(cpu);

    x86->rip = in_64(x86) ? pc : (uint32_t)(pc - x86->segment[X86_CS].base);
}

/* Whether every access of the usual kind to all of 4 GiB is good. */
static bool is_plain(const struct x86_segment_register *segment, bool code)
{
    unsigned mask = X86_ACCESS_P | X86_ACCESS_S | X86_ACCESS_CODE |
                    X86_ACCESS_WRITABLE;
    unsigned access = segment->access & mask;

    if (segment->limit != 0xffffffffu) {
        return false;
    }
    return code ? access == mask
                : access == (mask & ~X86_ACCESS_CODE) &&
                      !(segment->access & X86_ACCESS_EXPAND_DOWN);
}

static uint64_t limits(const struct x86_segment_register *segment)
{
    bool plain = is_plain(&segment[X86_CS], true) &&
                 is_plain(&segment[X86_DS], false) &&
                 is_plain(&segment[X86_ES], false) &&
                 is_plain(&segment[X86_SS], false);

    return (plain ? 0 : X86_MODE_LIMITS) |
           (is_plain(&segment[X86_FS], false) ? 0 : X86_MODE_FS_LIMITS) |
           (is_plain(&segment[X86_GS], false) ? 0 : X86_MODE_GS_LIMITS);
}

static uint64_t mode(const struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);
    const struct x86_segment_register *segment = x86->segment;
    uint64_t word = in_64(x86)                               ? X86_MODE_64
                    : segment[X86_CS].access & X86_ACCESS_DB ? X86_MODE_32
                                                             : X86_MODE_16;

    word |= x86->cpl == 3 ? X86_MODE_USER : 0;
    word |= x86->cpl == 0 ? X86_MODE_CPL0 : 0;
    word |= segment[X86_SS].access & X86_ACCESS_DB ? X86_MODE_STACK32 : 0;
    word |= segment[X86_ES].base | segment[X86_CS].base | segment[X86_SS].base |
                    segment[X86_DS].base
                ? X86_MODE_BASES
                : 0;
    word |= x86->eflags & X86_EFLAGS_DF ? X86_MODE_DF : 0;
    word |= (x86->cr[0] & X86_CR0_EM) || !(x86->cr[4] & X86_CR4_OSFXSR)
                ? X86_MODE_NO_SSE
                : 0;
    word |= x86->cr[0] & X86_CR0_TS ? X86_MODE_TS : 0;
    word |= x86->cr[0] & X86_CR0_EM ? X86_MODE_EM : 0;
    word |= x86->shadow ? X86_MODE_SHADOW : 0;
    word |= x86->eflags & X86_EFLAGS_TF ? X86_MODE_TF : 0;
    word |= x86->trap ? X86_MODE_TRAP : 0;
    word |= ~x86->mxcsr & MXCSR_MASKS ? X86_MODE_UNMASKED : 0;
    word |= x86->dr[7] & X86_DR7_ON ? X86_MODE_BREAK : 0;
    word |= in_64(x86) ? 0 : limits(segment);
    if (x86->eflags & X86_EFLAGS_AC && x86->cpl == 3 &&
        x86->cr[0] & X86_CR0_AM) {
        word |= X86_MODE_AC;
    }
    return word;
}

uint64_t x86_helper_linear_pc(struct cpu *cpu)
{
    return get_pc(cpu);
}

static unsigned mmu_index(uint64_t mode)
{
    return mode & X86_MODE_USER ? X86_MMU_USER : X86_MMU_KERNEL;
}

/* Everything from the first register to the noted exception, which is empty
 * between steps: no byte there is left undefined. */
static uint64_t hash_registers(const struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);

    return XXH3_64bits(x86->gpr, offsetof(struct x86_cpu, exception) -
                                     offsetof(struct x86_cpu, gpr));
}

void x86_start_flat(struct cpu *cpu, uint32_t rip, uint32_t rsi, uint32_t gdt)
{
    static const uint64_t descriptors[4] = {0, 0, 0x00cf9b000000ffffull,
                                            0x00cf93000000ffffull};
    struct x86_cpu *x86 = x86_of(cpu);

    mem_write_physical(cpu->machine->memory, gdt, descriptors,
                       sizeof(descriptors));
    x86->gdtr = (struct x86_table_register){gdt, sizeof(descriptors) - 1};
    x86->idtr = (struct x86_table_register){0, 0};
    x86->cr[0] = 0x11;
    for (unsigned i = 0; i < 6; i++) {
        x86->segment[i] = (struct x86_segment_register){
            .limit = 0xffffffffu,
            .selector = i == X86_CS ? 0x10 : 0x18,
            .access = i == X86_CS ? 0xc09b : 0xc093};
    }
    x86->rip = rip;
    x86->gpr[6] = rsi;
}

static void note_misaligned(struct cpu *cpu, uint64_t address,
                            enum mem_access access)
{
    (void)address, (void)access;
    x86_note_error(cpu, X86_GP, 0);
}

static void print_registers(const struct cpu *cpu, void *file)
{
    static const char *const names[] = {"ES", "CS", "SS", "DS", "FS", "GS"};
    const struct x86_cpu *x86 = x86_of(cpu);

    for (unsigned i = 0; i < 16; i++) {
        fprintf(file, "%3s=%016" PRIx64 "%s", slots[i].name, x86->gpr[i],
                i % 4 == 3 ? "\n" : " ");
    }
    fprintf(file, "rip=%016" PRIx64 " eflags=%08x cpl=%u halted=%d\n", x86->rip,
            x86_get_eflags(x86), x86->cpl, cpu->halted);
    for (unsigned i = 0; i < 6; i++) {
        fprintf(file, "%s =%04x %016" PRIx64 " %08x %04x\n", names[i],
                x86->segment[i].selector, x86->segment[i].base,
                x86->segment[i].limit, x86->segment[i].access);
    }
    fprintf(file,
            "cr0=%08" PRIx64 " cr2=%016" PRIx64 " cr3=%016" PRIx64
            " cr4=%08" PRIx64 " efer=%04" PRIx64 "\n",
            x86->cr[0], x86->cr[2], x86->cr[3], x86->cr[4], x86->efer);
}

/* Members that the code indexes with, and those of type bool. */
static bool is_sound(const struct cpu *cpu)
{
    const struct x86_cpu *x86 = x86_of(cpu);
    const bool *const flags[] = {&x86->shadow, &x86->delivering};

    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        uint8_t byte;

        memcpy(&byte, flags[i], 1);
        if (byte > 1) {
            return false;
        }
    }
    return x86->cpl <= 3 && x86->x87_top <= 7 && !(x86->mxcsr & ~MXCSR_KNOWN) &&
           !(x86->trap & ~(X86_TRAP_STEP | 0xfu << X86_TRAP_HITS));
}

const struct guest x86_guest = {
    .name = "x86_64",
    .cpu_size = sizeof(struct x86_cpu),
    .slots = slots,
    .n_slots = X86_N_SLOTS,
    .helpers = helpers,
    .n_helpers = X86_N_HELPERS,
    .mxcsr_slot = X86_SLOT_mxcsr,
    .pc_slot = X86_SLOT_rip,
    .n_mmu = X86_N_MMU,
    .fields = fields,
    .plugin = &x86_plugin,
    .n_fields = sizeof(fields) / sizeof(fields[0]),
    .reset = reset,
    .get_pc = get_pc,
    .set_pc = set_pc,
    .mode = mode,
    .mmu_index = mmu_index,
    .translate = x86_translate,
    .walk = x86_walk,
    .note_misaligned = note_misaligned,
    .hash_registers = hash_registers,
    .print_registers = print_registers,
    .disassemble = x86_disassemble,
    .is_sound = is_sound,
    .describe = x86_describe,
    .deliver_exception = x86_deliver_exception,
    .accepts_interrupt = x86_accepts_interrupt,
    .deliver_interrupt = x86_deliver_interrupt,
    .accepts_nmi = x86_accepts_nmi,
    .deliver_nmi = x86_deliver_nmi,
    .set_a20 = set_a20,
    .set_priority = set_priority,
};
