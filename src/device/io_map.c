/* Ports and device memory: who answers for an address. */
#include "device/device.h"

#include "base/error.h"

#include <stdlib.h>

struct io_range {
    enum io_space space;
    uint64_t base, size;
    const struct io_handlers *handlers;
    void *opaque;
};

struct io_map {
    struct io_range *ranges;
    unsigned n;
};

struct io_map *io_map_new(void)
{
    struct io_map *map = calloc(1, sizeof(*map));

    if (!map) {
        panda_bug("out of memory");
    }
    return map;
}

void io_map_free(struct io_map *map)
{
    if (map) {
        free(map->ranges);
        free(map);
    }
}

static struct io_range *find(const struct io_map *map, enum io_space space,
                             uint64_t address)
{
    for (unsigned i = 0; i < map->n; i++) {
        struct io_range *range = &map->ranges[i];

        if (range->space == space && address - range->base < range->size) {
            return range;
        }
    }
    return NULL;
}

bool io_map_add(struct io_map *map, enum io_space space, uint64_t base,
                uint64_t size, const struct io_handlers *handlers, void *opaque)
{
    for (unsigned i = 0; i < map->n; i++) {
        const struct io_range *range = &map->ranges[i];

        if (range->space == space && base < range->base + range->size &&
            range->base < base + size) {
            return false;
        }
    }
    map->ranges = realloc(map->ranges, (map->n + 1) * sizeof(*map->ranges));
    if (!map->ranges) {
        panda_bug("out of memory");
    }
    map->ranges[map->n++] = (struct io_range){space, base, size, handlers,
                                              opaque};
    return true;
}

void io_map_move(struct io_map *map, enum io_space space, uint64_t from,
                 uint64_t to)
{
    for (unsigned i = 0; i < map->n; i++) {
        if (map->ranges[i].space == space && map->ranges[i].base == from) {
            map->ranges[i].base = to;
            return;
        }
    }
    panda_bug("no range begins at 0x%llx", (unsigned long long)from);
}

static uint64_t all_ones(unsigned size)
{
    return ~0ull >> (64 - 8 * size);
}

static bool begins_within(const struct io_map *map, enum io_space space,
                          uint64_t address, unsigned size)
{
    for (unsigned i = 0; i < map->n; i++) {
        const struct io_range *range = &map->ranges[i];

        if (range->space == space && range->base - address < size) {
            return true;
        }
    }
    return false;
}

bool io_map_answers(const struct io_map *map, enum io_space space,
                    uint64_t address, unsigned size)
{
    return find(map, space, address) ||
           begins_within(map, space, address, size);
}

/* Bytes that are done at once: a power of two; no more than the handler
 * takes, and none beyond its range; with nobody there, none of the next
 * range's. */
static unsigned piece_of(const struct io_map *map, enum io_space space,
                         const struct io_range *range, uint64_t address,
                         unsigned rest)
{
    unsigned piece = 8;

    while (piece > rest) {
        piece /= 2;
    }
    while (piece > 1 &&
           (range ? piece > range->handlers->max_size ||
                        piece > range->size - (address - range->base)
                  : begins_within(map, space, address, piece))) {
        piece /= 2;
    }
    return piece;
}

uint64_t io_map_read(struct io_map *map, enum io_space space, uint64_t address,
                     unsigned size)
{
    uint64_t value = 0;

    for (unsigned at = 0; at < size;) {
        struct io_range *range = find(map, space, address + at);
        unsigned piece = piece_of(map, space, range, address + at, size - at);
        uint64_t part = all_ones(piece);

        if (range) {
            part &= range->handlers->read(range->opaque,
                                          address + at - range->base, piece);
        }
        value |= part << 8 * at;
        at += piece;
    }
    return value;
}

void io_map_write(struct io_map *map, enum io_space space, uint64_t address,
                  uint64_t value, unsigned size)
{
    for (unsigned at = 0; at < size;) {
        struct io_range *range = find(map, space, address + at);
        unsigned piece = piece_of(map, space, range, address + at, size - at);

        if (range) {
            range->handlers->write(range->opaque, address + at - range->base,
                                   value >> 8 * at & all_ones(piece), piece);
        }
        at += piece;
    }
}
