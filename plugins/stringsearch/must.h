/* No memory is the end of the program. */
#ifndef STRINGSEARCH_MUST_H
#define STRINGSEARCH_MUST_H

#include <stdio.h>
#include <stdlib.h>

static inline void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "PANDA[stringsearch]: out of memory\n");
        abort();
    }
    return memory;
}

#endif
