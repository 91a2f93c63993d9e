/* Text of instructions, by capstone: for people who look into a run. */
#include "guest/x86/state.h"

#include <capstone/capstone.h>
#include <stdio.h>

#define LONGEST 15u

size_t x86_disassemble(uint64_t mode, uint64_t pc, const uint8_t *bytes,
                       size_t size, char *text, size_t room)
{
    /* By enum x86_mode; decode.h and capstone have names in common. */
    static const cs_mode widths[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64,
                                     CS_MODE_64};
    size_t length = 0;
    cs_insn *insn;
    csh handle;

    if (cs_open(CS_ARCH_X86, widths[mode & X86_MODE_CODE_MASK], &handle) !=
        CS_ERR_OK) {
        return 0;
    }
    if (cs_disasm(handle, bytes, size < LONGEST ? size : LONGEST, pc, 1,
                  &insn) == 1) {
        snprintf(text, room, "%s%s%s", insn->mnemonic, *insn->op_str ? " " : "",
                 insn->op_str);
        length = insn->size;
        cs_free(insn, 1);
    }
    cs_close(&handle);
    return length;
}
