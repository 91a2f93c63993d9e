/*
 * A plugin for tests/rulings.py: several functions of one kind that do not
 * agree, writes to what is only shown, reads and writes that must fail.
 */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define RULER 0x52554c45u
enum { MARK_STEER = 1, MARK_WHOLE = 5 };

static target_ulong pool; /* the last page before one that is not mapped */
static bool steering;
static unsigned exceptions[3], spaces[3];

static int32_t no_other(CPUState *cpu, int32_t number)
{
    (void)cpu;
    exceptions[0] += steering && number == 6;
    return number;
}

static int32_t other(CPUState *cpu, int32_t number)
{
    (void)cpu;
    exceptions[1] += steering && number == 6;
    return steering && number == 6 ? 0x61 : number;
}

static int32_t yet_another(CPUState *cpu, int32_t number)
{
    (void)cpu;
    exceptions[2] += steering && number == 6;
    return steering && number == 6 ? 0x62 : number;
}

static bool is_meant(target_ptr_t to)
{
    return steering && (to & 0xfff) == 8;
}

static bool lets_it(CPUState *cpu, target_ptr_t from, target_ptr_t to)
{
    (void)cpu, (void)from;
    spaces[0] += is_meant(to);
    return false;
}

static bool vetoes(CPUState *cpu, target_ptr_t from, target_ptr_t to)
{
    (void)cpu, (void)from;
    spaces[1] += is_meant(to);
    return is_meant(to);
}

static bool lets_it_too(CPUState *cpu, target_ptr_t from, target_ptr_t to)
{
    (void)cpu, (void)from;
    spaces[2] += is_meant(to);
    return false;
}

/* Nothing is moved, not even what could be. */
static void try_memory(CPUState *cpu)
{
    uint8_t bytes[8], was[8];
    int wrong = 0;

    memset(bytes, 0x33, sizeof(bytes));
    memset(was, 0x33, sizeof(was));
#define FAILS(call) wrong += (call) != -1 || memcmp(bytes, was, 8) != 0
    FAILS(panda_virtual_memory_read(cpu, pool + 4092, bytes, 8));
    FAILS(panda_virtual_memory_write(cpu, pool + 4092, bytes, 8));
    FAILS(panda_virtual_memory_rw(cpu, pool + 4092, bytes, 8, true));
    FAILS(panda_physical_memory_read(ram_size - 4, bytes, 8));
    FAILS(panda_physical_memory_write(ram_size - 4, bytes, 8));
    FAILS(panda_physical_memory_rw(0xfee00080, bytes, 4, false));
    FAILS(panda_physical_memory_write(0xfee00080, bytes, 4));
    wrong += panda_virtual_memory_read(cpu, pool + 4088, bytes, 8) != 0 ||
             bytes[7] != 0x77;
    printf("judge: memory, %d wrong\n", wrong);
}

static bool shows(void *code, const char *word)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool there;

    panda_disas(out, code, 2);
    fclose(out);
    there = strstr(text, word);
    free(text);
    return there;
}

/* Of the plugin's memory; and of the guest's, where the plugin has none. */
static void try_disassembly(void)
{
    uint8_t nop[2] = {0x90, 0xc3};

    printf("judge: disassembled %d %d\n", shows(nop, "nop"),
           shows((void *)(uintptr_t)pool, "ja "));
}

static bool on_hypercall(CPUState *cpu)
{
    CPUX86State *env = cpu->env_ptr;

    if ((uint32_t)env->regs[R_EAX] == RULER && env->regs[R_EBX] == MARK_STEER) {
        steering = true;
        env->dr[0] = 0x1234;
        env->cr[3] = 0x1000;
    } else if ((uint32_t)env->regs[R_EAX] == RULER &&
               env->regs[R_EBX] == MARK_WHOLE) {
        try_memory(cpu);
        try_disassembly();
    }
    return false;
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args(PLUGIN_NAME);
    panda_cb pcb;

    pool = panda_parse_ulong_req(args, "pool", "an address");
    panda_free_args(args);
    pcb.guest_hypercall = on_hypercall;
    panda_register_callback(self, PANDA_CB_GUEST_HYPERCALL, pcb);
    pcb.before_handle_exception = no_other;
    panda_register_callback(self, PANDA_CB_BEFORE_HANDLE_EXCEPTION, pcb);
    pcb.before_handle_exception = other;
    panda_register_callback(self, PANDA_CB_BEFORE_HANDLE_EXCEPTION, pcb);
    pcb.before_handle_exception = yet_another;
    panda_register_callback(self, PANDA_CB_BEFORE_HANDLE_EXCEPTION, pcb);
    pcb.asid_changed = lets_it;
    panda_register_callback(self, PANDA_CB_ASID_CHANGED, pcb);
    pcb.asid_changed = vetoes;
    panda_register_callback(self, PANDA_CB_ASID_CHANGED, pcb);
    pcb.asid_changed = lets_it_too;
    panda_register_callback(self, PANDA_CB_ASID_CHANGED, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    printf("judge: exceptions %u %u %u spaces %u %u %u\n", exceptions[0],
           exceptions[1], exceptions[2], spaces[0], spaces[1], spaces[2]);
}
