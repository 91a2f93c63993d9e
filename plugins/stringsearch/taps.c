#include "stringsearch/taps.h"

#include "panda/filter.h"
#include "stringsearch/must.h"

#define BUCKETS 4096u
#define LISTED 64u

static struct place *buckets[BUCKETS];
static struct place *listed[LISTED];
static size_t n_listed;
static uint64_t listed_at; /* the count when the last one was */

static struct place **find(target_ulong pc)
{
    uint64_t hash = (uint64_t)pc * 0x9e3779b97f4a7c15ull;
    struct place **link = &buckets[hash >> 40 & (BUCKETS - 1)];

    while (*link && (*link)->pc != pc) {
        link = &(*link)->next;
    }
    return link;
}

struct place *taps_at(target_ulong pc)
{
    return *find(pc);
}

static bool is_tap(const struct tap *tap, const prog_point *point,
                   bool is_write)
{
    return tap->is_write == is_write && tap->point.caller == point->caller &&
           tap->point.sidFirst == point->sidFirst &&
           tap->point.sidSecond == point->sidSecond;
}

uint32_t taps_state(const struct place *place, const prog_point *point,
                    bool is_write)
{
    for (const struct tap *tap = place->taps; tap; tap = tap->next) {
        if (is_tap(tap, point, is_write)) {
            return tap->state;
        }
    }
    return 0;
}

static void remove_tap(struct place *place, struct tap **link)
{
    struct tap *tap = *link;

    *link = tap->next;
    free(tap);
    listed_at = rr_get_guest_instr_count();
    if (!place->taps && !place->listed && n_listed < LISTED) {
        place->listed = true;
        listed[n_listed++] = place;
    }
}

void taps_set(void *plugin, const prog_point *point, bool is_write,
              uint32_t state)
{
    struct place **place = find(point->pc);
    struct tap **link;

    if (!*place) {
        if (!state) {
            return;
        }
        *place = must(calloc(1, sizeof(**place)));
        (*place)->pc = point->pc;
        panda_mark_pc(plugin, point->pc, true);
    }
    for (link = &(*place)->taps; *link && !is_tap(*link, point, is_write);
         link = &(*link)->next) {
    }
    if (!state) {
        if (*link) {
            remove_tap(*place, link);
        }
        return;
    }
    if (!*link) {
        *link = must(calloc(1, sizeof(**link)));
        (*link)->point = *point;
        (*link)->is_write = is_write;
    }
    (*link)->state = state;
}

/* -- Marks ----------------------------------------------------------------- */

static void remove_place(void *plugin, struct place **link)
{
    struct place *place = *link;

    *link = place->next;
    panda_mark_pc(plugin, place->pc, false);
    free(place);
}

void taps_settle(void *plugin, uint64_t count)
{
    if (!n_listed || listed_at == count) {
        return;
    }
    for (size_t i = 0; i < n_listed; i++) {
        if (listed[i]->taps) {
            listed[i]->listed = false;
        } else {
            remove_place(plugin, find(listed[i]->pc));
        }
    }
    n_listed = 0;
}

void taps_forget_all(void *plugin)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (buckets[i]) {
            while (buckets[i]->taps) {
                struct tap *tap = buckets[i]->taps;

                buckets[i]->taps = tap->next;
                free(tap);
            }
            remove_place(plugin, &buckets[i]);
        }
    }
    n_listed = 0;
}
