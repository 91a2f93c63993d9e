#include "exec/state.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY_LINES 16u

static uint8_t *member(const struct machine *m, uint32_t offset)
{
    return (uint8_t *)m->cpu + offset;
}

/* The first page from `page` on that one of the two wrote; false: none. */
static bool next_changed(const struct machine *x, const struct machine *y,
                         unsigned block, uint64_t *page)
{
    const struct mem_block *a = mem_block_at(x->memory, block);
    const uint8_t *a_flags = a->page_flags;
    const uint8_t *b_flags = mem_block_at(y->memory, block)->page_flags;
    uint64_t n = a->size >> PAGE_BITS, at = *page;

    while (at < n && !((a_flags[at] | b_flags[at]) & PAGE_CHANGED)) {
        at++;
    }
    *page = at;
    return at < n;
}

void state_clear_changed(struct machine *x, struct machine *y)
{
    for (unsigned i = 0; i < mem_block_count(x->memory); i++) {
        mem_clear_changed(x->memory, mem_block_at(x->memory, i));
        mem_clear_changed(y->memory, mem_block_at(y->memory, i));
    }
}

/* Without touching what is zero in both: it need not be resident. */
static void copy_page(uint8_t *to, const uint8_t *from)
{
    if (!mem_page_is_zero(from) || !mem_page_is_zero(to)) {
        memcpy(to, from, PAGE_SIZE_);
    }
}

/* -- Clones ---------------------------------------------------------------- */

static void clone_memory(struct machine *to, const struct machine *from)
{
    struct mem_mapping mapping;

    for (unsigned i = 0; i < mem_block_count(from->memory); i++) {
        const struct mem_block *block = mem_block_at(from->memory, i);
        struct mem_block *own = mem_add_block(to->memory, block->name,
                                              block->kind, block->size);

        if (!own) {
            panda_bug("no memory for a second %s", block->name);
        }
        for (uint64_t at = 0; at < block->size; at += PAGE_SIZE_) {
            copy_page(own->host + at, block->host + at);
        }
    }
    for (unsigned i = 0; mem_mapping_at(from->memory, i, &mapping); i++) {
        mem_map(to->memory, mapping.physical, mapping.size,
                mapping.block ? mem_block_at(to->memory, mapping.block->id)
                              : NULL,
                mapping.offset);
    }
}

struct machine *state_clone(const struct machine *from)
{
    const struct guest *guest = from->cpu->guest;
    struct machine *to = machine_new(guest);

    clone_memory(to, from);
    for (uint32_t i = 0; i < guest->n_fields; i++) {
        const struct guest_field *field = &guest->fields[i];

        memcpy(member(to, field->offset), member(from, field->offset),
               field->size);
    }
    to->cpu->count = from->cpu->count;
    to->cpu->skipped = from->cpu->skipped;
    to->cpu->halted = from->cpu->halted;
    mem_tlb_flush(to->cpu);
    return to;
}

/* -- Comparing ------------------------------------------------------------- */

static bool page_equal(const struct machine *x, const struct machine *y,
                       unsigned block, uint64_t page)
{
    return !memcmp(mem_block_at(x->memory, block)->host + page * PAGE_SIZE_,
                   mem_block_at(y->memory, block)->host + page * PAGE_SIZE_,
                   PAGE_SIZE_);
}

static bool memory_equal(const struct machine *x, const struct machine *y)
{
    for (unsigned i = 0; i < mem_block_count(x->memory); i++) {
        for (uint64_t at = 0; next_changed(x, y, i, &at); at++) {
            if (!page_equal(x, y, i, at)) {
                return false;
            }
        }
    }
    return true;
}

static bool field_equal(const struct machine *x, const struct machine *y,
                        const struct guest_field *field)
{
    return !memcmp(member(x, field->offset), member(y, field->offset),
                   field->size);
}

bool state_equal(const struct machine *x, const struct machine *y)
{
    const struct guest *guest = x->cpu->guest;

    if (x->cpu->count != y->cpu->count || x->cpu->skipped != y->cpu->skipped ||
        x->cpu->halted != y->cpu->halted) {
        return false;
    }
    for (uint32_t i = 0; i < guest->n_fields; i++) {
        if (!field_equal(x, y, &guest->fields[i])) {
            return false;
        }
    }
    return memory_equal(x, y);
}

