/* A bare-metal guest with functions that run a known number of times. */
#include "bare.h"

void hooked(void);
extern char inside[], behind[];
asm("hooked:\n inc %eax\n inc %ecx\n"
    "inside:\n inc %edx\n"
    "behind:\n ret");

SNIPPET(user_code, "call hooked\n call hooked");

int main(void)
{
    struct context c;

    print("at %x %x %x\n", (uint64_t)hooked, (uint64_t)inside,
          (uint64_t)behind);
    for (unsigned i = 0; i < 20; i++) {
        asm volatile("call hooked" : : : "eax", "ecx", "edx", "memory");
    }
    for (unsigned i = 0; i < 5; i++) {
        prepare(&c, user_code, USER_CS);
        enter(&c);
    }
    return 0;
}
