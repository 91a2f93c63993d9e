/*
 * What a device sees of the world: an I/O space to register in, wires, a
 * clock with timers, and nothing of the CPU. A device is a struct, an init,
 * read and write handlers and an IRQ wire; the board wires them.
 */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* -- Wires ----------------------------------------------------------------- */
struct wire {
    void (*set)(void *opaque, unsigned line, bool level);
    void *opaque;
    unsigned line;
};
static inline void wire_set(const struct wire *wire, bool level)
{
    if (wire->set) {
        wire->set(wire->opaque, wire->line, level);
    }
}

static inline void wire_pulse(const struct wire *wire)
{
    wire_set(wire, true);
    wire_set(wire, false);
}

/* -- Time: nanoseconds of virtual time ------------------------------------- */
struct clock;
struct timer {
    void (*expired)(void *opaque);
    void *opaque;
    uint64_t deadline; /* UINT64_MAX: not armed */
    struct timer *next;
};
struct clock *clock_new(void);
void clock_free(struct clock *clock);
uint64_t clock_now(const struct clock *clock);
/* Sets the time without running anything; it never goes back. */
void clock_set(struct clock *clock, uint64_t now);
void clock_add_timer(struct clock *clock, struct timer *timer);
void timer_arm(struct timer *timer, uint64_t deadline);
void timer_disarm(struct timer *timer);
uint64_t clock_next_deadline(const struct clock *clock);
/* Runs what is due, earliest first; equal deadlines in order of adding. */
void clock_run_due(struct clock *clock);

/* -- I/O spaces: ports and device memory ----------------------------------- */
enum io_space { IO_PORT, IO_MEMORY };
struct io_handlers {
    /* address: from the start of the range; size: 1, 2, 4 or 8. */
    uint64_t (*read)(void *opaque, uint64_t address, unsigned size);
    void (*write)(void *opaque, uint64_t address, uint64_t value,
                  unsigned size);
    uint8_t max_size; /* wider accesses are split, low part first */
};
struct io_map;
struct io_map *io_map_new(void);
void io_map_free(struct io_map *map);
/* False: the range overlaps another. */
bool io_map_add(struct io_map *map, enum io_space space, uint64_t base,
                uint64_t size, const struct io_handlers *handlers,
                void *opaque);
/* Moves the range that begins at `from`; where ranges then overlap, the one
 * added first answers. */
void io_map_move(struct io_map *map, enum io_space space, uint64_t from,
                 uint64_t to);
/* Whether somebody takes any of those bytes. */
bool io_map_answers(const struct io_map *map, enum io_space space,
                    uint64_t address, unsigned size);
/* Nobody there: all ones, and writes are lost. */
uint64_t io_map_read(struct io_map *map, enum io_space space, uint64_t address,
                     unsigned size);
void io_map_write(struct io_map *map, enum io_space space, uint64_t address,
                  uint64_t value, unsigned size);

/* -- State: one table a device serves snapshot, hash and documentation ----- */
/* A snapshot is hostile input: fields hold no bool, enum or pointer, and
 * loaded() makes any bytes safe. It is called when the fields of all devices
 * are there, since it drives wires. */
struct device_field {
    const char *name;
    uint32_t offset, size, count; /* of an element; elements */
};
#define DEVICE_FIELD(type, member) \
    { \
#member, offsetof(type, member), sizeof(((type *)0)->member), 1 \
    }
#define DEVICE_ARRAY(type, member, n) \
    { \
#member, offsetof(type, member), sizeof(((type *)0)->member[0]), n \
    }
struct device_table {
    const char *name;
    const struct device_field *fields;
    unsigned n_fields;
    void (*loaded)(void *device); /* re-arm timers and wires; may be NULL */
};

#endif
