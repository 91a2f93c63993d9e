/*
 * hypercall A [B [C [D]]]: one call to the plugins outside with these values
 * in EAX, EBX, ECX and EDX; prints the registers after it. A value that is no
 * number is passed as the address of the text.
 *
 *     cc -static -o hypercall hypercall.c
 */
#include "hypercall.h"

#include <stdio.h>
#include <stdlib.h>

static uintptr_t value(const char *text)
{
    char *end;
    uintptr_t number = strtoul(text, &end, 0);

    return *text && !*end ? number : (uintptr_t)text;
}

int main(int argc, char **argv)
{
    struct hypercall call = {0, 0, 0, 0};
    uintptr_t *registers[] = {&call.a, &call.b, &call.c, &call.d};

    if (argc < 2 || argc > 5) {
        fprintf(stderr, "usage: hypercall A [B [C [D]]]\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        *registers[i - 1] = value(argv[i]);
    }
    hypercall(&call);
    printf("%#lx %#lx %#lx %#lx\n", (unsigned long)call.a,
           (unsigned long)call.b, (unsigned long)call.c, (unsigned long)call.d);
    return 0;
}
