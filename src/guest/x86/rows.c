/* opcodes.def as a table. */
#include "guest/x86/rows.h"

struct x86_row x86_rows[] = {
#define X86(mnemonic, encoding, operands, attributes, translate, argument) \
    {#mnemonic, encoding, operands, attributes, argument, \
     x86_tr_##translate, 0, 0, 0, 0, 0, 0, 0, 0, 0},
#include "guest/x86/opcodes.def"
#undef X86
};
const unsigned x86_n_rows = sizeof(x86_rows) / sizeof(x86_rows[0]);
