/*
 * The register stack of the x87, its faults, and the instructions with a
 * memory operand. What an unmasked exception does beyond being noted comes at
 * the next x87 instruction, as #MF.
 */
#include "guest/x86/x87.h"

#include "guest/x86/helpers.h"

#include <string.h>

/* -- The stack ------------------------------------------------------------- */

const struct x87_register x87_indefinite = {0xc000000000000000ull, 0xffff, {0}};

long double x87_value(const struct x87_register *r)
{
    long double value = 0;

    memcpy(&value, r, 10);
    return value;
}

static unsigned physical(const struct x86_cpu *x86, unsigned i)
{
    return (x86->x87_top + i) & 7;
}

bool x87_is_empty(const struct x86_cpu *x86, unsigned i)
{
    return !(x86->x87_valid >> physical(x86, i) & 1);
}

long double x87_st(const struct x86_cpu *x86, unsigned i)
{
    return x87_value(&x86->x87[physical(x86, i)]);
}

static bool invalid_is_masked(const struct x86_cpu *x86)
{
    return x86->x87_control & X87_IE;
}

bool x87_operands(struct x86_cpu *x86, unsigned i, unsigned j, bool *empty)
{
    *empty = x87_is_empty(x86, i) || x87_is_empty(x86, j);
    if (*empty) {
        x86->x87_status &= (uint16_t)~X87_C1;
        x86->x87_status |= X87_SF;
        x87_raise(x86, X87_IE);
        return invalid_is_masked(x86);
    }
    return true;
}

void x87_put(struct x86_cpu *x86, unsigned i, long double value)
{
    unsigned number = physical(x86, i);

    memset(&x86->x87[number], 0, sizeof(x86->x87[number]));
    memcpy(&x86->x87[number], &value, 10);
    x86->x87_valid |= (uint8_t)(1u << number);
}

void x87_pop(struct x86_cpu *x86)
{
    x86->x87_valid &= (uint8_t) ~(1u << x86->x87_top);
    x86->x87_top = (x86->x87_top + 1) & 7;
}

bool x87_can_push(struct x86_cpu *x86, bool *full)
{
    *full = !x87_is_empty(x86, 7);
    if (*full) {
        x86->x87_status |= X87_SF | X87_C1;
        x87_raise(x86, X87_IE);
        return invalid_is_masked(x86);
    }
    return true;
}

void x87_push(struct x86_cpu *x86, long double value)
{
    x86->x87_top = (x86->x87_top - 1) & 7;
    x87_put(x86, 0, value);
}

bool x87_take(struct x86_cpu *x86, const struct x87_result *result,
              unsigned conditions)
{
    unsigned status = result->status;
    unsigned raised = status & X87_FLAGS & ~x86->x87_control;

    if (raised & X87_BEFORE) { /* then there is no result to be inexact */
        status &= ~(X87_OE | X87_UE | X87_PE);
    }
    x86->x87_status = (uint16_t)((x86->x87_status & ~conditions) |
                                 (status & conditions));
    x87_raise(x86, status);
    return !(raised & X87_BEFORE);
}

/* -- Arithmetic and comparison --------------------------------------------- */

bool x87_operate(struct x86_cpu *x86, unsigned op, unsigned to, unsigned i,
                 enum x87_operand kind, const union x87_memory *y)
{
    bool compares = op == X87_FCOM || op == X87_FCOMP, empty;
    struct x87_result r;

    if (!x87_operands(x86, 0, i, &empty)) {
        x86->x87_status |= compares ? X87_COMPARED : 0;
        return false;
    }
    if (empty) {
        r.value = x87_value(&x87_indefinite);
        x86->x87_status |= compares ? X87_COMPARED : 0;
    } else {
        r = x87_host_arithmetic(x86->x87_control, (enum x87_arithmetic)op,
                                x87_st(x86, 0), kind, y);
        if (!x87_take(x86, &r, X87_C1 | (compares ? X87_COMPARED : 0))) {
            return false;
        }
    }
    if (!compares) {
        x87_put(x86, to, r.value);
    }
    return true;
}

bool x87_compare(struct x86_cpu *x86, unsigned i, bool quiet)
{
    union x87_memory y = {.f80 = x87_st(x86, i)};
    struct x87_result r;
    bool empty;

    if (!quiet) {
        return x87_operate(x86, X87_FCOM, 0, i, X87_REGISTER, &y);
    }
    if (!x87_operands(x86, 0, i, &empty) || empty) {
        x86->x87_status |= X87_COMPARED;
        return invalid_is_masked(x86);
    }
    r = x87_host_pair(x86->x87_control, X87_FUCOM, x87_st(x86, 0), y.f80);
    return x87_take(x86, &r, X87_C1 | X87_COMPARED);
}

