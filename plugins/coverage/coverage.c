/* Which blocks ran, in which address space, as CSV. See README.md. */
#include "panda/plugin.h"

#include <time.h>

bool init_plugin(void *self);
void uninit_plugin(void *self);

/* -- What is asked for ----------------------------------------------------- */

struct range {
    target_ulong low, high; /* both included */
    bool given;
};

static bool full;
static struct range only, exclude;
static enum { ALL, USER, KERNEL } privilege;
static enum { ASID_BLOCK, EDGE } mode;

static void *this_plugin;
static bool enabled;
static FILE *out;

/* -- What was seen --------------------------------------------------------- */

/*
 * A set of records, open addressing; a zero `size` is an empty place. In
 * front of it a small cache answers for most blocks with one comparison.
 */
struct record {
    target_ulong a, b;   /* asid and block; or from and to */
    uint32_t size, more; /* of a block; in kernel, or the other's size */
};

static struct record *seen;
static size_t n_seen, capacity;

#define RECENT 65536u
static struct record recent[RECENT];

static size_t hash(target_ulong a, target_ulong b, uint32_t more)
{
    uint64_t x = (a * 0x9e3779b97f4a7c15ull) ^ (b + more);

    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ull;
    return (size_t)(x ^ x >> 32);
}

static bool same(const struct record *x, const struct record *y)
{
    return x->a == y->a && x->b == y->b && x->size == y->size &&
           x->more == y->more;
}

static struct record *place(struct record *table, size_t size,
                            const struct record *record)
{
    size_t at = hash(record->a, record->b, record->more) & (size - 1);

    while (table[at].size && !same(&table[at], record)) {
        at = (at + 1) & (size - 1);
    }
    return &table[at];
}

static void grow(void)
{
    size_t size = capacity ? 2 * capacity : 4096;
    struct record *table = calloc(size, sizeof(*table));

    if (!table) {
        fprintf(stderr, PANDA_MSG " out of memory\n");
        abort();
    }
    for (size_t i = 0; i < capacity; i++) {
        if (seen[i].size) {
            *place(table, size, &seen[i]) = seen[i];
        }
    }
    free(seen);
    seen = table;
    capacity = size;
}

/* True: for the first time. */
static bool add(const struct record *record)
{
    struct record *at;

    if (2 * n_seen >= capacity) {
        grow();
    }
    at = place(seen, capacity, record);
    if (at->size) {
        return false;
    }
    *at = *record;
    n_seen++;
    return true;
}

static void forget(void)
{
    free(seen);
    seen = NULL;
    n_seen = capacity = 0;
    memset(recent, 0, sizeof(recent));
}

/* -- Output ---------------------------------------------------------------- */

static void write_head(void)
{
    time_t now = time(NULL);
    char text[64];

    strftime(text, sizeof(text), "%Y-%m-%d", localtime(&now));
    fprintf(out, "PANDA Build Date,%s\n", text);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", localtime(&now));
    fprintf(out, "Execution Time,%s\n", text);
    fprintf(out, mode == EDGE
                     ? "from pc,from size,to pc,to size\n"
                     : "asid\nasid,in kernel,block address,block size\n");
}

static bool open_output(const char *name)
{
    out = fopen(name, "w");
    if (!out) {
        fprintf(stderr, PANDA_MSG " %s cannot be written: %m\n", name);
        return false;
    }
    write_head();
    return true;
}

static void write_record(const struct record *record)
{
    if (mode == EDGE) {
        fprintf(out, "0x%" PRIx64 ",%u,0x%" PRIx64 ",%u\n", record->a,
                record->size, record->b, record->more);
    } else {
        fprintf(out, "0x%" PRIx64 ",%u,0x%" PRIx64 ",%u\n", record->a,
                record->more, record->b, record->size);
    }
}

static void found(const struct record *record)
{
    if (full || add(record)) {
        write_record(record);
    }
}

/* -- Blocks ---------------------------------------------------------------- */

static bool within(const struct range *range, target_ulong pc)
{
    return pc >= range->low && pc <= range->high;
}

