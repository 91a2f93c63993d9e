#include "stringsearch/taps.h"

#include "panda/filter.h"
#include "stringsearch/must.h"

#define BUCKETS 16384u

uint32_t taps_by_pc[TAPS_PLACES];
size_t taps_left;

static struct tap *buckets[BUCKETS], *spare;
static struct tap **listed; /* taps_left of them */
static size_t room;
static uint64_t listed_at; /* the count when the last one was */

static bool is_tap(const struct tap *tap, const prog_point *point,
                   bool is_write)
{
    return tap->point.pc == point->pc && tap->is_write == is_write &&
           tap->point.caller == point->caller &&
           tap->point.sidFirst == point->sidFirst &&
           tap->point.sidSecond == point->sidSecond;
}

static struct tap **link_of(const prog_point *point, bool is_write)
{
    uint64_t hash = ((uint64_t)point->pc ^ (uint64_t)point->caller << 24 ^
                     (uint64_t)point->sidFirst << 16 ^ point->sidSecond) *
                    0x9e3779b97f4a7c15ull;
    struct tap **link = &buckets[hash >> 40 & (BUCKETS - 1)];

    while (*link && !is_tap(*link, point, is_write)) {
        link = &(*link)->next;
    }
    return link;
}

struct tap *taps_find(const prog_point *point, bool is_write)
{
    return *link_of(point, is_write);
}

/* Stacks of the kernel may be those of all address spaces. */
static target_ulong marked_in(CPUState *cpu, const prog_point *point)
{
    return point->sidFirst ? panda_current_asid(cpu) : PANDA_ANY_ASID;
}

void taps_add(void *plugin, CPUState *cpu, const prog_point *point,
              bool is_write, uint32_t state)
{
    struct tap **link = link_of(point, is_write), *tap = spare;

    if (tap) {
        spare = tap->next;
    } else {
        tap = must(malloc(sizeof(*tap)));
    }
    *tap = (struct tap){.point = *point,
                        .marked = marked_in(cpu, point),
                        .is_write = is_write,
                        .state = state};
    *link = tap;
    taps_by_pc[point->pc % TAPS_PLACES]++;
    panda_mark_pc(plugin, point->pc, tap->marked, true);
}

void taps_set(struct tap *tap, uint32_t state)
{
    tap->state = state;
    if (state) {
        return;
    }
    listed_at = rr_get_guest_instr_count();
    if (!tap->is_listed) {
        if (taps_left == room) {
            room = room ? 2 * room : 64;
            listed = must(realloc(listed, room * sizeof(*listed)));
        }
        tap->is_listed = true;
        listed[taps_left++] = tap;
    }
}

/* -- Ends ------------------------------------------------------------------ */

static void remove_tap(void *plugin, struct tap **link)
{
    struct tap *tap = *link;

    *link = tap->next;
    taps_by_pc[tap->point.pc % TAPS_PLACES]--;
    panda_mark_pc(plugin, tap->point.pc, tap->marked, false);
    tap->next = spare;
    spare = tap;
}

void taps_settle(void *plugin)
{
    if (listed_at == rr_get_guest_instr_count()) {
        return;
    }
    for (size_t i = 0; i < taps_left; i++) {
        listed[i]->is_listed = false;
        if (!listed[i]->state) {
            remove_tap(plugin, link_of(&listed[i]->point, listed[i]->is_write));
        }
    }
    taps_left = 0;
}

void taps_forget_all(void *plugin)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (buckets[i]) {
            remove_tap(plugin, &buckets[i]);
        }
    }
    taps_left = 0;
}

void taps_free(void)
{
    while (spare) {
        struct tap *tap = spare;

        spare = tap->next;
        free(tap);
    }
    free(listed);
    listed = NULL;
    room = 0;
}
