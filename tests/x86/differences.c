/* Where the decoder and Capstone differ, and why. */
#include "differences.h"

#include <string.h>

/* -- Names ----------------------------------------------------------------- */

/* A row's mnemonic followed by what the operand or address size adds. */
static const struct alias {
    const char *row;
    const char *capstone;
} aliases[] = {
    {"cbw", "cbw cwde cdqe"},
    {"cwd", "cwd cdq cqo"},
    {"movs", "movsb movsw movsd movsq"},
    {"stos", "stosb stosw stosd stosq"},
    {"lods", "lodsb lodsw lodsd lodsq"},
    {"scas", "scasb scasw scasd scasq"},
    {"cmps", "cmpsb cmpsw cmpsd cmpsq"},
    {"ins", "insb insw insd"},
    {"outs", "outsb outsw outsd"},
    {"bsf", "bsf tzcnt"},
    {"bsr", "bsr lzcnt"},
    {"jrcxz", "jcxz jecxz jrcxz"},
    {"pushf", "pushf pushfd pushfq"},
    {"popf", "popf popfd popfq"},
    {"pusha", "pushaw pushal"},
    {"popa", "popaw popal"},
    {"iret", "iret iretd iretq"},
    {"sysret", "sysret sysretq"},
    {"sysexit", "sysexit sysexitq"},
    {"cmpxchg8b", "cmpxchg8b cmpxchg16b"},
    {"shl", "shl sal"},
    {"jmp", "jmp ljmp"},
    {"call", "call lcall"},
    {"movabs", "mov movabs"},
    {"mov", "mov movabs"},
    {"nop", "nop prefetch prefetchw prefetchwt1 prefetchnta prefetcht0 "
            "prefetcht1 prefetcht2 endbr32 endbr64 bndldx bndstx bndmk "
            "bndcl bndcu bndcn bndmov"},
    {"retf", "retf retfq"},
    {"movd", "movd movq"},
    {"movlps", "movlps movhlps"},
    {"movhps", "movhps movlhps"},
    {"movq", "movq movd"},
    {"fwait", "fwait wait"},
    {"fxsave", "fxsave fxsave64"},
    {"fxrstor", "fxrstor fxrstor64"},
    {"pause", "pause nop xchg"},
    {"xchg", "xchg nop"},
};

