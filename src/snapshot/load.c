/* Reading a snapshot: hostile until each part's hash has been checked. */
#include "snapshot/snapshot.h"

#include "base/error.h"
#include "snapshot/format.h"

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
    char *message;
};

static bool fail(struct loader *l, const char *what)
{
    if (!l->message) {
        l->message = panda_message("the snapshot %s is %s", l->path, what);
    }
    return false;
}

static bool read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    uint8_t *at = bytes;

    while (size) {
        ssize_t done = pread(fd, at, size, (off_t)offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        at += done;
        offset += (uint64_t)done;
        size -= (size_t)done;
    }
    return true;
}

/* -- The head and the part that describes ---------------------------------- */

static bool read_head(struct loader *l)
{
    struct snapshot_head *head = &l->head;

    if (!read_at(l->fd, head, sizeof(*head), 0) ||
        memcmp(head->magic, SNAPSHOT_MAGIC, sizeof(head->magic))) {
        return fail(l, "none, or cut off");
    }
    if (head->version != SNAPSHOT_VERSION) {
        return fail(l, "of a version that this program does not read");
    }
    if (head->head_hash !=
            XXH3_64bits(head, offsetof(struct snapshot_head, head_hash)) ||
        head->meta_size > META_MAX ||
        head->n_pages > MEMORY_MAX >> PAGE_BITS) {
        return fail(l, "damaged in its head");
    }
    if (head->pages > l->size ||
        head->n_pages > (l->size - head->pages) >> PAGE_BITS ||
        head->table > l->size ||
        head->n_pages > (l->size - head->table) /
                            sizeof(struct snapshot_page)) {
        return fail(l, "cut off");
    }
    l->meta.bytes = malloc(head->meta_size + 1ul);
    l->meta.size = head->meta_size;
    if (!l->meta.bytes ||
        !read_at(l->fd, l->meta.bytes, l->meta.size, PAGE_SIZE_) ||
        XXH3_64bits(l->meta.bytes, l->meta.size) != head->meta_hash) {
        return fail(l, "damaged in its description");
    }
    return true;
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
    cpu->halted = take64(l);
    n = take64(l);
    for (uint64_t i = 0; i < n && !l->meta.bad; i++) {
        if (!take_field(l)) {
            return false;
        }
    }
    return !l->meta.bad || fail(l, "damaged");
}

/* -- Memory ---------------------------------------------------------------- */

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
    if (!mem_add_block(l->machine->memory, name, (enum block_kind)kind,
                       size)) {
        return fail(l, "larger than this host's memory");
    }
    return true;
}

static bool take_mapping(struct loader *l)
{
    uint64_t physical = take64(l), size = take64(l), id = take64(l);
    uint64_t offset = take64(l);
    struct mem_block *block = id < BLOCKS_MAX
        ? mem_block_at(l->machine->memory, (unsigned)id) : NULL;

    if (l->meta.bad || !block || !size ||
        ((physical | size | offset) & ~PAGE_MASK_) ||
        size > block->size || offset > block->size - size ||
        physical > UINT64_MAX - size) {
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

static bool read_pages(struct loader *l)
{
    uint64_t n = l->head.n_pages;
    struct snapshot_page *table = malloc(n * sizeof(*table) + 1);
    bool good = table &&
                read_at(l->fd, table, n * sizeof(*table), l->head.table) &&
                XXH3_64bits(table, n * sizeof(*table)) == l->head.table_hash;

    if (!good) {
        fail(l, "damaged in its table of pages");
    }
    for (uint64_t i = 0; good && i < n; i++) {
        struct mem_block *block = mem_block_at(l->machine->memory,
                                               table[i].block);
        uint64_t offset = (uint64_t)table[i].number << PAGE_BITS;

        good = block && offset < block->size &&
               read_at(l->fd, block->host + offset, PAGE_SIZE_,
                       l->head.pages + i * PAGE_SIZE_) &&
               XXH3_64bits(block->host + offset, PAGE_SIZE_) ==
                   table[i].hash;
        if (!good) {
            fail(l, "damaged in its memory");
        }
    }
    free(table);
    return good;
}

/* -- The whole ------------------------------------------------------------- */

struct machine *snapshot_load(const struct guest *guest, const char *path,
                              uint64_t *hash, char **message)
{
    struct loader l = {.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
    struct stat status;
    bool good;

    if (l.fd < 0 || fstat(l.fd, &status) < 0) {
        *message = panda_message("cannot open the snapshot %s: %s", path,
                                 strerror(errno));
        if (l.fd >= 0) {
            close(l.fd);
        }
        return NULL;
    }
    l.size = (uint64_t)status.st_size;
    l.machine = machine_new(guest);
    good = read_head(&l) && take_cpu(&l) && take_memory(&l) &&
           read_pages(&l);
    *hash = l.head.head_hash;
    if (!good) {
        *message = l.message;
        machine_free(l.machine);
        l.machine = NULL;
    }
    close(l.fd);
    free(l.meta.bytes);
    return l.machine;
}
