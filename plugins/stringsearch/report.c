#include "stringsearch/report.h"

#include "stringsearch/must.h"

#include <errno.h>

#define BUCKETS 4096u

/* A tap point, and how often it saw each string. */
struct point {
    prog_point at;
    target_ulong *callers;
    uint32_t n_callers;
    uint64_t *hits;
    uint32_t n_hits;
    struct point *next, *next_seen;
};

static struct point *buckets[BUCKETS], *first, **last = &first;
static FILE *hits;
static char *list_name;

static FILE *open_file(const char *name)
{
    FILE *file = fopen(name, "w");

    if (!file) {
        fprintf(stderr, PANDA_MSG " %s cannot be written: %s\n", name,
                strerror(errno));
    }
    return file;
}

bool report_open(const char *name)
{
    char *hits_name;
    FILE *list;

    if (asprintf(&list_name, "%s_string_matches.txt", name) < 0 ||
        asprintf(&hits_name, "%s_string_hits.csv", name) < 0) {
        abort();
    }
    list = open_file(list_name);
    hits = list ? open_file(hits_name) : NULL;
    free(hits_name);
    if (!hits) {
        return false;
    }
    fclose(list);
    setvbuf(hits, NULL, _IOLBF, 0); /* whole lines, whatever happens */
    fprintf(hits, "count,pc,caller,stack,access,string,in memory,address\n");
    return true;
}

static bool is_same(const prog_point *a, const prog_point *b)
{
    return a->pc == b->pc && a->caller == b->caller &&
           a->sidFirst == b->sidFirst && a->sidSecond == b->sidSecond;
}

static struct point *point_of(const prog_point *at, const target_ulong *callers,
                              uint32_t n_callers)
{
    uint64_t hash = (at->pc ^ at->caller << 7) * 0x9e3779b97f4a7c15ull;
    struct point **link = &buckets[hash >> 40 & (BUCKETS - 1)];

    while (*link && !is_same(&(*link)->at, at)) {
        link = &(*link)->next;
    }
    if (!*link) {
        struct point *point = must(calloc(1, sizeof(*point)));

        point->at = *at;
        *link = *last = point;
        last = &point->next_seen;
    }
    if (!(*link)->callers || (*link)->n_callers != n_callers) {
        free((*link)->callers);
        (*link)->callers = must(
            malloc((n_callers + 1) * sizeof(*(*link)->callers)));
        (*link)->n_callers = n_callers;
    }
    /* Those of its last hit. */
    memcpy((*link)->callers, callers, n_callers * sizeof(*callers));
    return *link;
}

void report_hit(const struct hit *hit, const target_ulong *callers,
                uint32_t n_callers)
{
    struct point *point = point_of(&hit->point, callers, n_callers);
    char *stack = must(get_stackid_string(hit->point));

    if (hit->string >= point->n_hits) {
        point->hits = must(
            realloc(point->hits, (hit->string + 1) * sizeof(*point->hits)));
        memset(point->hits + point->n_hits, 0,
               (hit->string + 1 - point->n_hits) * sizeof(*point->hits));
        point->n_hits = hit->string + 1;
    }
    point->hits[hit->string]++;
    fprintf(hits,
            "%" PRIu64 ",0x%" PRIx64 ",0x%" PRIx64 ",\"%s\",%s,%u,%d,"
            "0x%" PRIx64 "\n",
            rr_get_guest_instr_count(), (uint64_t)hit->point.pc,
            (uint64_t)hit->point.caller, stack,
            hit->is_write ? "write" : "read", hit->string, hit->in_memory,
            (uint64_t)hit->addr);
    free(stack);
}

static void write_point(FILE *list, const struct point *point,
                        uint32_t n_strings)
{
    char *stack = must(get_stackid_string(point->at));

    for (uint32_t i = point->n_callers; i > 0; i--) {
        fprintf(list, TARGET_FMT_lx " ", point->callers[i - 1]);
    }
    fprintf(list, TARGET_FMT_lx " %s ", point->at.pc, stack);
    for (uint32_t i = 0; i < n_strings; i++) {
        fprintf(list, " %" PRIu64, i < point->n_hits ? point->hits[i] : 0);
    }
    fprintf(list, "\n");
    free(stack);
}

void report_close(uint32_t n_strings)
{
    FILE *list = list_name ? open_file(list_name) : NULL;

    while (first) {
        struct point *point = first;

        if (list) {
            write_point(list, point, n_strings);
        }
        first = point->next_seen;
        free(point->callers);
        free(point->hits);
        free(point);
    }
    if (list) {
        fclose(list);
    }
    if (hits) {
        fclose(hits);
    }
    free(list_name);
}
