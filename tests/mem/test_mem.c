/* Memory: blocks, map, TLB and accesses. Arguments: seed and steps. */
#include "fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int passed, failed;

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

int main(int argc, char **argv)
{
    unsigned steps = argc > 2 ? strtoul(argv[2], NULL, 0) : 30000;

    if (argc > 1) {
        test_random(strtoull(argv[1], NULL, 0), steps);
    } else {
        test_blocks();
        test_access();
        test_tables();
        for (uint64_t seed = 1; seed <= 8; seed++) {
            test_random(seed, steps);
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
