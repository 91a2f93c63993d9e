/* Which blocks ran, in which address space, as CSV. See README.md. */
#include "coverage.h"

#include <time.h>

bool init_plugin(void *self);
void uninit_plugin(void *self);

/* -- What is asked for ----------------------------------------------------- */

struct range {
    target_ulong low, high; /* both included */
    bool given;
};

static bool full;
static struct range only, exclude, asid;
static struct range hook; /* low: the pc that lets pass; high: that blocks */
static enum { ALL, USER, KERNEL } privilege;
static enum { ASID_BLOCK, EDGE } mode;
static char *csv_name, *drcov_name; /* drcov: or NULL */

static void *this_plugin;
static bool enabled;
static bool passing; /* between the two of `hook` */

/* A small cache in front of the set answers for most blocks. */
static struct set seen;
#define RECENT 65536u
static struct record recent[RECENT];

/* -- Output ---------------------------------------------------------------- */

static FILE *out;
/* Between two slices of the run. */
static void once_a_second(void)
{
    static time_t last;
    time_t now = time(NULL);

    if (out && now != last) {
        fflush(out);
        drcov_flush();
        last = now;
    }
}

static bool open_output(const char *name)
{
    time_t now = time(NULL);
    char day[64], moment[64];

    out = fopen(name, "w");
    if (!out) {
        fprintf(stderr, PANDA_MSG " %s cannot be written: %m\n", name);
        return false;
    }
    strftime(day, sizeof(day), "%Y-%m-%d", localtime(&now));
    strftime(moment, sizeof(moment), "%Y-%m-%dT%H:%M:%S", localtime(&now));
    fprintf(out, "PANDA Build Date,%s\nExecution Time,%s\n%s", day, moment,
            mode == EDGE ? "from pc,from size,to pc,to size\n"
                         : "asid\nasid,in kernel,block address,block size\n");
    fflush(out);
    return true;
}

static void found(const struct record *r)
{
    if (mode == ASID_BLOCK && drcov_name) {
        drcov_add(r->b, r->size);
    }
    if (full || set_add(&seen, r)) {
        bool edge = mode == EDGE;

        fprintf(out, "0x%" PRIx64 ",%u,0x%" PRIx64 ",%u\n", (uint64_t)r->a,
                edge ? r->size : r->more, (uint64_t)r->b,
                edge ? r->more : r->size);
    }
}

/* -- Blocks ---------------------------------------------------------------- */

static bool within(const struct range *range, target_ulong pc)
{
    return pc >= range->low && pc <= range->high;
}

static bool wanted(CPUState *cpu, target_ulong pc)
{
    return (privilege == ALL ||
            panda_in_kernel(cpu) == (privilege == KERNEL)) &&
           (!only.given || within(&only, pc)) &&
           (!exclude.given || !within(&exclude, pc)) &&
           (!asid.given || panda_current_asid(cpu) == asid.low);
}

static bool holds(const TranslationBlock *tb, target_ulong pc)
{
    return pc - tb->pc < tb->size;
}

/* The block with the one pc is the first, the one with the other is the
 * first that is not. */
static bool passes(const TranslationBlock *tb)
{
    if (hook.given) {
        passing = !holds(tb, hook.high) && (passing || holds(tb, hook.low));
    }
    return passing;
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    struct record record = {panda_current_asid(cpu), tb->pc, tb->size,
                            panda_in_kernel(cpu)};
    struct record *last = &recent[(tb->pc ^ tb->pc >> 16) % RECENT];

    if (!passes(tb) || (!full && !memcmp(last, &record, sizeof(record)))) {
        return;
    }
    if (wanted(cpu, tb->pc)) {
        found(&record);
    }
    *last = record;
}

/*
 * An edge: a block that ended, and the one that begins there next in its
 * address space. What an interrupt puts in between is no edge.
 */
static struct {
    target_ulong pc, next, asid;
    uint32_t size;
    bool valid;
} ended;

