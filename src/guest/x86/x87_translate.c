/* The translation of the x87's instructions: one call each, as they are rare
 * in today's programs. */
#include "guest/x86/helpers.h"
#include "guest/x86/rows.h"
#include "guest/x86/translate.h"
#include "guest/x86/x87.h"

/* Opcodes' low digit << 8 | ModRM that no instruction has: from, to. */
static const uint16_t missing[][2] = {
    {0x1d1, 0x1d7}, {0x1e2, 0x1e3}, {0x1e6, 0x1e7}, {0x1ef, 0x1ef},
    {0x2e0, 0x2e8}, {0x2ea, 0x2ff}, {0x3e5, 0x3e7}, {0x3f8, 0x3ff},
    {0x5f0, 0x5ff}, {0x6d8, 0x6d8}, {0x6da, 0x6df}, {0x7e1, 0x7e7},
    {0x7f8, 0x7ff},
};

static bool exists(uint32_t code)
{
    unsigned digit = code >> 3 & 7, opcode = code >> 8;

    if ((code & 0xff) < 0xc0) { /* memory */
        return !((opcode == 1 && digit == 1) || (opcode == 5 && digit == 5) ||
                 (opcode == 3 && (digit == 4 || digit == 6)));
    }
    for (unsigned i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        if (code >= missing[i][0] && code <= missing[i][1]) {
            return false;
        }
    }
    return true;
}

static bool off(struct x86_translator *t, uint64_t when)
{
    if (!(t->mode_word & when)) {
        return false;
    }
    ir_call(t->b, X86_HELPER_exception, ir_const_i32(t->b, X86_NM), IR_NONE,
            IR_NONE, IR_NONE);
    x86_exit(t, ir_const_i64(t->b, t->pc), IR_EXIT_LOOKUP);
    return true;
}

/* What an instruction with a memory operand does there, by the opcode's low
 * three bits and the digit: bytes, with bit 7 when they are written. The
 * environment has half the bytes with 16-bit operands. */
static void guard(struct x86_translator *t, ir_ref address)
{
    enum { W = 128, ENV = 28, ALL = 108 };
    static const uint8_t accesses[8][8] = {
        {4, 4, 4, 4, 4, 4, 4, 4},
        {4, 0, 4 | W, 4 | W, ENV, 2, ENV | W, 2 | W},
        {4, 4, 4, 4, 4, 4, 4, 4},
        {4, 4 | W, 4 | W, 4 | W, 0, 10, 0, 10 | W},
        {8, 8, 8, 8, 8, 8, 8, 8},
        {8, 8 | W, 8 | W, 8 | W, ALL, 0, ALL | W, 2 | W},
        {2, 2, 2, 2, 2, 2, 2, 2},
        {2, 2 | W, 2 | W, 2 | W, 10, 8, 10 | W, 8 | W},
    };
    unsigned access =
        accesses[t->insn.row->argument & 7][t->insn.modrm >> 3 & 7];
    unsigned size = access & ~(unsigned)W;

    if (size >= ENV && t->insn.size == 2) {
        size -= 14;
    }
    if (size) {
        x86_guard(t, address, size, access & W);
    }
}

static uint32_t stack_bit(const struct x86_translator *t)
{
    return t->mode == X86_MODE_64 && t->insn.segment == X86_SS ? X87_STACK : 0;
}

bool x86_tr_x87(struct x86_translator *t)
{
    uint32_t code = (uint32_t)t->insn.row->argument << 8 | t->insn.modrm;
    ir_ref offset;

    if (!exists(code)) {
        return x86_tr_undefined(t);
    }
    if (off(t, X86_MODE_TS | X86_MODE_EM)) {
        return true;
    }
    if (t->insn.operand[0].kind == X86_OPERAND_MEMORY) {
        ir_ref address = x86_address(t);

        code |= (t->insn.size == 2 ? X87_NARROW : 0) | stack_bit(t);
        offset = x86_effective_address(t);
        guard(t, address);
        ir_call(t->b, X86_HELPER_x87_memory, ir_const_i32(t->b, code), address,
                offset, IR_NONE);
    } else {
        ir_call(t->b, X86_HELPER_x87_register, ir_const_i32(t->b, code),
                IR_NONE, IR_NONE, IR_NONE);
    }
    return false;
}

bool x86_tr_fwait(struct x86_translator *t)
{
    if (t->mode_word & X86_MODE_TS) { /* and MP decides */
        ir_call(t->b, X86_HELPER_wait, IR_NONE, IR_NONE, IR_NONE, IR_NONE);
    }
    ir_call(t->b, X86_HELPER_x87_register, ir_const_i32(t->b, X87_FWAIT),
            IR_NONE, IR_NONE, IR_NONE);
    return false;
}

bool x86_tr_fxsave(struct x86_translator *t)
{
    if (off(t, X86_MODE_TS | X86_MODE_EM)) {
        return true;
    }
    ir_ref address = x86_address(t);

    x86_guard(t, address, 512, !t->insn.row->argument);
    ir_call(t->b,
            t->insn.row->argument ? X86_HELPER_fxrstor : X86_HELPER_fxsave,
            address, ir_const_i32(t->b, (t->insn.rex >> 3 & 1) | stack_bit(t)),
            IR_NONE, IR_NONE);
    if (t->insn.row->argument) { /* MXCSR can be another */
        x86_exit(t, ir_const_i64(t->b, t->next_pc), IR_EXIT_LOOKUP);
        return true;
    }
    return false;
}
