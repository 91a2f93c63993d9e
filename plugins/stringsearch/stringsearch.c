/* Which code reads or writes a string? See README.md. */
#include "panda/filter.h"
#include "panda/plugin.h"

#include "stringsearch/matcher.h"
#include "stringsearch/must.h"
#include "stringsearch/report.h"
#include "stringsearch/strings.h"
#include "stringsearch/stringsearch.h"
#include "stringsearch/stringsearch_int_fns.h"
#include "stringsearch/taps.h"

#include "callstack_instr/callstack_instr.h"
#include "callstack_instr/callstack_instr_ext.h"

#include <unistd.h>

bool init_plugin(void *self);
void uninit_plugin(void *self);

PPP_PROT_REG_CB(on_ssm)
PPP_CB_BOILERPLATE(on_ssm)

static void *this_plugin;
static struct strings strings;
static struct matcher matcher;
static uint32_t n_callers;
static bool verbose;

/* In the midst of an access, another list of strings waits for its end. */
static bool busy, list_has_changed;

struct access {
    target_ulong pc, addr;
    size_t size;
    const uint8_t *bytes;
    bool is_write;
};

/* -- What was found -------------------------------------------------------- */

/* Does it lie in memory, with its last byte where this one is? */
static bool lies_in_memory(CPUState *cpu, const struct pattern *pattern,
                           target_ulong start)
{
    uint8_t bytes[2 * MAX_STRLEN];

    if (panda_virtual_memory_read(cpu, start, bytes, (int)pattern->length)) {
        return false;
    }
    for (uint32_t i = 0; i < pattern->length; i++) { /* as the matcher has it */
        if (matcher.class_of[bytes[i]] != matcher.class_of[pattern->bytes[i]]) {
            return false;
        }
    }
    return true;
}

static void found(CPUState *cpu, const struct access *a, size_t at,
                  const prog_point *point, const struct pattern *pattern)
{
    target_ulong start = a->addr + at + 1 - pattern->length;
    target_ulong callers[MAX_CALLERS];
    struct hit hit = {
        .point = *point, .string = pattern->string, .is_write = a->is_write};
    uint32_t n = get_callers(callers, n_callers, cpu);
    uint32_t length = pattern->length;
    uint8_t copy[2 * MAX_STRLEN];

    hit.in_memory = lies_in_memory(cpu, pattern, start);
    hit.addr = hit.in_memory ? start : a->addr;
    report_hit(&hit, callers, n);
    if (verbose) {
        printf("%s Match of str %u at: instr_count=%" PRIu64
               " :  " TARGET_FMT_lx " " TARGET_FMT_lx "\n",
               a->is_write ? "WRITE" : "READ", pattern->string,
               rr_get_guest_instr_count(), point->caller, point->pc);
    }
    memcpy(copy, pattern->bytes, length); /* it may be removed */
    PPP_RUN_CB(on_ssm, cpu, a->pc, hit.addr, copy, length, a->is_write,
               hit.in_memory);
}

/* The patterns that end with a state: itself, and shorter ones. */
static void all_found(CPUState *cpu, const struct access *a, size_t at,
                      const prog_point *point, uint32_t state)
{
    while (state && !list_has_changed) {
        uint32_t pattern = matcher.found[state];

        if (pattern) {
            found(cpu, a, at, point, &strings.patterns[pattern - 1]);
        }
        state = matcher.shorter[state];
    }
}

/* -- Accesses -------------------------------------------------------------- */

/* From the beginning of all strings: does anything come of it? */
static bool is_idle(const struct access *a)
{
    uint32_t state = 0;

    for (size_t i = 0; i < a->size; i++) {
        state = matcher_step(&matcher, state, a->bytes[i]);
        if (matcher.found[state] || matcher.shorter[state]) {
            return false;
        }
    }
    return state == 0;
}

static void look(CPUState *cpu, const struct access *a)
{
    bool maybe = taps_maybe(a->pc);
    uint32_t state = 0, before;
    struct tap *tap = NULL;
    prog_point point;

    if (!maybe && is_idle(a)) {
        return;
    }
    get_prog_point(cpu, &point);
    point.pc = a->pc;
    if (maybe && (tap = taps_find(&point, a->is_write))) {
        state = tap->state;
    }
    before = state;
    for (size_t i = 0; i < a->size && !list_has_changed; i++) {
        state = matcher_step(&matcher, state, a->bytes[i]);
        if (matcher.found[state] || matcher.shorter[state]) {
            all_found(cpu, a, i, &point, state);
        }
    }
    if (state == before || list_has_changed) {
        return;
    }
    if (tap) {
        taps_set(tap, state);
    } else {
        taps_add(this_plugin, cpu, &point, a->is_write, state);
    }
}

static void on_read(CPUState *, target_ptr_t, target_ptr_t, size_t, uint8_t *);
static void on_write(CPUState *, target_ptr_t, target_ptr_t, size_t, uint8_t *);

/* Accesses are told as long as there are strings, and of them those that have
 * a string's beginning, or may go on with one. */