/* Where Capstone is not to be followed, by encoding. */
static const struct quirk {
    const char *encoding; /* the row's begins so */
    unsigned how;
    const char *reason;
} quirks[] = {
    {"90+r", NO_OPERANDS, "either order, and under 66 2E either size"},
    {"EA", SWAPPED, "selector before offset"},
    {"9A", SWAPPED, "selector before offset"},
    {"63 /r", NO_OPERANDS, "without REX.W a 64-bit destination is shown"},
    {"0F C8+r", NO_OPERANDS, "of 16 bits undefined; we swap 32"},
    {"0F 0D", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"0F 18", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"0F 19", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"0F 1A", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"0F 1B", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"0F 1C", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"0F 1D", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"0F 1E", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"0F 1F", MAY_LACK | NO_OPERANDS, "reserved NOP"},
    {"E5", NO_SIZE, "REX.W is ignored, by us in translation"},
    {"E7", NO_SIZE, "REX.W is ignored, by us in translation"},
    {"ED", NO_SIZE, "REX.W is ignored, by us in translation"},
    {"EF", NO_SIZE, "REX.W is ignored, by us in translation"},
    {"8C", MAY_LACK | NO_SIZE, "#UD and the memory's 2 bytes: translation"},
    {"8E", MAY_LACK | NO_SIZE, "#UD of CS and of none: translation"},
    {"0F 00", NO_SIZE, "the memory's 2 bytes: translation"},
    {"D8", MAY_LACK | NO_OPERANDS, "all of an x87 opcode"},
    {"D9", MAY_LACK | NO_OPERANDS, "all of an x87 opcode"},
    {"DA", MAY_LACK | NO_OPERANDS, "all of an x87 opcode"},
    {"DB", MAY_LACK | NO_OPERANDS, "all of an x87 opcode"},
    {"DC", MAY_LACK | NO_OPERANDS, "all of an x87 opcode"},
    {"DD", MAY_LACK | NO_OPERANDS, "all of an x87 opcode"},
    {"DE", MAY_LACK | NO_OPERANDS, "all of an x87 opcode"},
    {"DF", MAY_LACK | NO_OPERANDS, "all of an x87 opcode"},
    {"NP 0F C2", NO_OPERANDS, "the immediate is part of the name"},
    {"66 0F C2", NO_OPERANDS, "the immediate is part of the name"},
    {"F3 0F C2", NO_OPERANDS, "the immediate is part of the name"},
    {"F2 0F C2", NO_OPERANDS, "the immediate is part of the name"},
    {"NP 0F 2F", NO_SIZE, "COMISS is shown with 16 bytes"},
    {"66 0F 2F", NO_SIZE, "COMISD is shown with 16 bytes"},
    {"F3 0F 7E", NO_OPERANDS, "with REX.W a move to a register is shown"},
    {"NP 0F 67", NO_OPERANDS, "with REX.W a vector's registers are shown"},
    {"NP 0F 60", NO_SIZE, "the memory's 4 bytes are shown as 8"},
    {"NP 0F 61", NO_SIZE, "the memory's 4 bytes are shown as 8"},
    {"NP 0F 62", NO_SIZE, "the memory's 4 bytes are shown as 8"},
    {"NP 0F C4", NO_OPERANDS, "the general register is shown as 32 bits"},
    {"NP 0F C5", NO_OPERANDS, "the general register is shown as 32 bits"},
    {"NP 0F D7", NO_OPERANDS, "the general register is shown as 32 bits"},
    {"66 0F C4", NO_OPERANDS, "the general register is shown as 32 bits"},
    {"66 0F C5", NO_OPERANDS, "the general register is shown as 32 bits"},
    {"66 0F D7", NO_OPERANDS, "the general register is shown as 32 bits"},
    {"NP 0F 50", NO_OPERANDS, "the general register is shown as 32 bits"},
    {"66 0F 50", NO_OPERANDS, "the general register is shown as 32 bits"},
    {"D4", NO_OPERANDS, "a base of 10 is not shown"},
    {"D5", NO_OPERANDS, "a base of 10 is not shown"},
    {"0F 02", NO_OPERANDS, "the selector is shown with more bits"},
    {"0F 03", NO_OPERANDS, "the selector is shown with more bits"},
    {"0F 20", NO_OPERANDS, "in translation"},
    {"0F 21", NO_OPERANDS, "in translation"},
    {"0F 22", NO_OPERANDS, "in translation"},
    {"0F 23", NO_OPERANDS, "in translation"},
    {"0F 01 /4", NO_SIZE, "the memory's 2 bytes: translation"},
};

unsigned quirk_of(const struct x86_row *row)
{
    for (unsigned i = 0; i < sizeof(quirks) / sizeof(quirks[0]); i++) {
        const char *encoding = quirks[i].encoding;

        if (!strncmp(row->encoding, encoding, strlen(encoding))) {
            return quirks[i].how;
        }
    }
    return 0;
}

static bool among(const char *words, const char *word)
{
    size_t length = strlen(word);

    while (*words) {
        size_t n = strcspn(words, " ");

        if (n == length && !strncmp(words, word, n)) {
            return true;
        }
        words += n;
        words += *words == ' ';
    }
    return false;
}

bool same_name(const struct x86_row *row, const char *name)
{
    const char *last = strrchr(name, ' '); /* "rep movsb" */

    name = last ? last + 1 : name;
    if (!strncmp(row->mnemonic, "esc_", 4)) {
        return name[0] == 'f'; /* a row for all of an x87 opcode */
    }
    if (strlen(row->mnemonic) == 5 && !strncmp(row->mnemonic, "cmp", 3) &&
        strstr("ps pd ss sd", row->mnemonic + 3) &&
        *row->operands == 'V') { /* "cmpeqps": the immediate is a suffix */
        return !strncmp(name, "cmp", 3) &&
               strstr(name, row->mnemonic + 3) != NULL;
    }
    for (unsigned i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (!strcmp(aliases[i].row, row->mnemonic)) {
            return among(aliases[i].capstone, name);
        }
    }
    return !strcmp(row->mnemonic, name);
}
