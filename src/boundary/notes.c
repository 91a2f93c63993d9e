#include "boundary/notes.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define WITHIN 128u
#define NUMBERS 4u

static uint8_t *put(uint8_t *at, uint64_t number)
{
    uint8_t *length = at++;

    for (*length = 0; number; number >>= 8, ++*length) {
        *at++ = (uint8_t)number;
    }
    return at;
}

struct inward_event note_encode(const struct transfer *t, bool within)
{
    size_t more = t->bytes ? t->size : 0;
    uint8_t *bytes = panda_must(malloc(NUMBERS * 9 + more)), *at = bytes;

    at = put(at, t->from);
    at = put(at, t->to);
    at = put(at, t->size ? t->size : t->value);
    at = put(at, t->type);
    if (more) {
        memcpy(at, t->bytes, more);
    }
    return (struct inward_event){.kind = INWARD_NOTE,
                                 .what = (uint32_t)t->kind |
                                         (within ? WITHIN : 0),
                                 .bytes = bytes,
                                 .size = (size_t)(at - bytes) + more};
}

static bool take(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
    unsigned length = *at < end ? *(*at)++ : 9;

    *number = 0;
    if (length > 8 || length > end - *at) {
        return false;
    }
    for (unsigned i = 0; i < length; i++) {
        *number |= (uint64_t) * (*at)++ << 8 * i;
    }
    return true;
}

static bool is_serial(enum transfer_kind kind)
{
    return kind >= TRANSFER_SERIAL_RECEIVE;
}

bool note_decode(const struct inward_event *event, struct transfer *t,
                 bool *within)
{
    const uint8_t *at = event->bytes, *end = at + event->size;
    uint64_t type;

    *t = (struct transfer){.kind = (enum transfer_kind)(event->what & ~WITHIN)};
    *within = event->what & WITHIN;
    if ((event->what & ~WITHIN) >= N_TRANSFERS || !take(&at, end, &t->from) ||
        !take(&at, end, &t->to) || !take(&at, end, &t->size) ||
        !take(&at, end, &type)) {
        return false;
    }
    t->type = (uint32_t)type;
    if (is_serial(t->kind)) {
        t->value = (uint8_t)t->size;
        t->size = 0;
    }
    t->bytes = t->kind == TRANSFER_PACKET ? at : NULL;
    return t->kind == TRANSFER_PACKET ? t->size == (uint64_t)(end - at)
                                      : at == end;
}
