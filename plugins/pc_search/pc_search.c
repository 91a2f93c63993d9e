/* When instructions at given addresses ran. See README.md. */
#include "panda/plugin.h"

#include <errno.h>
#include <time.h>

bool init_plugin(void *self);
void uninit_plugin(void *self);

/* What is looked for: an address, or a range of them. */
struct wish {
    target_ulong low, high; /* both included */
    uint64_t first, last, n;
};

static struct wish *wishes;
static size_t n_wishes;
static bool ends_only; /* first_last_only */
static char *out_name;
static FILE *out;
static bool changed; /* what is written would be other than in the file */

/* -- Output ---------------------------------------------------------------- */

static int row_start(const struct wish *wish, char *text, size_t size)
{
    return wish->low == wish->high
               ? snprintf(text, size, "PC:0x%" PRIx64, (uint64_t)wish->low)
               : snprintf(text, size, "PC Range:0x%" PRIx64 "-0x%" PRIx64,
                          (uint64_t)wish->low, (uint64_t)wish->high);
}

static void complain(const char *name)
{
    fprintf(stderr, PANDA_MSG " %s cannot be written: %m\n", name);
}

/* The whole file anew; it is a sound one at any time. */
static bool write_ends(void)
{
    char new_name[4096], start[64];
    FILE *file;

    snprintf(new_name, sizeof(new_name), "%s.new", out_name);
    file = fopen(new_name, "w");
    if (!file) {
        complain(new_name);
        return false;
    }
    for (size_t i = 0; i < n_wishes; i++) {
        if (wishes[i].n) {
            row_start(&wishes[i], start, sizeof(start));
            fprintf(file,
                    "%s First Guest Instr:%" PRIu64 " Last Guest Instr:%" PRIu64
                    "\n",
                    start, wishes[i].first, wishes[i].last);
        }
    }
    changed = false;
    if (fclose(file) || rename(new_name, out_name)) {
        complain(out_name);
        return false;
    }
    return true;
}

static void once_a_second(void)
{
    static time_t last;
    time_t now = time(NULL);

    if (now == last) {
        return;
    }
    last = now;
    if (out) {
        fflush(out);
    } else if (changed) {
        write_ends();
    }
}

/* -- Instructions ---------------------------------------------------------- */

static bool holds(const struct wish *wish, target_ulong pc)
{
    return pc >= wish->low && pc <= wish->high;
}

static bool is_wanted(CPUState *cpu, target_ptr_t pc)
{
    (void)cpu;
    for (size_t i = 0; i < n_wishes; i++) {
        if (holds(&wishes[i], pc)) {
            return true;
        }
    }
    return false;
}

static void found(struct wish *wish, uint64_t count)
{
    char start[64];

    wish->first = wish->n++ ? wish->first : count;
    wish->last = count;
    changed = true;
    if (out) {
        row_start(wish, start, sizeof(start));
        fprintf(out, "%s Guest Instr:%" PRIu64 "\n", start, count);
    }
}

static int on_insn(CPUState *cpu, target_ptr_t pc)
{
    uint64_t count = rr_get_guest_instr_count();

    (void)cpu;
    for (size_t i = 0; i < n_wishes; i++) {
        if (holds(&wishes[i], pc)) {
            found(&wishes[i], count);
        }
    }
    return 0;
}

/* -- What is looked for ---------------------------------------------------- */

static void add_wish(target_ulong low, target_ulong high)
{
    wishes = realloc(wishes, (n_wishes + 1) * sizeof(*wishes));
    if (!wishes) {
        fprintf(stderr, PANDA_MSG " out of memory\n");
        abort();
    }
    wishes[n_wishes++] = (struct wish){.low = low, .high = high};
}

static bool parse_range(const char *text)
{
    char *end;
    target_ulong low = strtoull(text, &end, 0), high;
    bool good = end != text && *end == '-';

    if (good) {
        text = end + 1;
        high = strtoull(text, &end, 0);
        good = end != text && !*end && low <= high;
    }
    if (good) {
        add_wish(low, high);
    } else {
        fprintf(stderr, PANDA_MSG " pc_range is LOW-HIGH\n");
    }
    return good;
}

/* An address a line; hexadecimal also without 0x. */
static bool read_file(const char *name)
{
    FILE *file = fopen(name, "r");
    char line[256], *end;
    bool good = file;

    if (!file) {
        fprintf(stderr, PANDA_MSG " %s cannot be read: %m\n", name);
    }
    for (unsigned n = 1; good && fgets(line, sizeof(line), file); n++) {
        size_t blank = strspn(line, " \t\r\n");
        target_ulong pc;

        if (!line[blank]) {
            continue;
        }
        errno = 0;
        pc = strtoull(line, &end, 16);
        good = end != line && !errno && !end[strspn(end, " \t\r\n")];
        if (good) {
            add_wish(pc, pc);
        } else {
            fprintf(stderr, PANDA_MSG " %s:%u is no address\n", name, n);
        }
    }
    if (file) {
        fclose(file);
    }
    return good;
}

static bool parse(panda_arg_list *args)
{
    uint64_t pc = panda_parse_uint64_opt(args, "pc", UINT64_MAX,
                                         "the address of an instruction");
    const char *file = panda_parse_string_opt(args, "pc_file", NULL,
                                              "a file of them, one a line");
    const char *range = panda_parse_string_opt(args, "pc_range", NULL,
                                               "from LOW up to HIGH");
    const char *name = panda_parse_string_opt(
        args, "out_file", "pc_matches.txt", "where the rows go");

    ends_only = panda_parse_bool_opt(args, "first_last_only",
                                     "not the times in between");
    out_name = strdup(name);
    if (pc != UINT64_MAX) {
        add_wish(pc, pc);
    }
    if ((file && !read_file(file)) || (range && !parse_range(range))) {
        return false;
    }
    if (!n_wishes && !panda_help_wanted) {
        fprintf(stderr, PANDA_MSG " what? Give pc=, pc_file= or pc_range=\n");
        return false;
    }
    return true;
}

/* -- Start and end --------------------------------------------------------- */

static bool open_output(void)
{
    if (ends_only) {
        return write_ends();
    }
    out = fopen(out_name, "w");
    if (!out) {
        complain(out_name);
        return false;
    }
    return true;
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("pc_search");
    bool good = parse(args);
    panda_cb pcb;

    panda_free_args(args);
    if (panda_help_wanted || !good || !open_output()) {
        return panda_help_wanted;
    }
    pcb.insn_translate = is_wanted;
    panda_register_callback(self, PANDA_CB_INSN_TRANSLATE, pcb);
    pcb.insn_exec = on_insn;
    panda_register_callback(self, PANDA_CB_INSN_EXEC, pcb);
    pcb.main_loop_wait = once_a_second;
    panda_register_callback(self, PANDA_CB_MAIN_LOOP_WAIT, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    if (out) {
        fclose(out);
    } else if (changed) {
        write_ends();
    }
    free(wishes);
    free(out_name);
}
