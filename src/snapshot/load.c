/* Reading a snapshot: hostile until each part's hash has been checked. */
#include "snapshot/snapshot.h"

#include "base/error.h"
#include "base/file.h"
#include "boundary/hash.h"
#include "boundary/live.h"
#include "device/device.h"
#include "snapshot/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define META_MAX (1u << 24)
#define BLOCKS_MAX 64u
#define MEMORY_MAX (64ull << 30)

struct loader {
    const char *path;
    int fd;
    uint64_t size;
    struct snapshot_head head;
    struct snapshot_bytes meta;
    struct machine *machine;
    struct live *live; /* NULL: the machine is new, and without devices */
    unsigned n_blocks; /* compared so far */
    char *message;
};

static bool fail(struct loader *l, const char *what)
{
    if (!l->message) {
        l->message = panda_message("the snapshot %s is %s", l->path, what);
    }
    return false;
}

/* -- The head and the part that describes ---------------------------------- */

/* Parts stand where they must, and the file ends with them. */
static bool sizes_fit(struct loader *l, const struct snapshot_head *head)
{
    uint64_t table = snapshot_next_part(PAGE_SIZE_ + head->meta_size);
    uint64_t pages = snapshot_next_part(
        table + head->n_pages * sizeof(struct snapshot_page));
    uint64_t end = pages + (head->n_pages << PAGE_BITS);

    if (head->table != table || head->pages != pages) {
        return fail(l, "damaged in its head");
    }
    return l->size == end ||
           fail(l, l->size < end ? "cut off" : "followed by foreign bytes");
}

static bool is_zero(struct loader *l, uint64_t from, uint64_t to)
{
    uint8_t bytes[PAGE_SIZE_];
    bool zero = from <= to && to - from <= sizeof(bytes) &&
                file_read_at(l->fd, bytes, to - from, from);

    for (uint64_t i = 0; zero && i < to - from; i++) {
        zero = bytes[i] == 0;
    }
    return zero;
}

static bool read_head(struct loader *l)
{
    struct snapshot_head *head = &l->head;

    if (!file_read_at(l->fd, head, sizeof(*head), 0) ||
        memcmp(head->magic, SNAPSHOT_MAGIC, sizeof(head->magic))) {
        return fail(l, l->size < sizeof(*head) ? "cut off"
                       : is_zero(l, 0, sizeof(*head))
                           ? "not complete: the recorder ended before it was "
                             "written"
                           : "no snapshot of ours");
    }
    if (head->version != SNAPSHOT_VERSION) {
        return fail(l, "of a version that this program does not read");
    }
    if (head->head_hash !=
            XXH3_64bits(head, offsetof(struct snapshot_head, head_hash)) ||
        head->meta_size > META_MAX || head->n_pages > MEMORY_MAX >> PAGE_BITS) {
        return fail(l, "damaged in its head");
    }
    if (!sizes_fit(l, head)) {
        return false;
    }
    l->meta.bytes = malloc(head->meta_size + 1ul);
    l->meta.size = head->meta_size;
    if (!l->meta.bytes ||
        !file_read_at(l->fd, l->meta.bytes, l->meta.size, PAGE_SIZE_) ||
        XXH3_64bits(l->meta.bytes, l->meta.size) != head->meta_hash) {
        return fail(l, "damaged in its description");
    }
    return (is_zero(l, sizeof(*head), PAGE_SIZE_) &&
            is_zero(l, PAGE_SIZE_ + head->meta_size, head->table) &&
            is_zero(l,
                    head->table + head->n_pages * sizeof(struct snapshot_page),
                    head->pages)) ||
           fail(l, "damaged between its parts");
}

static const uint8_t *take(struct loader *l, uint64_t size)
{
    struct snapshot_bytes *meta = &l->meta;
    const uint8_t *bytes = meta->bytes + meta->at;

    if (meta->bad || size > meta->size - meta->at) {
        meta->bad = true;
        return NULL;
    }
    meta->at += size;
    return bytes;
}

static uint64_t take64(struct loader *l)
{
    const uint8_t *bytes = take(l, 8);
    uint64_t value = 0;

    if (bytes) {
        memcpy(&value, bytes, 8);
    }
    return value;
}

