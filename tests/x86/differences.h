/* Between decode.c and differences.c. */
#ifndef TEST_X86_DIFFERENCES_H
#define TEST_X86_DIFFERENCES_H

#include "guest/x86/decode.h"

#include <stdbool.h>

/* Whether Capstone's name, with its prefixes, is one for the row. */
bool same_name(const struct x86_row *row, const char *name);

/* In what the row's operands are not compared. MAY_LACK: Capstone does not
 * know all of its encodings. */
enum { SWAPPED = 1, NO_OPERANDS = 2, NO_SIZE = 4, MAY_LACK = 8 };
unsigned quirk_of(const struct x86_row *row);

#endif
