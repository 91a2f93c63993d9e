/* All headers within extern "C", and a callback point without a type with a
 * context, as older sources have them: tests/rulings.py. */
extern "C" {
#include "panda/plugin.h"
#include "panda/tcg-utils.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

typedef void (*on_thing_t)(CPUState *cpu, int what);
PPP_PROT_REG_CB(on_thing)
PPP_CB_BOILERPLATE(on_thing)
}

static int heard;

static void listener(CPUState *, int what)
{
    heard += what;
}

/* The physical memory of older sources. */
static bool is_zero(target_phys_addr_t at)
{
    uint8_t byte = 1;

    return !panda_physical_memory_read(at, &byte, 1) && !byte;
}

bool init_plugin(void *)
{
    return try_parse<int>("7") == 7;
}

void uninit_plugin(void *self)
{
    PPP_REG_CB("enclosed", on_thing, listener);
    PPP_RUN_CB(on_thing, first_cpu, 5);
    printf("enclosed: %d %d\n", heard,
           self != NULL && is_zero(static_cast<target_phys_addr_t>(0x5000)));
}
