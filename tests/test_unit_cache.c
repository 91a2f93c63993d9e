/* The code cache: what is found, and what a write to its bytes drops. */
#include "exec/unit_cache.h"
#include "ir/build.h"

#include <stdio.h>
#include <stdlib.h>

static int passed, failed;

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

void ir_unit_free(struct ir_unit *unit)
{
    free(unit);
}

static struct unit *add(struct unit_cache *cache, uint64_t physical,
                        uint64_t next, uint32_t size)
{
    struct unit_key key = {physical, next, physical + 0x400000, 3, 0, 0, 0};

    return unit_cache_add(cache, &key, calloc(1, sizeof(struct ir_unit)), size);
}

static bool found(struct unit_cache *cache, uint64_t physical, uint64_t next)
{
    struct unit_key key = {physical, next, physical + 0x400000, 3, 0, 0, 0};

    return unit_cache_find(cache, &key) != NULL;
}

static void test_key(struct unit_cache *cache)
{
    struct unit_key key = {0x1000, 0, 0x401000, 3, 0, 0, 0};

    add(cache, 0x1000, 0, 16);
    expect(unit_cache_find(cache, &key) != NULL, "a unit is found");
    key.mode++;
    expect(!unit_cache_find(cache, &key), "another mode is another unit");
    key.mode--;
    key.limit = 1;
    expect(!unit_cache_find(cache, &key), "another limit is another unit");
    unit_cache_flush(cache);
    expect(unit_cache_count(cache) == 0, "a flush leaves none");
}

static void test_write(struct unit_cache *cache)
{
    add(cache, 0x1000, 0, 16);
    expect(unit_cache_page_has_code(cache, 0x1fff), "its page has code");
    unit_cache_written(cache, 0x0fff, 1);
    unit_cache_written(cache, 0x1010, 1);
    expect(found(cache, 0x1000, 0), "a write beside it spares it");
    unit_cache_written(cache, 0x100f, 1);
    expect(!found(cache, 0x1000, 0), "a write of its last byte drops it");
    expect(!unit_cache_page_has_code(cache, 0x1000), "no code is left");
}

static void test_straddle(struct unit_cache *cache)
{
    add(cache, 0x1ffe, 0x7000, 5);
    unit_cache_written(cache, 0x7003, 4);
    expect(found(cache, 0x1ffe, 0x7000), "a write behind the second part");
    unit_cache_written(cache, 0x7002, 1);
    expect(!found(cache, 0x1ffe, 0x7000), "a write into the second part");
    add(cache, 0x1ffe, 0x7000, 5);
    unit_cache_written(cache, 0x1ff0, 15);
    expect(!found(cache, 0x1ffe, 0x7000), "a write into the first part");
    expect(!unit_cache_page_has_code(cache, 0x7000), "both pages are free");
}

static void test_running(struct unit_cache *cache)
{
    struct unit *unit = add(cache, 0x3000, 0, 4);

    unit_cache_set_running(cache, unit);
    expect(unit_cache_written(cache, 0x3000, 1), "the running unit is hit");
    expect(unit->doomed && !found(cache, 0x3000, 0), "gone, yet not freed");
    unit_cache_set_running(cache, NULL);
    add(cache, 0x3000, 0, 4);
    expect(!unit_cache_written(cache, 0x3000, 1), "another is not running");
}

int main(void)
{
    struct unit_cache *cache = unit_cache_new();

    test_key(cache);
    test_write(cache);
    test_straddle(cache);
    test_running(cache);
    unit_cache_free(cache);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
