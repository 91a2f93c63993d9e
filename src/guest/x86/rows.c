/*
 * opcodes.def as a table, sorted into two maps of 256 lists when the program
 * starts.
 */
#include "guest/x86/rows.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct x86_row x86_rows[] = {
#define X86(mnemonic, encoding, operands, attributes, translate, argument) \
    {#mnemonic, encoding, operands, attributes, argument, x86_tr_##translate, \
     0,         0,        0,        0,          0,        0, \
     0,         0,        0},
#include "guest/x86/opcodes.def"
#undef X86
};
const unsigned x86_n_rows = sizeof(x86_rows) / sizeof(x86_rows[0]);

static const struct x86_row *map[2][256];

static void parse_digit(struct x86_row *row, const char *text)
{
    row->modrm = true;
    row->digit = text[0] == 'r' ? -1 : (int8_t)(text[0] - '0');
}

/* A hex byte: prefix, map, opcode or a whole ModRM, in that order. */
static void parse_byte(struct x86_row *row, const char *text, bool *opcode)
{
    uint8_t byte = (uint8_t)strtoul(text, NULL, 16);

    if (*opcode) {
        row->modrm = row->fixed_modrm = true;
        row->modrm_value = byte;
    } else if (byte == 0x0f && !row->map) {
        row->map = 1;
    } else if (!row->map && text[2] &&
               (byte == 0x66 || byte == 0xf2 || byte == 0xf3)) {
        row->prefix = byte;
    } else {
        row->opcode = byte;
        row->registers = text[2] == '+' ? 8 : 1;
        *opcode = true;
    }
}

static void parse_row(struct x86_row *row)
{
    const char *at = row->encoding;
    bool opcode = false;

    row->digit = -1;
    while (*at) {
        if (*at == '/') {
            parse_digit(row, at + 1);
        } else if (*at == 'N') {
            row->prefix = 1;
        } else {
            parse_byte(row, at, &opcode);
        }
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    panda_assert(opcode);
}

void x86_decode_init(void)
{
    if (map[0][0]) {
        return;
    }
    for (unsigned i = x86_n_rows; i-- > 0;) {
        struct x86_row *row = &x86_rows[i];

        parse_row(row);
        /* From the last to the first, each at the head of its lists: a row
         * with +r is the last one of its opcodes, and so can share `next`. */
        for (unsigned k = 0; k < row->registers; k++) {
            const struct x86_row **head = &map[row->map][row->opcode + k];

            panda_assert(row->registers == 1 || !*head);
            row->next = *head;
            *head = row;
        }
    }
}

const struct x86_row *x86_row_list(unsigned m, uint8_t opcode)
{
    return map[m][opcode];
}
