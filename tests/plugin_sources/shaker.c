/*
 * A plugin for tests/plugin_soak.py: loads, unloads, enables and disables
 * others, one random step at a time, at random counts, from within whatever
 * callback comes then, its own being switched, too. Now and then it takes all
 * of them out and says what is left: nothing should have grown.
 */
#include "panda/usage.h"

#include <dirent.h>
#include <malloc.h>

#define MOST 8u /* at once */

static void *me;
static uint64_t state, next, n_steps, n_done, every, gap, rest;
static unsigned n_loads, n_unloads, n_switches, most, n_wrong;
static bool measuring;

static char **names;
static unsigned n_names;
static bool disabled[64];

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

/* -- What is held ---------------------------------------------------------- */

static size_t heap(void)
{
    size_t (*sanitizer)(void);

    *(void **)(void *)&sanitizer = dlsym(
        RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
    return sanitizer ? sanitizer() : mallinfo2().uordblks + mallinfo2().hblkhd;
}

static unsigned count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned n = 0;
    int c;

    while (file && (c = getc(file)) != EOF) {
        n += c == '\n';
    }
    if (file) {
        fclose(file);
    }
    return n;
}

static unsigned count_open(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned n = 0;

    while (folder && readdir(folder)) {
        n++;
    }
    if (folder) {
        closedir(folder);
    }
    return n;
}

static void report(void)
{
    panda_usage usage;

    panda_get_usage(&usage);
    fprintf(stderr,
            "shaker: step %" PRIu64 " heap %zu mappings %u files %u plugins %u "
            "subscriptions %u registrations %u arguments %u blocks %u "
            "translations %u\n",
            n_done, heap(), count_lines("/proc/self/maps"), count_open(),
            usage.plugins, usage.subscriptions, usage.registrations,
            usage.arguments, usage.blocks, usage.translations);
}

/* -- Steps ----------------------------------------------------------------- */

static void *handle_of(unsigned i)
{
    return panda_get_plugin_by_name(names[i]);
}

static unsigned loaded(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_names; i++) {
        n += handle_of(i) != NULL;
    }
    return n;
}

static void load(unsigned i)
{
    char *path = panda_plugin_path(names[i]);
    bool good = path && panda_load_plugin(path);

    if (good == !strcmp(names[i], "refuser")) {
        fprintf(stderr, "shaker: %s is %sloaded\n", names[i],
                good ? "" : "not ");
        n_wrong++;
    }
    free(path);
    disabled[i] = false;
    n_loads++;
}

static void turn(unsigned i)
{
    disabled[i] = !disabled[i];
    (disabled[i] ? panda_disable_plugin : panda_enable_plugin)(handle_of(i));
    n_switches++;
}

static void switch_own(void);

static void step(void)
{
    unsigned i = (unsigned)draw(n_names), n = loaded();

    most = n > most ? n : most;
    n_done++;
    if (!draw(8)) {
        switch_own();
    } else if (!handle_of(i)) {
        if (n + 2 <= MOST) { /* it may bring another one */
            load(i);
        } else {
            panda_unload_plugin_by_name(names[draw(n_names)]);
            n_unloads++;
        }
    } else if (draw(3)) {
        turn(i);
    } else {
        panda_unload_plugin(handle_of(i));
        n_unloads++;
    }
}

static void clear(void);

static void tick(void)
{
    uint64_t count = rr_get_guest_instr_count();

    if (count < next || n_done > n_steps) {
        return;
    }
    if (measuring) {
        measuring = false;
        report();
        n_done += n_done == n_steps;
        next = count + 1 + draw(gap);
        return;
    }
    step();
    next = count + 1 + draw(gap);
    if (n_done % every == 0) {
        panda_usage usage;

        panda_get_usage(&usage);
        fprintf(stderr, "shaker: step %" PRIu64 " busy translations %u\n",
                n_done, usage.translations);
        measuring = true;
        clear();
        next = count + rest;
    }
}

