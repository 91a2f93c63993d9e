/* Runs the tests of the x86 guest. Argument: the seed. */
#include "test_x86.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;
static uint64_t state = 0x2545f4914f6cdd1dull;

bool expect(bool good, const char *format, ...)
{
    va_list args;

    printf("%s ", good ? "ok    " : "FAILED");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    good ? passed++ : failed++;
    return good;
}

uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x9e3779b97f4a7c15ull >> 8;
}

uint64_t rnd_value(void)
{
    uint64_t edge = 1ull << rnd() % 64;

    switch (rnd() % 4) {
    case 0:
        return edge - rnd() % 3;
    case 1:
        return ~edge + rnd() % 3;
    default:
        return rnd() << 32 ^ rnd();
    }
}

/* -- Random encodings of a row --------------------------------------------- */

static unsigned put_prefixes(const struct x86_row *row, enum x86_mode mode,
                             const uint8_t *legal, unsigned n_legal,
                             uint8_t *bytes)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_legal; i++) {
        if (rnd() % 6 == 0) {
            bytes[n++] = legal[i];
        }
    }
    if (row->prefix > 1) {
        bytes[n++] = row->prefix;
    }
    if (mode == X86_MODE_64 && rnd() % 2) {
        bytes[n++] = (uint8_t)(0x40 | rnd() % 16);
    }
    return n;
}

void make_insn(const struct x86_row *row, enum x86_mode mode,
               const uint8_t *legal, unsigned n_legal, uint8_t bytes[15])
{
    unsigned n = put_prefixes(row, mode, legal, n_legal, bytes);

    if (row->map) {
        bytes[n++] = 0x0f;
    }
    bytes[n++] = (uint8_t)(row->opcode + rnd() % row->registers);
    if (row->fixed_modrm) {
        bytes[n++] = row->modrm_value;
    } else if (row->modrm) {
        bytes[n] = (uint8_t)rnd();
        if (row->digit >= 0) {
            bytes[n] = (uint8_t)((bytes[n] & 0xc7) | row->digit << 3);
        }
        n++;
    }
    while (n < 15) {
        bytes[n++] = (uint8_t)(rnd() % 4 ? rnd() : rnd() % 2 - 1);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        state = strtoull(argv[1], NULL, 0) * 2 + 1;
    }
    x86_decode_init();
    test_decode();
    test_units();
    test_narrow();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
