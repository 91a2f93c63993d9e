/* How much is held for plugins. */
#include "plugin/plugins.h"

#include "exec/unit_cache.h"
#include "panda/usage.h"

static unsigned count_blocks(const struct plugins *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BLOCK_BUCKETS; i++) {
        for (const struct block *b = p->buckets[i]; b; b = b->next) {
            n++;
        }
    }
    for (const struct block *b = p->dead; b; b = b->next) {
        n++;
    }
    return n;
}

void panda_get_usage(panda_usage *usage)
{
    const struct plugins *p = plugins_current();

    *usage = (panda_usage){0};
    if (!p) {
        return;
    }
    for (const struct plugin *x = p->plugins; x; x = x->next) {
        usage->plugins++;
    }
    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        for (const struct subscription *s = p->kinds[kind]; s; s = s->next) {
            usage->subscriptions++;
        }
    }
    for (const struct registration *r = p->registrations; r; r = r->next) {
        usage->registrations++;
    }
    for (const struct argument *a = p->arguments; a; a = a->next) {
        usage->arguments++;
    }
    for (const struct argument *a = p->known; a; a = a->next) {
        usage->arguments++;
    }
    usage->blocks = count_blocks(p);
    usage->translations = p->machine ? unit_cache_count(p->machine->units) : 0;
}
