#include "cmd/flip.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void flip_parse(const char *text, struct flip *flip)
{
    static const char *const names[] = {"register@", "ram@", "value@"};
    char *end = NULL;

    flip->bit = 0;
    for (unsigned i = 0; i < 3; i++) {
        size_t length = strlen(names[i]);

        if (!strncmp(text, names[i], length)) {
            flip->what = (enum flip_what)i;
            flip->count = strtoull(text + length, &end, 0);
            if (*end == ':') {
                flip->bit = strtoull(end + 1, &end, 0);
            }
        }
    }
    if (!end || *end) {
        panda_fatal("-debug-flip: '%s' is not register, ram or value, then "
                    "@COUNT[:BIT]",
                    text);
    }
}

/* Of a field of one byte, which may be a bool, only the lowest bit. */
static uint64_t bits_of(const struct guest_field *field)
{
    return field->size == 1 ? 1 : 8ull * field->size;
}

static void flip_register(struct cpu *cpu, uint64_t bit)
{
    const struct guest *guest = cpu->guest;
    uint64_t all = 0;

    for (uint32_t i = 0; i < guest->n_fields; i++) {
        all += bits_of(&guest->fields[i]);
    }
    bit %= all;
    for (uint32_t i = 0; i < guest->n_fields; i++) {
        const struct guest_field *field = &guest->fields[i];

        if (bit < bits_of(field)) {
            ((uint8_t *)cpu)[field->offset + bit / 8] ^= 1u << bit % 8;
            panda_warn("bit %" PRIu64 " of register %s flipped at count "
                       "%" PRIu64,
                       bit, field->name, cpu->count);
            return;
        }
        bit -= bits_of(field);
    }
}

static void flip_ram(struct machine *m, uint64_t bit)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < mem_block_count(m->memory); i++) {
        all += 8 * mem_block_at(m->memory, i)->size;
    }
    bit %= all;
    for (unsigned i = 0; i < mem_block_count(m->memory); i++) {
        const struct mem_block *block = mem_block_at(m->memory, i);

        if (bit < 8 * block->size) {
            block->host[bit / 8] ^= 1u << bit % 8;
            panda_warn("bit %" PRIu64 " of byte 0x%" PRIx64 " of %s flipped "
                       "at count %" PRIu64,
                       bit % 8, bit / 8, block->name, m->cpu->count);
            return;
        }
        bit -= 8 * block->size;
    }
}

void flip_apply(const struct flip *flip, struct machine *m)
{
    if (flip->what == FLIP_RAM) {
        flip_ram(m, flip->bit);
    } else {
        flip_register(m->cpu, flip->bit);
    }
}