/* -- Saying what differs --------------------------------------------------- */

struct sides { /* whose values stand where */
    const struct machine *m[2];
    const char *name[2];
    FILE *out;
};

static void print_bytes(FILE *out, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = size; i-- > 0;) { /* as a little-endian number */
        fprintf(out, "%02x", bytes[i]);
    }
}

static void print_at(const struct sides *s, const char *what, uint32_t offset,
                     uint32_t size)
{
    fprintf(s->out, "    %-12s", what);
    for (unsigned i = 0; i < 2; i++) {
        fprintf(s->out, "%s %s ", i ? "," : "", s->name[i]);
        print_bytes(s->out, member(s->m[i], offset), size);
    }
    fprintf(s->out, "\n");
}

static void print_number(const struct sides *s, const char *what, uint64_t x,
                         uint64_t y)
{
    if (x != y) {
        fprintf(s->out, "    %-12s %s %" PRIu64 ", %s %" PRIu64 "\n", what,
                s->name[0], x, s->name[1], y);
    }
}

static bool differs_at(const struct sides *s, uint32_t offset, uint32_t size)
{
    return memcmp(member(s->m[0], offset), member(s->m[1], offset), size);
}

static bool is_slot(const struct guest *guest, uint32_t offset)
{
    for (uint32_t i = 0; i < guest->n_slots; i++) {
        if (offset >= guest->slots[i].offset &&
            offset < guest->slots[i].offset + guest->slots[i].size) {
            return true;
        }
    }
    return false;
}

/* Some slots are the engine's own. */
static bool is_state(const struct guest *guest, uint32_t offset)
{
    for (uint32_t i = 0; i < guest->n_fields; i++) {
        if (offset - guest->fields[i].offset < guest->fields[i].size) {
            return true;
        }
    }
    return false;
}

/* Of what no slot names, in pieces of up to eight bytes. */
static void print_field(const struct sides *s, const struct guest_field *field)
{
    char name[64];

    for (uint32_t at = 0; at < field->size; at += 8) {
        uint32_t size = field->size - at < 8 ? field->size - at : 8;

        if (!is_slot(s->m[0]->cpu->guest, field->offset + at) &&
            differs_at(s, field->offset + at, size)) {
            snprintf(name, sizeof(name), at ? "%s+%u" : "%s", field->name, at);
            print_at(s, name, field->offset + at, size);
        }
    }
}

static void print_page(const struct sides *s, unsigned block, uint64_t page,
                       unsigned *lines)
{
    const struct mem_block *a = mem_block_at(s->m[0]->memory, block);
    const struct mem_block *b = mem_block_at(s->m[1]->memory, block);
    uint64_t first = page << PAGE_BITS;

    for (uint64_t at = first; at < first + PAGE_SIZE_; at++) {
        if (a->host[at] != b->host[at] && (*lines)++ < MEMORY_LINES) {
            fprintf(s->out, "    %s+0x%-8" PRIx64 " %s %02x, %s %02x\n",
                    a->name, at, s->name[0], a->host[at], s->name[1],
                    b->host[at]);
        }
    }
}

static void print_memory(const struct sides *s)
{
    unsigned lines = 0;

    for (unsigned i = 0; i < mem_block_count(s->m[0]->memory); i++) {
        for (uint64_t at = 0; next_changed(s->m[0], s->m[1], i, &at); at++) {
            print_page(s, i, at, &lines);
        }
    }
    if (lines > MEMORY_LINES) {
        fprintf(s->out, "    and %u more bytes of memory\n",
                lines - MEMORY_LINES);
    }
}

void state_print_differences(const struct machine *x, const char *x_name,
                             const struct machine *y, const char *y_name,
                             FILE *out)
{
    const struct guest *guest = x->cpu->guest;
    const struct sides s = {{x, y}, {x_name, y_name}, out};

    print_number(&s, "count", x->cpu->count, y->cpu->count);
    print_number(&s, "skipped", x->cpu->skipped, y->cpu->skipped);
    print_number(&s, "halted", x->cpu->halted, y->cpu->halted);
    for (uint32_t i = 0; i < guest->n_slots; i++) {
        const struct guest_slot *slot = &guest->slots[i];

        if (is_state(guest, slot->offset) &&
            differs_at(&s, slot->offset, slot->size)) {
            print_at(&s, slot->name, slot->offset, slot->size);
        }
    }
    for (uint32_t i = 0; i < guest->n_fields; i++) {
        print_field(&s, &guest->fields[i]);
    }
    print_memory(&s);
}