/* Into 256 bytes; empty when there is none. */
static void take_name(struct loader *l, char *name)
{
    const uint8_t *length = take(l, 1);
    const uint8_t *bytes = length ? take(l, *length) : NULL;

    name[0] = '\0';
    if (bytes) {
        memcpy(name, bytes, *length);
        name[*length] = '\0';
    }
}

static bool take_field(struct loader *l)
{
    struct cpu *cpu = l->machine->cpu;
    const struct guest *guest = cpu->guest;
    const uint8_t *bytes;
    char name[256];
    uint64_t size;

    take_name(l, name);
    size = take64(l);
    bytes = take(l, size);
    for (uint32_t i = 0; bytes && i < guest->n_fields; i++) {
        const struct guest_field *field = &guest->fields[i];

        if (!strcmp(field->name, name)) {
            if (field->size != size) {
                return fail(l, "of a CPU with other registers");
            }
            memcpy((uint8_t *)cpu + field->offset, bytes, size);
            return true;
        }
    }
    return fail(l, "of a CPU with registers that this program lacks");
}

static bool take_cpu(struct loader *l)
{
    struct cpu *cpu = l->machine->cpu;
    char name[256];
    uint64_t n;

    take_name(l, name);
    if (strcmp(name, cpu->guest->name)) {
        return fail(l, "of another kind of guest");
    }
    cpu->count = take64(l);
    cpu->skipped = take64(l);
    cpu->halted = take64(l) != 0;
    n = take64(l);
    for (uint64_t i = 0; i < n && !l->meta.bad; i++) {
        if (!take_field(l)) {
            return false;
        }
    }
    if (l->meta.bad) {
        return fail(l, "damaged");
    }
    return cpu->guest->is_sound(cpu) ||
           fail(l, "of a CPU in an impossible state");
}

/* -- Memory ---------------------------------------------------------------- */

/* A machine that is there already has its blocks. */
static bool same_block(struct loader *l, const char *name, uint64_t kind,
                       uint64_t size)
{
    const struct mem_block *block = mem_block_at(l->machine->memory,
                                                 l->n_blocks++);

    return (block && !strcmp(block->name, name) && block->kind == kind &&
            block->size == size) ||
           fail(l, "of a machine with other memory");
}

static bool take_block(struct loader *l, uint64_t *total)
{
    char name[256];
    uint64_t kind, size;

    take_name(l, name);
    kind = take64(l);
    size = take64(l);
    if (l->meta.bad || kind > BLOCK_ROM || !size || (size & ~PAGE_MASK_) ||
        size > MEMORY_MAX - *total) {
        return fail(l, "damaged in its memory blocks");
    }
    *total += size;
    if (l->live) {
        return same_block(l, name, kind, size);
    }
    if (!mem_add_block(l->machine->memory, name, (enum block_kind)kind, size)) {
        return fail(l, "larger than this host's memory");
    }
    return true;
}

static bool take_mapping(struct loader *l)
{
    uint64_t physical = take64(l), size = take64(l), id = take64(l);
    uint64_t offset = take64(l);
    struct mem_block *block = id < BLOCKS_MAX ? mem_block_at(l->machine->memory,
                                                             (unsigned)id)
                                              : NULL;

    if (l->meta.bad || !block || !size ||
        ((physical | size | offset) & ~PAGE_MASK_) || size > block->size ||
        offset > block->size - size || physical > UINT64_MAX - size) {
        return fail(l, "damaged in its memory map");
    }
    mem_map(l->machine->memory, physical, size, block, offset);
    return true;
}

static bool take_memory(struct loader *l)
{
    uint64_t n = take64(l), total = 0;

    if (n > BLOCKS_MAX) {
        return fail(l, "damaged in its memory blocks");
    }
    while (n--) {
        if (!take_block(l, &total)) {
            return false;
        }
    }
    n = take64(l);
    if (n > 1024) {
        return fail(l, "damaged in its memory map");
    }
    while (n--) {
        if (!take_mapping(l)) {
            return false;
        }
    }
    return true;
}

/* -- Devices --------------------------------------------------------------- */