static void use_list(void)
{
    panda_cb read = {.virt_mem_after_read = on_read};
    panda_cb write = {.virt_mem_after_write = on_write};
    panda_byte_filter filter;

    list_has_changed = false;
    taps_forget_all(this_plugin);
    matcher_build(&matcher, strings.patterns, strings.n_patterns, strings.fold);
    memcpy(filter.one, matcher.one, sizeof(filter.one));
    memcpy(filter.last, matcher.last, sizeof(filter.last));
    memcpy(filter.within, matcher.within, sizeof(filter.within));
    memcpy(filter.pairs, matcher.pairs, sizeof(filter.pairs));
    panda_filter_bytes(this_plugin, PANDA_CB_VIRT_MEM_AFTER_READ, read,
                       &filter);
    panda_filter_bytes(this_plugin, PANDA_CB_VIRT_MEM_AFTER_WRITE, write,
                       &filter);
    if (strings.n_patterns) {
        panda_enable_callback(this_plugin, PANDA_CB_VIRT_MEM_AFTER_READ, read);
        panda_enable_callback(this_plugin, PANDA_CB_VIRT_MEM_AFTER_WRITE,
                              write);
    } else {
        panda_disable_callback(this_plugin, PANDA_CB_VIRT_MEM_AFTER_READ, read);
        panda_disable_callback(this_plugin, PANDA_CB_VIRT_MEM_AFTER_WRITE,
                               write);
    }
}

static void on_access(CPUState *cpu, const struct access *a)
{
    if (taps_left) {
        taps_settle(this_plugin);
    }
    busy = true;
    look(cpu, a);
    busy = false;
    if (list_has_changed) {
        use_list();
    }
}

static void on_read(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                    size_t size, uint8_t *buf)
{
    on_access(cpu, &(struct access){pc, addr, size, buf, false});
}

static void on_write(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                     size_t size, uint8_t *buf)
{
    on_access(cpu, &(struct access){pc, addr, size, buf, true});
}

/* -- The list of strings --------------------------------------------------- */

static bool changed(bool good)
{
    list_has_changed |= good;
    if (list_has_changed && !busy) {
        use_list();
    }
    return good;
}

bool add_string(const char *string)
{
    char *wrong = strings_add(&strings, (const uint8_t *)string,
                              strlen(string));

    if (wrong) {
        fprintf(stderr, PANDA_MSG " %s\n", wrong);
    }
    free(wrong);
    return changed(!wrong);
}

bool remove_string(const char *string)
{
    return changed(
        strings_remove(&strings, (const uint8_t *)string, strlen(string)));
}

void reset_strings(void)
{
    strings_reset(&strings);
    changed(true);
}

/* -- Start and end --------------------------------------------------------- */

/* The argument str, and the file; the latter must be there if it was named,
 * or if nothing else says what to look for. */
static bool first_list(const char *str, const char *name, bool named)
{
    char *file, *wrong = NULL;

    if (asprintf(&file, "%s_search_strings.txt", name) < 0) {
        abort();
    }
    if (*str) {
        wrong = strings_add(&strings, (const uint8_t *)str, strlen(str));
    }
    if (!wrong && ((named && !*str) || access(file, R_OK) == 0)) {
        wrong = strings_read(&strings, file);
    }
    if (wrong) {
        fprintf(stderr, PANDA_MSG " %s\n", wrong);
    }
    free(file);
    free(wrong);
    return !wrong;
}

static bool start(const char *str, const char *name, bool named)
{
    panda_cb pcb;

    if (n_callers > MAX_CALLERS) {
        fprintf(stderr, PANDA_MSG " callers=%u: %d at most\n", n_callers,
                MAX_CALLERS);
        return false;
    }
    panda_require("callstack_instr");
    if (!init_callstack_instr_api() || !first_list(str, name, named) ||
        !report_open(name)) {
        return false;
    }
    pcb.virt_mem_after_read = on_read;
    panda_register_callback(this_plugin, PANDA_CB_VIRT_MEM_AFTER_READ, pcb);
    pcb.virt_mem_after_write = on_write;
    panda_register_callback(this_plugin, PANDA_CB_VIRT_MEM_AFTER_WRITE, pcb);
    use_list();
    return true;
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("stringsearch");
    const char *str = panda_parse_string_opt(args, "str", "",
                                             "one string to look for");
    const char *name = panda_parse_string_opt(
        args, "name", "", "what the names of files begin with");
    bool good;

    this_plugin = self;
    n_callers = panda_parse_uint32_opt(args, "callers", 16,
                                       "callers to list for each tap point");
    verbose = panda_parse_bool_opt(args, "verbose", "tell of matches at once");
    strings.utf16 = panda_parse_bool_opt(args, "utf16",
                                         "look for strings as UTF-16, too");
    strings.fold = panda_parse_bool_opt(args, "nocase",
                                        "take letters of either case as one");
    good = panda_help_wanted ||
           start(str, *name ? name : "stringsearch", *name);
    panda_free_args(args);
    return good;
}

void uninit_plugin(void *self)
{
    (void)self;
    report_close(strings.n);
    taps_forget_all(this_plugin);
    taps_free();
    strings_reset(&strings);
    matcher_free(&matcher);
}