/* -- Memory operands ------------------------------------------------------- */

/* Exceptions that are pending come before any but the control instructions. */
void x87_check_pending(struct cpu *cpu)
{
    if (x86_of(cpu)->x87_status & X87_ES) {
        x86_fault(cpu, X86_MF);
    }
}

void x87_check_stack(struct cpu *cpu, uint32_t code, uint64_t address)
{
    if ((code & X87_STACK) && !x86_canonical(address)) {
        x86_fault_error(cpu, X86_SS_FAULT, 0);
    }
}

void x86_helper_x87_pending(struct cpu *cpu)
{
    x87_check_pending(cpu);
}

void x87_note_pointers(struct cpu *cpu, unsigned opcode, bool memory,
                       uint64_t offset)
{
    struct x86_cpu *x86 = x86_of(cpu);
    bool wide = x86_long_mode(x86) &&
                (x86->segment[X86_CS].access & X86_ACCESS_L);

    x86->x87_opcode = opcode & 0x7ff;
    x86->x87_ip = wide ? cpu->insn_pc
                       : (uint32_t)(cpu->insn_pc - x86->segment[X86_CS].base);
    if (memory) {
        x86->x87_dp = wide ? offset : (uint32_t)offset;
    }
}

static unsigned size_of(enum x87_operand kind)
{
    static const uint8_t sizes[] = {10, 4, 8, 2, 4, 8, 10};

    return sizes[kind];
}

static void read_memory(struct cpu *cpu, uint64_t at, enum x87_operand kind,
                        union x87_memory *memory)
{
    unsigned size = size_of(kind), cpl = x86_of(cpu)->cpl;

    memset(memory, 0, sizeof(*memory));
    memory->u64[0] = x86_read_implied(cpu, at, size < 8 ? size : 8, cpl);
    if (size == 10) {
        memory->u64[1] = x86_read_implied(cpu, at + 8, 2, cpl);
    }
}

static void write_memory(struct cpu *cpu, uint64_t at, enum x87_operand kind,
                         const union x87_memory *memory)
{
    unsigned size = size_of(kind), cpl = x86_of(cpu)->cpl;

    x86_write_implied(cpu, at, size < 8 ? size : 8, memory->u64[0], cpl);
    if (size == 10) { /* two accesses, and only one may have been */
        x86_write_implied(cpu, at + 8, 2, memory->u64[1] & 0xffff, cpl);
    }
}

static void load(struct cpu *cpu, uint32_t code, uint64_t at,
                 enum x87_operand kind)
{
    struct x86_cpu *x86 = x86_of(cpu);
    union x87_memory memory;
    struct x87_result r;
    bool full;

    x87_check_stack(cpu, code, at);
    read_memory(cpu, at, kind, &memory);
    if (!x87_can_push(x86, &full)) {
        return;
    }
    if (full) {
        x87_push(x86, x87_value(&x87_indefinite));
        return;
    }
    r = x87_host_load(x86->x87_control, kind, &memory);
    x87_take(x86, &r, X87_C1);
    if (!(r.status & ~x86->x87_control & X87_IE)) { /* a denormal is loaded */
        x87_push(x86, r.value);
    }
}

/* What a masked stack fault stores. */
static void indefinite_as(enum x87_operand kind, union x87_memory *memory)
{
    struct x87_register decimal = {0xc000000000000000ull, 0xffff, {0}};

    memset(memory, 0, sizeof(*memory));
    switch (kind) {
    case X87_FLOAT:
        memory->u64[0] = 0xffc00000u;
        break;
    case X87_DOUBLE:
        memory->u64[0] = 0xfff8000000000000ull;
        break;
    case X87_WORD:
        memory->u64[0] = 0x8000;
        break;
    case X87_LONG:
        memory->u64[0] = 0x80000000u;
        break;
    case X87_QUAD:
        memory->u64[0] = 1ull << 63;
        break;
    default:
        memcpy(memory, &decimal, sizeof(decimal));
    }
}

/*
 * Nothing is stored when an exception of the value itself is not masked, and
 * the register stays. The flags are set only once the store has not faulted.
 */
static void store(struct cpu *cpu, uint32_t code, uint64_t at,
                  enum x87_operand kind, bool truncate, bool pop)
{
    struct x86_cpu *x86 = x86_of(cpu);
    union x87_memory memory = {.u64 = {0}};
    struct x87_result r = {0, X87_IE};
    bool empty = x87_is_empty(x86, 0), stored;

