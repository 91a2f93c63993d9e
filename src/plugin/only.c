/*
 * Who is alone in hearing of an event: that one is called without a walk over
 * all subscriptions.
 */
#include "plugin/plugins.h"

#include <string.h>

/* It can just be called. */
static bool is_plain(const struct plugins *p, const struct subscription *s,
                     unsigned kind)
{
    return !s->has_context && !s->filter &&
           !(p->mutant && p->mutant_kind == (int)kind);
}

/* Of these kinds; of blocks' ends, those by END_OF(). */
static struct subscription *alone(const struct plugins *p, uint64_t kinds,
                                  unsigned end)
{
    struct subscription *only = NULL;

    for (kinds &= p->active; kinds; kinds &= kinds - 1) {
        unsigned kind = (unsigned)__builtin_ctzll(kinds);

        for (struct subscription *s = p->kinds[kind]; s; s = s->next) {
            if (!s->on || (s->transfers && !(END_OF(s->transfers) & end))) {
                continue;
            }
            if (only || !is_plain(p, s, kind)) {
                return NULL;
            }
            only = s;
        }
    }
    return only;
}

static struct subscription *of_starts(const struct plugins *p)
{
    uint64_t before = KIND_BIT(PANDA_CB_BEFORE_BLOCK_EXEC);

    return p->active & KIND_BIT(PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT) ||
                   (p->active & before && p->filters)
               ? NULL
               : alone(p, before | KIND_BIT(PANDA_CB_START_BLOCK_EXEC), 0);
}

/* Of reads beforehand another signature is called. */
static void set_accesses(struct plugins *p)
{
    struct subscription **only = p->only_access;

    memset(p->only_access, 0, sizeof(p->only_access));
    if (!(p->active & PHYSICAL_ACCESS_KINDS)) {
        only[ACCESS_KIND(ACCESS_WRITE)] =
            p->only[PANDA_CB_VIRT_MEM_BEFORE_WRITE];
        only[ACCESS_KIND(ACCESS_AFTER)] = p->only[PANDA_CB_VIRT_MEM_AFTER_READ];
        only[ACCESS_KIND(ACCESS_WRITE | ACCESS_AFTER)] =
            p->only[PANDA_CB_VIRT_MEM_AFTER_WRITE];
    }
}

/* Of a block's end two kinds tell, with the same arguments but one. */
void only_update(struct plugins *p)
{
    uint64_t ends = KIND_BIT(PANDA_CB_AFTER_BLOCK_EXEC) |
                    KIND_BIT(PANDA_CB_END_BLOCK_EXEC);

    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        p->only[kind] = alone(p, KIND_BIT(kind), N_ENDS - 1);
    }
    /* Registers are compared around each call: of blocks, by the walk. */
    p->only_start = p->steer.armed ? NULL : of_starts(p);
    for (unsigned end = 0; end < N_ENDS; end++) {
        p->only_end[end] = p->steer.armed ? NULL : alone(p, ends, end);
    }
    set_accesses(p);
}
