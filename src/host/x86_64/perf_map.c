#include "host/x86_64/perf_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* A struct perf_map is the FILE. */

struct perf_map *perf_map_open(void)
{
    char path[64];

    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    return (struct perf_map *)fopen(path, "we");
}

void perf_map_add(struct perf_map *map, const char *kind, const void *code,
                  size_t size, uint64_t pc)
{
    fprintf((FILE *)map, "%" PRIxPTR " %zx %s_%" PRIx64 "\n", (uintptr_t)code,
            size, kind, pc);
}

void perf_map_close(struct perf_map *map)
{
    if (map) {
        fclose((FILE *)map);
    }
}
