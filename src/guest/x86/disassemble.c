/* Text of instructions, by capstone: for people who look into a run. */
#include "guest/x86/state.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <string.h>

#define LONGEST 15u

void x86_disassemble(uint64_t mode, uint64_t pc, const uint8_t *bytes,
                     size_t size, char *text, size_t room)
{
    /* By enum x86_mode; decode.h and capstone have names in common. */
    static const cs_mode widths[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64,
                                     CS_MODE_64};
    cs_mode width = widths[mode & X86_MODE_CODE_MASK];
    cs_insn *insn = NULL;
    csh handle;
    size_t n;

    if (cs_open(CS_ARCH_X86, width, &handle) != CS_ERR_OK) {
        snprintf(text, room, "(no disassembler)");
        return;
    }
    n = cs_disasm(handle, bytes, size < LONGEST ? size : LONGEST, pc, 1,
                  &insn);
    snprintf(text, room, n ? "%s %s" : "(not an instruction)",
             n ? insn->mnemonic : "", n ? insn->op_str : "");
    if (n) {
        cs_free(insn, n);
    }
    cs_close(&handle);
}