/* -- Checkpoints ----------------------------------------------------------- */

static void take_registers(struct checkpoint *c, const struct machine *m)
{
    const struct guest *guest = m->cpu->guest;
    uint8_t *to = c->fields;

    c->count = m->cpu->count;
    c->skipped = m->cpu->skipped;
    c->halted = m->cpu->halted;
    for (uint32_t i = 0; i < guest->n_fields; i++) {
        memcpy(to, member(m, guest->fields[i].offset), guest->fields[i].size);
        to += guest->fields[i].size;
    }
}

static uint8_t *copy_block(const struct mem_block *block)
{
    uint8_t *copy = mmap(NULL, block->size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (copy == MAP_FAILED) {
        panda_bug("no memory for a copy of %s", block->name);
    }
    for (uint64_t at = 0; at < block->size; at += PAGE_SIZE_) {
        copy_page(copy + at, block->host + at);
    }
    return copy;
}

struct checkpoint *checkpoint_new(struct machine *x, struct machine *y)
{
    unsigned n = mem_block_count(x->memory);
    struct checkpoint *c = calloc(1, sizeof(*c));

    if (!c || !(c->fields = malloc(x->cpu->guest->cpu_size)) ||
        !(c->blocks = calloc(n + 1u, sizeof(*c->blocks)))) {
        panda_bug("out of memory");
    }
    c->n_blocks = n;
    for (unsigned i = 0; i < n; i++) {
        c->blocks[i].bytes = copy_block(mem_block_at(x->memory, i));
        c->blocks[i].size = mem_block_at(x->memory, i)->size;
    }
    take_registers(c, x);
    state_clear_changed(x, y);
    return c;
}

void checkpoint_free(struct checkpoint *c)
{
    for (unsigned i = 0; i < c->n_blocks; i++) {
        munmap(c->blocks[i].bytes, c->blocks[i].size);
    }
    free(c->blocks);
    free(c->fields);
    free(c);
}

void checkpoint_move(struct checkpoint *c, const struct machine *x,
                     const struct machine *y)
{
    take_registers(c, x);
    for (unsigned i = 0; i < c->n_blocks; i++) {
        const struct mem_block *block = mem_block_at(x->memory, i);

        for (uint64_t page = 0; next_changed(x, y, i, &page); page++) {
            memcpy(c->blocks[i].bytes + (page << PAGE_BITS),
                   block->host + (page << PAGE_BITS), PAGE_SIZE_);
        }
    }
}

static void restore(const struct checkpoint *c, struct machine *m)
{
    const struct guest *guest = m->cpu->guest;
    const uint8_t *from = c->fields;

    for (uint32_t i = 0; i < guest->n_fields; i++) {
        memcpy(member(m, guest->fields[i].offset), from, guest->fields[i].size);
        from += guest->fields[i].size;
    }
    m->cpu->count = c->count;
    m->cpu->skipped = c->skipped;
    m->cpu->halted = c->halted;
    m->redo_alone = false;
    mem_tlb_flush(m->cpu);
}

void checkpoint_restore(const struct checkpoint *c, struct machine *x,
                        struct machine *y)
{
    for (unsigned i = 0; i < c->n_blocks; i++) {
        struct mem_block *a = mem_block_at(x->memory, i);
        struct mem_block *b = mem_block_at(y->memory, i);

        for (uint64_t page = 0; next_changed(x, y, i, &page); page++) {
            uint64_t at = page << PAGE_BITS;

            mem_write_block(x->memory, a, at, c->blocks[i].bytes + at,
                            PAGE_SIZE_);
            mem_write_block(y->memory, b, at, c->blocks[i].bytes + at,
                            PAGE_SIZE_);
        }
    }
    state_clear_changed(x, y);
    restore(c, x);
    restore(c, y);
}
