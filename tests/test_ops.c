/* The table of ops: every row is filled, named once, and well typed. */
#include "ir/ir.h"
#include <string.h>

int main(void)
{
    int passed = 0, failed = 0;

    for (unsigned i = 0; i < IR_OP_COUNT; i++) {
        const struct ir_op_row *row = &ir_op_rows[i];
        bool good = row->name && strchr("-WILVX", row->result);

        for (unsigned k = 0; k < 4; k++) {
            good = good && strchr("-WILVX", row->arg[k]);
        }
        /* A pure op is one because of its value. */
        good = good && (row->effect != IR_PURE || row->result != '-');
        for (unsigned k = 0; good && k < i; k++) {
            good = strcmp(row->name, ir_op_rows[k].name) != 0;
        }
        printf("%s op %s\n", good ? "ok    " : "FAILED",
               row->name ? row->name : "?");
        good ? passed++ : failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
