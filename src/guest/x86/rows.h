/* For rows.c: the attributes as opcodes.def spells them, and the translate
 * functions that it names, declared by the rows themselves. */
#ifndef GUEST_X86_ROWS_H
#define GUEST_X86_ROWS_H

#include "guest/x86/decode.h"
#include "ir/types.h"

#define LOCK X86_LOCK
#define N64 X86_N64
#define O64 X86_O64
#define D64 X86_D64
#define F64 X86_F64
#define REP X86_REP
#define END X86_END
#define ALONE X86_ALONE
#define SYS X86_SYS

#define X86(mnemonic, encoding, operands, attributes, translate, argument) \
    bool x86_tr_##translate(struct x86_translator *t);
#include "guest/x86/opcodes.def"
#undef X86

#endif