static bool take_device_field(struct loader *l,
                              const struct live_device *device)
{
    char name[256];
    const uint8_t *bytes;
    uint64_t size;

    take_name(l, name);
    size = take64(l);
    bytes = take(l, size);
    for (unsigned i = 0; bytes && i < device->table->n_fields; i++) {
        const struct device_field *field = &device->table->fields[i];

        if (!strcmp(field->name, name) &&
            size == (uint64_t)field->size * field->count) {
            memcpy((uint8_t *)device->device + field->offset, bytes, size);
            return true;
        }
    }
    return fail(l, "of devices that this program lacks");
}

static bool take_devices(struct loader *l)
{
    uint64_t n = take64(l), n_fields;
    char name[256];

    if (n != l->live->n_devices) {
        return fail(l, "of a machine with other devices");
    }
    for (uint64_t i = 0; i < n; i++) {
        const struct live_device *device = &l->live->devices[i];

        take_name(l, name);
        if (strcmp(name, device->table->name)) {
            return fail(l, "of a machine with other devices");
        }
        n_fields = take64(l);
        for (uint64_t k = 0; k < n_fields; k++) {
            if (!take_device_field(l, device)) {
                return false;
            }
        }
    }
    live_devices_loaded(l->live);
    return true;
}

/* -- Pages ----------------------------------------------------------------- */

/* In ascending order, so that no page is there twice. */
static bool table_is_sound(const struct loader *l,
                           const struct snapshot_page *table, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        const struct mem_block *block = mem_block_at(l->machine->memory,
                                                     table[i].block);

        if (!block || table[i].number >= block->size >> PAGE_BITS ||
            (i && (table[i].block < table[i - 1].block ||
                   (table[i].block == table[i - 1].block &&
                    table[i].number <= table[i - 1].number)))) {
            return false;
        }
    }
    return true;
}

static bool read_pages(struct loader *l, struct snapshot_loaded *loaded)
{
    uint64_t n = l->head.n_pages;
    struct snapshot_page *table = malloc(n * sizeof(*table) + 1);

    if (!table ||
        !file_read_at(l->fd, table, n * sizeof(*table), l->head.table) ||
        XXH3_64bits(table, n * sizeof(*table)) != l->head.table_hash ||
        !table_is_sound(l, table, n)) {
        free(table);
        return fail(l, "damaged in its table of pages");
    }
    if (!pages_take(l->machine->memory, l->fd, table, n, l->head.pages)) {
        free(table);
        return fail(l, "not readable");
    }
    loaded->hashes = page_hashes_new(l->machine);
    for (uint64_t i = 0; i < n; i++) {
        page_hashes_set(loaded->hashes, table[i].block, table[i].number,
                        table[i].hash);
    }
    loaded->check = pages_check(l->path, l->fd, table, n, l->head.pages);
    l->fd = -1;
    return true;
}

/* -- The whole ------------------------------------------------------------- */

static bool load(struct loader *l, struct snapshot_loaded *loaded,
                 char **message)
{
    struct stat status;
    bool good;

    *loaded = (struct snapshot_loaded){0};
    l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
    if (l->fd < 0 || fstat(l->fd, &status) < 0) {
        *message = panda_message("cannot open the snapshot %s: %s", l->path,
                                 strerror(errno));
        if (l->fd >= 0) {
            close(l->fd);
        }
        return false;
    }
    l->size = (uint64_t)status.st_size;
    good = read_head(l) && take_cpu(l) && take_memory(l) &&
           (!l->live || take_devices(l)) && read_pages(l, loaded);
    loaded->hash = l->head.head_hash;
    if (!good) {
        *message = l->message;
    }
    if (l->fd >= 0) {
        close(l->fd);
    }
    free(l->meta.bytes);
    return good;
}

struct machine *snapshot_load(const struct guest *guest, const char *path,
                              struct snapshot_loaded *loaded, char **message)
{
    struct loader l = {.path = path, .machine = machine_new(guest)};

    if (!load(&l, loaded, message)) {
        machine_free(l.machine);
        return NULL;
    }
    return l.machine;
}

bool snapshot_restore(struct live *live, const char *path,
                      struct snapshot_loaded *loaded, char **message)
{
    struct loader l = {
        .path = path, .machine = live->boundary.machine, .live = live};

    return load(&l, loaded, message);
}
