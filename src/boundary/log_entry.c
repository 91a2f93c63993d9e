#include "boundary/log_entry.h"

#include "base/error.h"

#include <string.h>

#define VCPU_PREFIX 63u /* a kind that no entry has */

enum { WHAT = 1, ADDRESS = 2, VALUE = 4, SIZE = 8, BYTES = 16, PLACE = 32 };

static const struct {
    const char *name;
    uint8_t fields;
} rows[64] = {
#define INWARD(name, number, fields) [number] = {#name, fields},
#include "boundary/entries.def"
#undef INWARD
};

const char *log_entry_name(enum inward kind)
{
    return (unsigned)kind < 64 ? rows[kind].name : NULL;
}

/* -- Varints: seven bits a byte, low ones first ---------------------------- */

static uint8_t *put(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

struct input {
    const uint8_t *at, *end;
    bool bad;
};

static uint64_t take(struct input *in)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;

        /* The tenth byte has room for one bit only. */
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return value;
        }
    }
    in->bad = true;
    return 0;
}

/* -- Entries --------------------------------------------------------------- */

static unsigned size_log2(size_t size)
{
    panda_assert(size == 1 || size == 2 || size == 4 || size == 8);
    return (unsigned)__builtin_ctzll(size);
}

size_t log_entry_encode(struct log_context *context,
                        const struct log_entry *entry, uint8_t *out)
{
    const struct inward_event *event = &entry->event;
    unsigned fields = rows[event->kind].fields;
    uint8_t *at = out;

    panda_assert(log_entry_name(event->kind));
    panda_assert(entry->count >= context->count);
    if (entry->vcpu != context->vcpu) {
        *at++ = VCPU_PREFIX;
        at = put(at, entry->vcpu);
    }
    *at = (uint8_t)event->kind;
    *at++ |= fields & SIZE ? size_log2(event->size) << 6 : 0;
    at = put(at, entry->count - context->count);
    at = fields & WHAT ? put(at, event->what) : at;
    at = fields & ADDRESS ? put(at, event->address) : at;
    if (fields & PLACE) {
        at = put(at, event->address - context->place);
        context->place = event->address;
    }
    at = fields & VALUE ? put(at, event->value) : at;
    if (fields & BYTES) {
        panda_assert(event->size <= LOG_BYTES_MAX);
        at = put(at, event->size);
        if (event->size) {
            memcpy(at, event->bytes, event->size);
        }
        at += event->size;
    }
    context->count = entry->count;
    context->vcpu = entry->vcpu;
    return (size_t)(at - out);
}

static void take_bytes(struct input *in, struct inward_event *event)
{
    uint64_t size = take(in);

    if (size > (uint64_t)(in->end - in->at) || size > LOG_BYTES_MAX) {
        in->bad = true;
        return;
    }
    event->bytes = in->at;
    event->size = size;
    in->at += size;
}

static void take_fields(struct input *in, struct log_entry *entry,
                        unsigned head, uint64_t place)
{
    struct inward_event *event = &entry->event;
    unsigned fields = rows[event->kind].fields;
    uint64_t delta = take(in), what;

    in->bad = in->bad || delta > UINT64_MAX - entry->count;
    entry->count += delta;
    if (fields & SIZE) {
        event->size = (size_t)1 << (head >> 6);
    } else {
        in->bad = in->bad || head >> 6;
    }
    if (fields & WHAT) {
        what = take(in);
        in->bad = in->bad || what > UINT32_MAX;
        event->what = (uint32_t)what;
    }
    event->address = fields & ADDRESS ? take(in)
                     : fields & PLACE ? place + take(in)
                                      : 0;
    event->value = fields & VALUE ? take(in) : 0;
    if (fields & BYTES) {
        take_bytes(in, event);
    }
}

size_t log_entry_decode(struct log_context *context, const uint8_t *in,
                        size_t size, struct log_entry *entry)
{
    struct input input = {in, in + size, size == 0};
    uint64_t vcpu;
    unsigned head;

    *entry = (struct log_entry){.count = context->count, .vcpu = context->vcpu};
    if (!input.bad && *input.at == VCPU_PREFIX) {
        input.at++;
        vcpu = take(&input);
        input.bad = input.bad || vcpu > UINT32_MAX;
        entry->vcpu = (uint32_t)vcpu;
    }
    if (input.bad || input.at == input.end) {
        return 0;
    }
    head = *input.at++;
    entry->event.kind = (enum inward)(head & 63);
    if (!log_entry_name(entry->event.kind)) {
        return 0;
    }
    take_fields(&input, entry, head, context->place);
    if (input.bad) {
        return 0;
    }
    context->count = entry->count;
    context->vcpu = entry->vcpu;
    if (rows[entry->event.kind].fields & PLACE) {
        context->place = entry->event.address;
    }
    return (size_t)(input.at - in);
}
