/*
 * The coding of log entries: random entries come back as they were, cut and
 * damaged bytes are refused or decode to something else without a fault, and
 * the common entries are as small as the format promises.
 */
#include "boundary/log_entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;
static uint64_t state = 88172645463325252ull;

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t rnd_wide(void) /* of any magnitude */
{
    return rnd() >> (rnd() % 64);
}

static const uint8_t kinds[] = {
#define INWARD(name, number, fields) number,
#include "boundary/entries.def"
#undef INWARD
};
static uint8_t buffer[300];

static struct log_entry random_entry(uint64_t count)
{
    struct log_entry entry = {.count = count + (rnd_wide() >> 8),
                              .vcpu = rnd() % 8 ? 0 : rnd() % 300};

    entry.event.kind = kinds[rnd() % sizeof(kinds)];
    entry.event.what = (uint32_t)rnd_wide();
    entry.event.address = rnd_wide();
    entry.event.value = rnd_wide();
    entry.event.bytes = buffer;
    entry.event.size = entry.event.kind == INWARD_READ ? 1u << rnd() % 4
                                                       : rnd() % 300;
    return entry;
}

/* Equal in what the kind has: an encoding of both must be the same bytes. */
static bool same(const struct log_entry *x, const struct log_entry *y)
{
    static uint8_t bx[400], by[400];
    struct log_context cx = {0}, cy = {0};
    size_t nx = log_entry_encode(&cx, x, bx);
    size_t ny = log_entry_encode(&cy, y, by);

    return nx == ny && !memcmp(bx, by, nx) && x->count == y->count &&
           x->vcpu == y->vcpu && x->event.kind == y->event.kind;
}

static void test_round_trip(void)
{
    struct log_context in = {0}, out = {0};
    uint8_t bytes[400];
    bool good = true, cut = true;

    for (unsigned i = 0; i < 100000; i++) {
        struct log_entry entry = random_entry(in.count);
        struct log_entry back;
        struct log_context before = out;
        size_t size, part;

        if (entry.count < in.count || in.count >> 62) {
            in = out = (struct log_context){0};
            continue;
        }
        size = log_entry_encode(&in, &entry, bytes);
        part = rnd() % size;
        cut = cut && log_entry_decode(&before, bytes, part, &back) == 0;
        good = good && log_entry_decode(&out, bytes, size, &back) == size;
        good = good && same(&entry, &back);
    }
    expect(good, "100000 random entries come back");
    expect(cut, "each of them cut short is refused");
}

static void test_damage(void)
{
    bool good = true;

    for (unsigned i = 0; i < 100000; i++) {
        struct log_context in = {0}, out = {0};
        struct log_entry entry = random_entry(0), back;
        uint8_t *bytes = malloc(400), *exact;
        size_t size = log_entry_encode(&in, &entry, bytes), used;

        exact = malloc(size); /* a read beyond it is a fault under ASan */
        memcpy(exact, bytes, size);
        exact[rnd() % size] ^= 1u << rnd() % 8;
        used = log_entry_decode(&out, exact, size, &back);
        good = good && used <= size;
        free(bytes);
        free(exact);
    }
    expect(good, "100000 entries with a bit flipped: no fault");
}

static void test_size(void)
{
    struct log_context in = {.count = 1000000};
    struct log_entry entry = {.count = 1000060};
    uint8_t bytes[64];

    entry.event = (struct inward_event){
        .kind = INWARD_READ, .value = 0x60, .size = 1};
    expect(log_entry_encode(&in, &entry, bytes) <= 3, "a port read: 3 bytes");
    entry.count += 4000000;
    entry.event = (struct inward_event){
        .kind = INWARD_DELIVER, .what = DELIVER_VECTOR, .value = 0xec};
    expect(log_entry_encode(&in, &entry, bytes) <= 12,
           "an interrupt: 12 bytes");
}

int main(void)
{
    for (unsigned i = 0; i < sizeof(buffer); i++) {
        buffer[i] = (uint8_t)rnd();
    }
    test_round_trip();
    test_damage();
    test_size();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