static void on_block_end(CPUState *cpu, TranslationBlock *tb, uint8_t code)
{
    (void)code;
    ended.pc = tb->pc;
    ended.size = tb->size;
    ended.next = panda_current_pc(cpu);
    ended.asid = panda_current_asid(cpu);
    ended.valid = passing && wanted(cpu, tb->pc);
}

static void on_edge(CPUState *cpu, TranslationBlock *tb)
{
    struct record record = {ended.pc, tb->pc, ended.size, tb->size};

    if (passes(tb) && ended.valid && ended.next == tb->pc &&
        ended.asid == panda_current_asid(cpu) && wanted(cpu, tb->pc)) {
        found(&record);
    }
    ended.valid = false;
}

/* -- On and off ------------------------------------------------------------ */

/* Registers, enables or disables those of the mode; the one a block begins
 * with is returned. */
static panda_cb for_callbacks(void (*change)(void *, panda_cb_type, panda_cb))
{
    panda_cb pcb;

    if (mode == EDGE) {
        pcb.after_block_exec = on_block_end;
        change(this_plugin, PANDA_CB_AFTER_BLOCK_EXEC, pcb);
        pcb.before_block_exec = on_edge;
    } else {
        pcb.before_block_exec = on_block;
    }
    change(this_plugin, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return pcb;
}

static void switch_callbacks(bool on)
{
    for_callbacks(on ? panda_enable_callback : panda_disable_callback);
    enabled = on;
}

static void close_output(void)
{
    if (out) {
        fclose(out);
        out = NULL;
    }
    drcov_close();
    set_forget(&seen);
    memset(recent, 0, sizeof(recent));
}

static void disable(void)
{
    if (enabled) {
        switch_callbacks(false);
        close_output();
    }
}

static bool enable(const char *name)
{
    if (enabled) {
        return true;
    }
    if (!open_output(name) || (drcov_name && !drcov_open(drcov_name))) {
        return false;
    }
    ended.valid = false;
    passing = !hook.given;
    switch_callbacks(true);
    return true;
}

static int on_command(Monitor *mon, const char *command)
{
    static const char on[] = "coverage_enable";
    size_t n = strlen(on);

    if (!strncmp(command, on, n) && (!command[n] || command[n] == '=')) {
        if (!enable(command[n] ? command + n + 1 : csv_name)) {
            panda_monitor_print(mon, "coverage: no output file\n");
        }
    } else if (!strcmp(command, "coverage_disable")) {
        disable();
    }
    return 0;
}

/* -- Arguments ------------------------------------------------------------- */

bool parse_two(const char *text, target_ulong *low, target_ulong *high)
{
    char *end;

    *low = strtoull(text, &end, 0);
    if (end == text || *end != '-') {
        return false;
    }
    text = end + 1;
    *high = strtoull(text, &end, 0);
    return end != text && !*end;
}

static bool parse_range(const char *key, const char *text, struct range *range)
{
    if (!text) {
        return true;
    }
    range->given = true;
    if (parse_two(text, &range->low, &range->high) &&
        (range == &hook || range->low <= range->high)) {
        return true;
    }
    fprintf(stderr, PANDA_MSG " %s=%s is not %s\n", key, text,
            range == &hook ? "two addresses PASS-BLOCK" : "a range LOW-HIGH");
    return false;
}

static bool parse_privilege(const char *text)
{
    static const char *const names[] = {"all", "user", "kernel"};

    for (int i = 0; i < 3; i++) {
        if (!strcmp(text, names[i])) {
            privilege = i;
            return true;
        }
    }
    fprintf(stderr, PANDA_MSG " privilege=%s: user, kernel or all\n", text);
    return false;
}

static const char no_osi[] = "which needs to know processes, and so a plugin "
                             "that this version does not have";

static bool parse_mode(const char *text)
{
    if (!strcmp(text, "asid-block") || !strcmp(text, "edge")) {
        mode = *text == 'e' ? EDGE : ASID_BLOCK;
        return true;
    }
    if (!strcmp(text, "osi-block")) {
        fprintf(stderr, PANDA_MSG " mode=osi-block: %s\n", no_osi);
    } else {
        fprintf(stderr, PANDA_MSG " mode=%s: asid-block or edge\n", text);
    }
    return false;
}

/* drcov=FILE, and the modules it is about. */
static bool parse_drcov(const char *file, const char *modules)
{
    if (!file && !modules) {
        return true;
    }
    if (!file || !modules || mode == EDGE) {
        fprintf(stderr, PANDA_MSG " drcov=FILE goes with module="
                                  "NAME:BASE-END, and not with mode=edge\n");
        return false;
    }
    drcov_name = strdup(file);
    return drcov_modules(modules);
}

static bool parse(panda_arg_list *args)
{
#define TEXT(key, otherwise, help) \
    panda_parse_string_opt(args, key, otherwise, help)
    const char *name = TEXT("filename", "coverage.csv", "where the rows go");
    const char *how = TEXT("mode", "asid-block", "asid-block or edge");
    const char *pc = TEXT("pc", NULL, "only this range, LOW-HIGH");
    const char *not_pc = TEXT("exclude_pc", NULL, "not this range");
    const char *who = TEXT("privilege", "all", "user, kernel or all");
    const char *two = TEXT("hook_filter", NULL, "from PASS on up to BLOCK");
    const char *process = TEXT("process_name", NULL, "not in this version");
    const char *space = TEXT("asid", NULL, "only this address space");
    const char *drcov = TEXT("drcov", NULL, "a file for Lighthouse");
    const char *modules = TEXT("module", NULL, "NAME:BASE-END, | between");
#undef TEXT

    full = panda_parse_bool_opt(args, "full",
                                "every execution, not only the first");
    if (process || panda_parse_bool_opt(args, "summary",
                                        "not in this "
                                        "version")) {
        fprintf(stderr, PANDA_MSG " %s: %s\n",
                process ? "process_name" : "summary", no_osi);
        return false;
    }
    if (space) {
        char *end;

        asid.given = true;
        asid.low = strtoull(space, &end, 0);
        if (end == space || *end) {
            fprintf(stderr, PANDA_MSG " asid=%s is not a number\n", space);
            return false;
        }
    }
    csv_name = strdup(name);
    return parse_mode(how) && parse_privilege(who) &&
           parse_range("pc", pc, &only) &&
           parse_range("exclude_pc", not_pc, &exclude) &&
           parse_range("hook_filter", two, &hook) &&
           parse_drcov(drcov, modules);
}

/* -- Start and end --------------------------------------------------------- */

static void register_all(void)
{
    panda_cb pcb = for_callbacks(panda_register_callback);

    if (mode == ASID_BLOCK && !full && !hook.given) {
        panda_filter_callback(this_plugin, PANDA_CB_BEFORE_BLOCK_EXEC, pcb,
                              PANDA_ON_NEW_ASID);
    }
    pcb.main_loop_wait = once_a_second;
    panda_register_callback(this_plugin, PANDA_CB_MAIN_LOOP_WAIT, pcb);
    pcb.monitor = on_command;
    panda_register_callback(this_plugin, PANDA_CB_MONITOR, pcb);
    switch_callbacks(false);
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("coverage");
    bool disabled = panda_parse_bool_opt(args, "start_disabled",
                                         "wait for coverage_enable");
    bool good = parse(args);

    panda_free_args(args);
    this_plugin = self;
    if (good && !panda_help_wanted) {
        register_all();
        good = disabled || enable(csv_name);
    }
    return good;
}

void uninit_plugin(void *self)
{
    (void)self;
    close_output();
    drcov_forget_modules();
    free(csv_name);
    free(drcov_name);
}
