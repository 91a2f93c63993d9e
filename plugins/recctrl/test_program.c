/* A bare-metal guest that has a part of itself recorded. */
#include "bare.h"

#include "../../guest/hypercall.h"

static int64_t ask(intptr_t action, const char *name)
{
    struct hypercall call = {0x666, (uintptr_t)action, (uintptr_t)name, 0};

    hypercall(&call);
    return (int)call.a;
}

int main(void)
{
    volatile unsigned sum = 0;

    print("close: %d\n", ask(200, "part"));
    print("open: %d\n", ask(100, "part"));
    for (unsigned i = 0; i < 100000; i++) {
        sum += i;
    }
    print("open: %d\n", ask(100, "other"));
    print("nothing: %d\n", ask(7, "other"));
    print("close: %d\n", ask(200, ""));
    print("sum: %u\n", sum);
    print("close: %d\n", ask(200, ""));
    print("not reached\n");
    return 0;
}
