#include "callstack_instr/stacks.h"

#define BUCKETS 1024u
#define MAX_LANES 256u   /* of a key */
#define MAX_FRAMES 8192u /* of a lane; older ones are forgotten */
#define NEAR 5000u       /* bytes from the last stack pointer */
#define CLOSE 256u       /* so near that no other is looked at */
#define LARGE_FRAME (1u << 20)

/* The lanes of a key, the last used one first. */
struct group {
    target_ulong key;
    struct lane *lanes;
    struct group *next;
};

static struct group *buckets[BUCKETS];
static struct group *last; /* that was asked for */
static uint64_t calls;

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, PANDA_MSG " out of memory\n");
        abort();
    }
    return memory;
}

static struct group *group_of(target_ulong key)
{
    uint64_t hash = (uint64_t)key * 0x9e3779b97f4a7c15ull;
    struct group **link = &buckets[hash >> 32 & (BUCKETS - 1)];

    if (last && last->key == key) {
        return last;
    }
    while (*link && (*link)->key != key) {
        link = &(*link)->next;
    }
    if (!*link) {
        *link = must(calloc(1, sizeof(**link)));
        (*link)->key = key;
    }
    last = *link;
    return last;
}

/* -- Telling lanes apart --------------------------------------------------- */

/* From the lane, or 0 within it. */
static target_ulong distance(const struct lane *lane, target_ulong sp)
{
    target_ulong low = lane->sp, high = lane->sp;

    if (lane->n) {
        high = MAX(high, lane->frame[0].slot);
        low = MIN(low, lane->frame[lane->n - 1].slot);
    }
    return sp < low ? low - sp : sp > high ? sp - high : 0;
}

/* A function with a large frame, of the stack that ran just now? */
static bool is_large_frame(const struct group *group, const struct lane *lane,
                           target_ulong sp)
{
    return lane == group->lanes && sp < lane->sp && lane->sp - sp < LARGE_FRAME;
}

/* The nearest lane, or one that is close, moved to the front; or NULL when
 * none is near. *n: how many there are. */
static struct lane *nearest(struct group *group, target_ulong sp, size_t *n)
{
    struct lane **link = &group->lanes, **best = NULL;
    target_ulong least = 0;
    struct lane *lane;

    *n = 0;
    for (; *link && (!best || least >= CLOSE); link = &(*link)->next, ++*n) {
        target_ulong far = distance(*link, sp);

        if (!best || far < least) {
            best = link;
            least = far;
        }
    }
    if (!best || (least > NEAR && !is_large_frame(group, *best, sp))) {
        return NULL;
    }
    lane = *best;
    *best = lane->next;
    lane->next = group->lanes;
    group->lanes = lane;
    return lane;
}

struct lane *lane_find(target_ulong key, target_ulong sp)
{
    struct group *group = group_of(key);
    struct lane *lane = group->lanes;
    size_t n;

    if (lane && (lane->sp - sp < NEAR || sp - lane->sp < NEAR)) {
        return lane;
    }
    return nearest(group, sp, &n);
}

static struct lane *take_oldest(struct group *group)
{
    struct lane **link = &group->lanes, *lane;

    while ((*link)->next) {
        link = &(*link)->next;
    }
    lane = *link;
    *link = NULL;
    return lane;
}

struct lane *lane_of(target_ulong key, target_ulong sp)
{
    struct group *group = group_of(key);
    struct lane *lane = group->lanes;
    size_t n = 0;

    if (lane && (lane->sp - sp < NEAR || sp - lane->sp < NEAR)) {
        lane->sp = sp;
        return lane;
    }
    lane = nearest(group, sp, &n);
    if (!lane) {
        lane = n == MAX_LANES ? take_oldest(group)
                              : must(calloc(1, sizeof(*lane)));
        lane->key = key;
        lane->base = sp;
        lane->n = 0;
        lane->next = group->lanes;
        group->lanes = lane;
    }
    lane->sp = sp;
    return lane;
}

struct lane *lanes_of(target_ulong key)
{
    return group_of(key)->lanes;
}

/* -- Frames ---------------------------------------------------------------- */

void lane_push(struct lane *lane, target_ulong slot, target_ulong back,
               target_ulong func)
{
    if (lane->n == MAX_FRAMES) {
        lane->n /= 2;
        memmove(lane->frame, lane->frame + lane->n,
                lane->n * sizeof(lane->frame[0]));
    }
    if (lane->n == lane->capacity) {
        lane->capacity = lane->capacity ? 2 * lane->capacity : 32;
        lane->frame = must(
            realloc(lane->frame, lane->capacity * sizeof(lane->frame[0])));
    }
    lane->frame[lane->n++] = (struct frame){slot, back, func, calls++};
}

size_t lane_live(const struct lane *lane, target_ulong sp)
{
    size_t n = lane->n;

    while (n && lane->frame[n - 1].slot < sp) {
        n--;
    }
    return n;
}

void lanes_free(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (buckets[i]) {
            struct group *group = buckets[i];

            while (group->lanes) {
                struct lane *lane = group->lanes;

                group->lanes = lane->next;
                free(lane->frame);
                free(lane);
            }
            buckets[i] = group->next;
            free(group);
        }
    }
    last = NULL;
}
