/* Functions of every kind of type, and types of its own. */
#ifndef GIVER_INT_FNS_H
#define GIVER_INT_FNS_H

#include "panda/plugin.h"
#include "giver.h"

struct giver_box {
    target_ulong low, high;
};
enum giver_colour { GIVER_RED = 7, GIVER_BLUE };

void giver_run(void);
bool giver_is(const struct giver_box *box, enum giver_colour colour);
struct giver_box giver_boxed(target_ulong low, target_ulong);
const char *giver_text(const char *const texts[], size_t n);
int64_t giver_call(int64_t (*function)(int64_t, void *), int64_t x, void *y);
on_plain_t giver_point(CPUState *cpu);
uint32_t giver_sum(const uint8_t numbers[4]);
static inline int giver_inline(void)
{
    return 1;
}

#endif