    if (empty) {
        indefinite_as(kind, &memory);
    } else {
        r = x87_host_store(x86->x87_control, kind, truncate, x87_st(x86, 0),
                           &memory);
    }
    stored = !(r.status & ~x86->x87_control & (X87_BEFORE | X87_OE | X87_UE));
    if (stored) {
        x87_check_stack(cpu, code, at);
        write_memory(cpu, at, kind, &memory);
    }
    x87_take(x86, &r, X87_C1);
    x86->x87_status |= empty ? X87_SF : 0;
    if (stored && pop) {
        x87_pop(x86);
    }
}

/* -- By opcode ------------------------------------------------------------- */

static const enum x87_operand kinds[8] = {X87_FLOAT, X87_FLOAT,  X87_LONG,
                                          X87_LONG,  X87_DOUBLE, X87_DOUBLE,
                                          X87_WORD,  X87_WORD};

/* What is not a plain move. */
static void other_memory(struct cpu *cpu, unsigned code, uint64_t at,
                         bool narrow)
{
    struct x86_cpu *x86 = x86_of(cpu);

    switch (code) { /* opcode's digit, ModRM's digit */
    case 0x14:
    case 0x54:
        x87_load_environment(cpu, at, code == 0x54, narrow);
        break;
    case 0x15:
        x87_set_control_word(x86,
                             (uint16_t)x86_read_implied(cpu, at, 2, x86->cpl));
        break;
    case 0x16:
    case 0x56:
        x87_store_environment(cpu, at, code == 0x56, narrow);
        break;
    case 0x17:
        x86_write_implied(cpu, at, 2, x86->x87_control, x86->cpl);
        break;
    case 0x57:
        x86_write_implied(cpu, at, 2, x87_status_word(x86), x86->cpl);
        break;
    }
}

/* Loads and stores of all formats, by opcode's and ModRM's digit. */
static bool move_memory(struct cpu *cpu, unsigned which, uint32_t code,
                        uint64_t at)
{
    enum x87_operand kind = kinds[which >> 4];

    switch (which) {
    case 0x10:
    case 0x30:
    case 0x50:
    case 0x70:
        load(cpu, code, at, kind);
        return true;
    case 0x35:
        load(cpu, code, at, X87_REGISTER);
        return true;
    case 0x74:
        load(cpu, code, at, X87_DECIMAL);
        return true;
    case 0x75:
        load(cpu, code, at, X87_QUAD);
        return true;
    case 0x12:
    case 0x13:
    case 0x32:
    case 0x33:
    case 0x52:
    case 0x53:
    case 0x72:
    case 0x73:
        store(cpu, code, at, kind, false, which & 1);
        return true;
    case 0x31: /* FISTTP */
    case 0x71:
        store(cpu, code, at, kind, true, true);
        return true;
    case 0x51:
        store(cpu, code, at, X87_QUAD, true, true);
        return true;
    case 0x37:
        store(cpu, code, at, X87_REGISTER, false, true);
        return true;
    case 0x76:
        store(cpu, code, at, X87_DECIMAL, false, true);
        return true;
    case 0x77:
        store(cpu, code, at, X87_QUAD, false, true);
        return true;
    default:
        return false;
    }
}

static bool is_control(unsigned code)
{
    return code == 0x14 || code == 0x15 || code == 0x16 || code == 0x17 ||
           code == 0x54 || code == 0x56 || code == 0x57;
}

/* FLDCW, FLDENV and FRSTOR wait for what is pending; the others do not. */
static bool waits(unsigned code)
{
    return !is_control(code) || code == 0x14 || code == 0x15 || code == 0x54;
}

void x86_helper_x87_memory(struct cpu *cpu, uint32_t code, uint64_t at,
                           uint64_t offset)
{
    unsigned opcode = code >> 8 & 7, digit = code >> 3 & 7;
    unsigned which = opcode << 4 | digit;
    bool narrow = code & X87_NARROW;
    struct x86_cpu *x86 = x86_of(cpu);
    union x87_memory memory;

    if (waits(which)) {
        x87_check_pending(cpu);
    }
    if (!(opcode & 1)) {
        x87_check_stack(cpu, code, at);
        read_memory(cpu, at, kinds[opcode], &memory);
        if (x87_operate(x86, digit, 0, 0, kinds[opcode], &memory) &&
            digit == X87_FCOMP) {
            x87_pop(x86);
        }
    } else if (!move_memory(cpu, which, code, at)) {
        x87_check_stack(cpu, code, at);
        other_memory(cpu, which, at, narrow);
    }
    if (!is_control(which)) {
        x87_note_pointers(cpu, code, true, offset);
    }
}
