#include "coverage.h"

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

static void grow(struct set *set)
{
    size_t size = set->capacity ? 2 * set->capacity : 4096;
    struct record *table = calloc(size, sizeof(*table));

    if (!table) {
        fprintf(stderr, PANDA_MSG " out of memory\n");
        abort();
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->table[i].size) {
            *place(table, size, &set->table[i]) = set->table[i];
        }
    }
    free(set->table);
    set->table = table;
    set->capacity = size;
}

bool set_add(struct set *set, const struct record *record)
{
    struct record *at;

    if (2 * set->n >= set->capacity) {
        grow(set);
    }
    at = place(set->table, set->capacity, record);
    if (at->size) {
        return false;
    }
    *at = *record;
    set->n++;
    return true;
}

void set_forget(struct set *set)
{
    free(set->table);
    *set = (struct set){0};
}