static bool wanted(target_ulong pc, bool kernel)
{
    return (privilege == ALL || kernel == (privilege == KERNEL)) &&
           (!only.given || within(&only, pc)) &&
           (!exclude.given || !within(&exclude, pc));
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    bool kernel = panda_in_kernel(cpu);
    struct record record = {panda_current_asid(cpu), tb->pc, tb->size, kernel};
    struct record *last = &recent[(tb->pc ^ tb->pc >> 16) % RECENT];

    if (!full && same(last, &record)) {
        return;
    }
    if (wanted(tb->pc, kernel)) {
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
    ended.valid = wanted(tb->pc, panda_in_kernel(cpu));
}

static void on_edge(CPUState *cpu, TranslationBlock *tb)
{
    struct record record = {ended.pc, tb->pc, ended.size, tb->size};

    if (ended.valid && ended.next == tb->pc &&
        ended.asid == panda_current_asid(cpu) &&
        wanted(tb->pc, panda_in_kernel(cpu))) {
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

static void disable(void)
{
    if (enabled) {
        switch_callbacks(false);
        fclose(out);
        out = NULL;
        forget();
    }
}

static bool enable(const char *name)
{
    if (enabled) {
        return true;
    }
    if (!open_output(name)) {
        return false;
    }
    ended.valid = false;
    switch_callbacks(true);
    return true;
}

static const char default_name[] = "coverage.csv";

static int on_command(Monitor *mon, const char *command)
{
    static const char on[] = "coverage_enable";
    size_t n = strlen(on);

    if (!strncmp(command, on, n) && (!command[n] || command[n] == '=')) {
        if (!enable(command[n] ? command + n + 1 : default_name)) {
            panda_monitor_print(mon, "coverage: no output file\n");
        }
    } else if (!strcmp(command, "coverage_disable")) {
        disable();
    }
    return 0;
}

/* -- Start and end --------------------------------------------------------- */

/* LOW-HIGH, hexadecimal with 0x or decimal. */
static bool parse_range(const char *key, const char *text, struct range *range)
{
    char *end;

    if (!text) {
        return true;
    }
    range->given = true;
    range->low = strtoull(text, &end, 0);
    if (end != text && *end == '-') {
        text = end + 1;
        range->high = strtoull(text, &end, 0);
        if (end != text && !*end && range->low <= range->high) {
            return true;
        }
    }
    fprintf(stderr, PANDA_MSG " %s is a range LOW-HIGH\n", key);
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

static bool parse_mode(const char *text)
{
    if (!strcmp(text, "asid-block") || !strcmp(text, "edge")) {
        mode = *text == 'e' ? EDGE : ASID_BLOCK;
        return true;
    }
    fprintf(stderr, PANDA_MSG " mode=%s: asid-block or edge%s\n", text,
            !strcmp(text, "osi-block") ? " (osi-block needs a plugin that "
                                         "this version does not have)"
                                       : "");
    return false;
}

static void register_all(void)
{
    panda_cb pcb = for_callbacks(panda_register_callback);

    if (mode == ASID_BLOCK && !full) {
        panda_filter_callback(this_plugin, PANDA_CB_BEFORE_BLOCK_EXEC, pcb,
                              PANDA_ON_NEW_ASID);
    }
    pcb.monitor = on_command;
    panda_register_callback(this_plugin, PANDA_CB_MONITOR, pcb);
    switch_callbacks(false);
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("coverage");
    const char *name = panda_parse_string_opt(args, "filename", default_name,
                                              "where the rows go");
    const char *how = panda_parse_string_opt(args, "mode", "asid-block",
                                             "asid-block or edge");
    bool disabled = panda_parse_bool_opt(args, "start_disabled",
                                         "wait for coverage_enable");
    const char *pc = panda_parse_string_opt(args, "pc", NULL,
                                            "only this range, LOW-HIGH");
    const char *not_pc = panda_parse_string_opt(args, "exclude_pc", NULL,
                                                "not this range");
    const char *who = panda_parse_string_opt(args, "privilege", "all",
                                             "user, kernel or all");
    bool good;

    full = panda_parse_bool_opt(args, "full",
                                "every execution, not only the first");
    this_plugin = self;
    good = parse_mode(how) && parse_privilege(who) &&
           parse_range("pc", pc, &only) &&
           parse_range("exclude_pc", not_pc, &exclude);
    if (good) {
        register_all();
        good = disabled || enable(name);
    }
    panda_free_args(args);
    return good;
}

void uninit_plugin(void *self)
{
    (void)self;
    if (out) {
        fclose(out);
        out = NULL;
    }
    forget();
}
