/* Names of older sources, and what they are here: tests/rulings.py. */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define SAME(a, b) _Static_assert((int)(a) == (int)(b), #a " is " #b)

SAME(PANDA_CB_AFTER_VMLOAD, 40);
SAME(PANDA_CB_BEFORE_REPLAY_LOADVM, 26);
SAME(PANDA_CB_VIRT_MEM_READ, PANDA_CB_VIRT_MEM_AFTER_READ);
SAME(PANDA_CB_VIRT_MEM_WRITE, PANDA_CB_VIRT_MEM_BEFORE_WRITE);
SAME(PANDA_CB_PHYS_MEM_READ, PANDA_CB_PHYS_MEM_AFTER_READ);
SAME(PANDA_CB_PHYS_MEM_WRITE, PANDA_CB_PHYS_MEM_BEFORE_WRITE);
_Static_assert(PANDA_CB_REPLAY_BEFORE_CPU_PHYSICAL_MEM_RW_RAM >= 256 &&
                   PANDA_CB_REPLAY_AFTER_CPU_PHYSICAL_MEM_RW_RAM >= 256,
               "numbers of their own");
SAME(RRCTRL_ERROR, -2);
_Static_assert(sizeof(target_phys_addr_t) == 8, "64 bits");

static int before_loadvm(void)
{
    printf("names: loads\n");
    return 0;
}

static void after_loadvm(CPUState *cpu)
{
    printf("names: loaded %d\n", cpu != NULL);
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("names");
    char *text = panda_parse_string(args, "text", "none"), *other;
    panda_cb pcb;

    other = panda_parse_string_opt(args, "other", "nothing", "a text");
    text[0] = 'N'; /* one's own */
    printf("names: %s %s\n", text, other);
    pcb.before_loadvm = before_loadvm;
    panda_register_callback(self, PANDA_CB_BEFORE_REPLAY_LOADVM, pcb);
    pcb.after_loadvm = after_loadvm;
    panda_register_callback(self, PANDA_CB_AFTER_VMLOAD, pcb);
    printf("names: %d", panda_load_plugin(OTHER));
    printf(" %d", panda_load_plugin(OTHER, "claimer"));
    printf(" %d\n", panda_get_plugin_by_name("claimer") &&
                        panda_get_plugin_by_name("claimer") ==
                            panda_get_plugin_by_name("panda_claimer.so"));
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
}
