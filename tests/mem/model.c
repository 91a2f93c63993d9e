/* See model.h. Nothing here is cached, and nothing is fast. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

const uint64_t model_block_pages[N_BLOCKS] = {96, 16, 8};

void model_init(struct model *m)
{
    memset(m, 0, sizeof(*m));
    for (int i = 0; i < N_BLOCKS; i++) {
        m->bytes[i] = calloc(model_block_pages[i], PAGE_SIZE_);
    }
    for (unsigned i = 0; i < N_PHYSICAL; i++) {
        m->block_at[i] = -1;
    }
}

void model_free(struct model *m)
{
    for (int i = 0; i < N_BLOCKS; i++) {
        free(m->bytes[i]);
    }
}

bool model_find(const struct model *m, uint64_t physical, int *block,
                uint64_t *offset)
{
    uint64_t page = physical >> PAGE_BITS;

    if (page >= N_PHYSICAL || m->block_at[page] < 0) {
        return false;
    }
    *block = m->block_at[page];
    *offset = (m->page_at[page] << PAGE_BITS) + (physical & ~PAGE_MASK_);
    return true;
}

/* Writes within a page and keeps what that changes. */
static void change(struct model *m, int block, uint64_t offset,
                   const uint8_t *bytes, unsigned size)
{
    uint8_t *to = m->bytes[block] + offset;

    if (memcmp(to, bytes, size) != 0 && m->n_writes < MAX_WRITES) {
        m->writes[m->n_writes++] = (struct model_write){block, offset, size};
    }
    memcpy(to, bytes, size);
}

void model_poke(struct model *m, uint64_t physical, const void *bytes,
                unsigned size)
{
    uint64_t offset;
    int block;

    if (model_find(m, physical, &block, &offset)) {
        memcpy(m->bytes[block] + offset, bytes, size);
    }
}

/* -- I/O space ------------------------------------------------------------- */
uint64_t device_read(uint8_t *device, uint64_t physical, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)device[(physical + i) % DEVICE_SIZE]++ << (8 * i);
    }
    return value;
}

void device_write(uint8_t *device, uint64_t physical, uint64_t value,
                  unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        device[(physical + i) % DEVICE_SIZE] = (uint8_t)(value >> (8 * i));
    }
}

/* -- Walks ----------------------------------------------------------------- */
static uint64_t read_entry(void *opaque, uint64_t physical, unsigned size)
{
    struct model *m = opaque;
    uint64_t offset, entry = 0;
    int block;

    if (!model_find(m, physical, &block, &offset)) {
        return size == 8 ? ~0ull : 0xffffffffu;
    }
    memcpy(&entry, m->bytes[block] + offset, size);
    return entry;
}

static void update_entry(void *opaque, uint64_t physical, unsigned size,
                         uint64_t entry)
{
    struct model *m = opaque;
    uint64_t offset;
    int block;

    if (model_find(m, physical, &block, &offset) && block != MODEL_ROM) {
        change(m, block, offset, (const uint8_t *)&entry, size);
    }
}

struct look {
    struct model *m;
    bool dirty;
};

static uint64_t look_read(void *opaque, uint64_t physical, unsigned size)
{
    return read_entry(((struct look *)opaque)->m, physical, size);
}

static void look_update(void *opaque, uint64_t physical, unsigned size,
                        uint64_t entry)
{
    struct look *look = opaque;
    uint64_t offset;
    int block;

    (void)size;
    (void)entry;
    if (model_find(look->m, physical, &block, &offset) && block != MODEL_ROM) {
        look->dirty = true;
    }
}

bool model_look(struct model *m, const struct model_cpu *cpu, uint64_t address,
                enum mem_access access, unsigned mmu,
                struct walk_result *result, bool *clean)
{
    struct look look = {m, false};
    struct walk_via via = {look_read, look_update, &look};
    bool good = fake_walk(&via, cpu->root, cpu->narrow, address, access, mmu,
                          result);

    *clean = !look.dirty;
    return good;
}

bool model_fetch(struct model *m, const struct model_cpu *cpu, uint64_t pc,
                 unsigned mmu, uint64_t *physical)
{
    struct walk_via via = {read_entry, update_entry, m};
    struct walk_result walk;
    bool good = fake_walk(&via, cpu->root, cpu->narrow, pc, MEM_FETCH, mmu,
                          &walk);

    m->n_writes = 0;
    *physical = walk.physical;
    return good;
}

/* -- Accesses -------------------------------------------------------------- */
struct span {
    uint64_t physical;
    unsigned from, to; /* bytes of the access */
};

static void load_span(struct model *m, const struct span *s, uint8_t *bytes)
{
    uint64_t offset;
    int block;

    for (unsigned i = s->from; i < s->to; i++) {
        uint64_t at = s->physical + (i - s->from);

        bytes[i] = model_find(m, at, &block, &offset)
                       ? m->bytes[block][offset]
                       : (uint8_t)device_read(m->device, at, 1);
    }
}

static void store_span(struct model *m, const struct span *s,
                       const uint8_t *bytes)
{
    uint64_t offset;
    int block;

    if (!model_find(m, s->physical, &block, &offset)) {
        for (unsigned i = s->from; i < s->to; i++) {
            device_write(m->device, s->physical + (i - s->from), bytes[i], 1);
        }
    } else if (block != MODEL_ROM) {
        change(m, block, offset, bytes + s->from, s->to - s->from);
    }
}

static unsigned order(uint32_t memop, unsigned i)
{
    return memop & MO_BE ? MO_SIZE(memop) - 1 - i : i;
}

static union ir_value extend(uint32_t memop, const uint8_t *bytes)
{
    union ir_value value = {.v64 = {0, 0}};
    unsigned size = MO_SIZE(memop);

    for (unsigned i = 0; i < size; i++) {
        value.v8[i] = bytes[order(memop, i)];
    }
    if (memop & MO_SIGN && size < 8 && value.v8[size - 1] & 0x80) {
        memset(value.v8 + size, 0xff, 8 - size);
    }
    return value;
}

struct model_result model_access(struct model *m, const struct model_cpu *cpu,
                                 uint64_t address, uint32_t memop, bool store,
                                 const union ir_value *value)
{
    struct walk_via via = {read_entry, update_entry, m};
    bool write = store || memop & MO_RMW;
    enum mem_access access = write ? MEM_WRITE : MEM_READ;
    unsigned size = MO_SIZE(memop), mmu = MO_MMU(memop), n = 0;
    struct model_result result = {0};
    struct walk_result walk;
    struct span spans[2];
    uint8_t bytes[16];

    m->n_writes = 0;
    if (memop & MO_ALIGN16 && address % 16) {
        result.fault = (struct fake_fault){true, true, address, access};
        return result;
    }
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = address + i;

        if (i == 0 || at % PAGE_SIZE_ == 0) {
            if (!fake_walk(&via, cpu->root, cpu->narrow, at, access, mmu,
                           &walk)) {
                result.fault = (struct fake_fault){true, false, at, access};
                return result;
            }
            spans[n++] = (struct span){walk.physical, i, i};
        }
        spans[n - 1].to++;
        bytes[i] = value->v8[order(memop, i)];
    }
    for (unsigned i = 0; i < n; i++) {
        if (store) {
            store_span(m, &spans[i], bytes);
        } else {
            load_span(m, &spans[i], bytes);
        }
    }
    if (!store) {
        result.value = extend(memop, bytes);
    }
    return result;
}
