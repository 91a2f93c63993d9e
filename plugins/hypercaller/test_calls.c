/* A bare-metal guest that makes hypercalls and prints what it is answered. */
#include "bare.h"

#include "../../guest/hypercall.h"

static void make(uintptr_t magic, uintptr_t b, uintptr_t c)
{
    struct hypercall call = {magic, b, c, 7};

    hypercall(&call);
    print("%x %u %u: %x %x %x %x\n", magic, b, c, call.a, call.b, call.c,
          call.d);
}

int main(void)
{
    for (uintptr_t i = 1; i <= 5; i++) {
        make(0xfeed0001, i, 10 * i);
        make(0xfeed0002, i, 10 * i);
        make(0xfeed0003, i, 10 * i);
    }
    make(0, 0, 0);
    return 0;
}
