/* When each address space ran, as a drawing in text. See README.md. */
#include "panda/plugin.h"

#include "panda/plog.h"

#include <time.h>

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define LABEL 25u /* columns before the cells */
static const char out_name[] = "asidstory", new_name[] = "asidstory.new";

/* An address space, and when it ran: intervals of the count. */
struct space {
    target_ulong asid;
    uint64_t count, first, last; /* instructions; when first and last seen */
    struct interval {
        uint64_t from, to;
    } * interval;
    size_t n, capacity;
};

static struct space **spaces; /* in order of first sight */
static size_t n_spaces;
static struct space *running;
static uint64_t since; /* count at which it began */
static uint64_t end;   /* the last count seen */
static uint64_t cells;
static bool summary; /* in the pandalog */

/* -- Collecting ------------------------------------------------------------ */

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, PANDA_MSG " out of memory\n");
        abort();
    }
    return memory;
}

static struct space *space_of(target_ulong asid)
{
    struct space *space;

    for (size_t i = 0; i < n_spaces; i++) {
        if (spaces[i]->asid == asid) {
            return spaces[i];
        }
    }
    space = must(calloc(1, sizeof(*space)));
    space->asid = asid;
    spaces = must(realloc(spaces, (n_spaces + 1) * sizeof(*spaces)));
    spaces[n_spaces++] = space;
    return space;
}

/* Neighbours that no cell tells apart are joined, so that the list of an
 * address space that comes and goes a million times stays short. */
static void add_interval(struct space *space, uint64_t from, uint64_t to)
{
    struct interval *last = space->n ? &space->interval[space->n - 1] : NULL;

    if (!space->count) {
        space->first = from;
    }
    space->count += to - from;
    space->last = to;
    if (last && from - last->to <= to / (16 * cells)) {
        last->to = to;
        return;
    }
    if (space->n == space->capacity) {
        space->capacity = space->capacity ? 2 * space->capacity : 16;
        space->interval = must(realloc(
            space->interval, space->capacity * sizeof(*space->interval)));
    }
    space->interval[space->n++] = (struct interval){from, to};
}

/* Into the pandalog. What only the guest's system knows is 0. */
static void log_interval(const struct space *space, uint64_t from, uint64_t to)
{
    Panda__LogEntry entry = PANDA__LOG_ENTRY__INIT;
    Panda__AsidInfo info = PANDA__ASID_INFO__INIT;

    entry.has_asid = 1;
    entry.asid = info.asid = space->asid;
    info.start_instr = from;
    info.end_instr = to;
    info.has_count = summary;
    info.count = space->count;
    entry.asid_info = &info;
    pandalog_write_entry(&entry);
}

static void close_interval(uint64_t count)
{
    if (running && count > since) {
        add_interval(running, since, count);
        if (pandalog && !summary) {
            log_interval(running, since, count);
        }
    }
    since = end = count;
}

/* -- Drawing --------------------------------------------------------------- */

static int by_count(const void *x, const void *y)
{
    const struct space *const *a = x, *const *b = y;

    return (*a)->count < (*b)->count ? 1 : (*a)->count > (*b)->count ? -1 : 0;
}

static void draw_table(FILE *out)
{
    struct space **sorted = must(malloc((n_spaces + 1) * sizeof(*sorted)));

    memcpy(sorted, spaces, n_spaces * sizeof(*sorted));
    qsort(sorted, n_spaces, sizeof(*sorted), by_count);
    fprintf(out, "%14s  %5s  %-20s  %16s  %14s -> %s\n", "Count", "Pid",
            "Name/tid", "Asid", "First", "Last");
    for (size_t i = 0; i < n_spaces; i++) {
        const struct space *s = sorted[i];

        if (s->count) {
            fprintf(out,
                    "%14" PRIu64 "  %5s  %-20s  %16" PRIx64 "  %14" PRIu64
                    " -> %" PRIu64 "\n",
                    s->count, "?", "?", s->asid, s->first, s->last);
        }
    }
    free(sorted);
}

static void draw_row(FILE *out, const struct space *space, uint64_t start,
                     uint64_t total)
{
    char row[cells + 1];

    memset(row, ' ', cells);
    row[cells] = '\0';
    for (size_t i = 0; i < space->n; i++) {
        uint64_t from = (space->interval[i].from - start) * cells / total;
        uint64_t to = (space->interval[i].to - 1 - start) * cells / total;

        for (uint64_t cell = from; cell <= to && cell < cells; cell++) {
            row[cell] = '#';
        }
    }
    fprintf(out, "%20" PRIx64 " : [%s]\n", space->asid, row);
}

/* Whoever reads the file, and whenever the program is killed, finds a whole
 * one. */
static void draw(void)
{
    FILE *out = fopen(new_name, "w");
    uint64_t start = n_spaces ? spaces[0]->first : 0;

    if (!out) {
        fprintf(stderr, PANDA_MSG " %s cannot be written: %m\n", new_name);
        return;
    }
    draw_table(out);
    fprintf(out, "\n");
    for (size_t i = 0; i < n_spaces && end > start; i++) {
        if (spaces[i]->count) {
            draw_row(out, spaces[i], start, end - start);
        }
    }
    if (fclose(out) || rename(new_name, out_name)) {
        fprintf(stderr, PANDA_MSG " %s cannot be written: %m\n", out_name);
    }
}

/* -- When it changes ------------------------------------------------------- */

/* The drawing would show a new cell; live, where it has no end, a second has
 * passed. */
static bool is_due(uint64_t count)
{
    static uint64_t drawn;
    uint64_t total = replay_get_total_num_instructions();
    uint64_t now = total ? count / (total / cells + 1) : (uint64_t)time(NULL);
    bool due = now != drawn;

    drawn = now;
    return due;
}

/* Told before the change; the same value again is none. */
static bool on_asid(CPUState *cpu, target_ptr_t old, target_ptr_t new_asid)
{
    (void)cpu;
    if (!running) {
        running = space_of(old);
    }
    if (old != new_asid) {
        close_interval(rr_get_guest_instr_count());
        running = space_of(new_asid);
        if (!pandalog && is_due(since)) {
            draw();
        }
    }
    return false;
}

static void on_start(CPUState *cpu)
{
    running = space_of(panda_current_asid(cpu));
    since = end = rr_get_guest_instr_count();
}

/* -- Start and end --------------------------------------------------------- */

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("asidstory");
    uint64_t width = panda_parse_uint64_opt(args, "width", 100,
                                            "columns, 80 or more");
    panda_cb pcb;

    summary = panda_parse_bool_opt(args, "summary",
                                   "in the pandalog, one entry for each");
    panda_free_args(args);
    cells = (width < 80 ? 80 : width > 4096 ? 4096 : width) - LABEL;
    pcb.asid_changed = on_asid;
    panda_register_callback(self, PANDA_CB_ASID_CHANGED, pcb);
    if (first_cpu) { /* loaded while the machine runs */
        on_start(first_cpu);
    } else {
        pcb.after_machine_init = on_start;
        panda_register_callback(self, PANDA_CB_AFTER_MACHINE_INIT, pcb);
    }
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    if (running) {
        close_interval(rr_get_guest_instr_count());
    }
    if (running && !pandalog) {
        draw();
    }
    for (size_t i = 0; pandalog && summary && i < n_spaces; i++) {
        if (spaces[i]->count) {
            log_interval(spaces[i], spaces[i]->first, spaces[i]->last);
        }
    }
    for (size_t i = 0; i < n_spaces; i++) {
        free(spaces[i]->interval);
        free(spaces[i]);
    }
    free(spaces);
}