/* -- Moments --------------------------------------------------------------- */

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu, (void)tb;
    tick();
}

static void on_block_end(CPUState *cpu, TranslationBlock *tb, uint8_t code)
{
    (void)cpu, (void)tb, (void)code;
    tick();
}

static bool on_translate(CPUState *cpu, target_ulong pc)
{
    (void)cpu;
    tick();
    return pc % 3 == 0;
}

static int on_insn(CPUState *cpu, target_ulong pc)
{
    (void)cpu, (void)pc;
    tick();
    return 0;
}

static void on_access(CPUState *cpu, target_ptr_t pc, target_ptr_t address,
                      size_t size, uint8_t *bytes)
{
    (void)cpu, (void)pc, (void)address, (void)size, (void)bytes;
    tick();
}

static void before_access(CPUState *cpu, target_ptr_t pc, target_ptr_t address,
                          size_t size)
{
    (void)cpu, (void)pc, (void)address, (void)size;
    tick();
}

static int32_t on_interrupt(CPUState *cpu, int32_t number)
{
    (void)cpu;
    tick();
    return number;
}

static const struct {
    panda_cb_type type;
    panda_cb function;
} own[] = {
    {PANDA_CB_AFTER_BLOCK_EXEC, {.after_block_exec = on_block_end}},
    {PANDA_CB_INSN_TRANSLATE, {.insn_translate = on_translate}},
    {PANDA_CB_INSN_EXEC, {.insn_exec = on_insn}},
    {PANDA_CB_VIRT_MEM_AFTER_WRITE, {.virt_mem_after_write = on_access}},
    {PANDA_CB_PHYS_MEM_BEFORE_READ, {.phys_mem_before_read = before_access}},
    {PANDA_CB_BEFORE_HANDLE_INTERRUPT,
     {.before_handle_interrupt = on_interrupt}},
};
#define N_OWN (sizeof(own) / sizeof(own[0]))

static void switch_own(void)
{
    size_t i = draw(N_OWN);

    if (panda_is_callback_enabled(me, own[i].type, own[i].function)) {
        panda_disable_callback(me, own[i].type, own[i].function);
    } else {
        panda_enable_callback(me, own[i].type, own[i].function);
    }
}

/* Nothing that was drawn may make a difference to what is left. */
static void clear(void)
{
    for (size_t i = 0; i < N_OWN; i++) {
        panda_disable_callback(me, own[i].type, own[i].function);
    }
    panda_do_flush_tb();
    for (unsigned i = 0; i < n_names; i++) {
        panda_unload_plugin_by_name(names[i]);
    }
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args(PLUGIN_NAME);
    panda_cb pcb = {.before_block_exec = on_block};

    me = self;
    state = panda_parse_uint64(args, "seed", 1) * 0x9e3779b97f4a7c15ull;
    n_steps = panda_parse_uint64(args, "steps", 100);
    every = panda_parse_uint64(args, "every", 100);
    gap = panda_parse_uint64(args, "gap", 200);
    rest = panda_parse_uint64(args, "rest", 2000);
    names = str_split((char *)panda_parse_string(args, "names", ""), '+');
    while (n_names < 64 && names[n_names]) {
        n_names++;
    }
    panda_free_args(args);
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    for (size_t i = 0; i < N_OWN; i++) {
        panda_register_callback(self, own[i].type, own[i].function);
        panda_disable_callback(self, own[i].type, own[i].function);
    }
    return n_names;
}

void uninit_plugin(void *self)
{
    (void)self;
    for (unsigned i = 0; i < n_names; i++) {
        free(names[i]);
    }
    free(names);
    fprintf(stderr,
            "shaker: done %" PRIu64 " loads %u unloads %u switches %u most %u "
            "wrong %u\n",
            n_done, n_loads, n_unloads, n_switches, most, n_wrong);
}
