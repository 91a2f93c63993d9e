/* Writing a snapshot: all but its pages. */
#include "snapshot/snapshot.h"

#include "base/error.h"
#include "base/file.h"
#include "boundary/hash.h"
#include "boundary/live.h"
#include "device/device.h"
#include "snapshot/saver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* -- The part that describes ----------------------------------------------- */

static void put(struct snapshot_bytes *out, const void *bytes, size_t size)
{
    if (out->size + size > out->room) {
        out->room = (out->size + size) * 2;
        out->bytes = realloc(out->bytes, out->room);
        if (!out->bytes) {
            panda_bug("out of memory");
        }
    }
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

static void put64(struct snapshot_bytes *out, uint64_t value)
{
    put(out, &value, sizeof(value));
}

static void put_name(struct snapshot_bytes *out, const char *name)
{
    uint8_t length = (uint8_t)strlen(name);

    put(out, &length, 1);
    put(out, name, length);
}

static void put_cpu(struct snapshot_bytes *out, const struct cpu *cpu)
{
    const struct guest *guest = cpu->guest;

    put_name(out, guest->name);
    put64(out, cpu->count);
    put64(out, cpu->skipped);
    put64(out, cpu->halted);
    put64(out, guest->n_fields);
    for (uint32_t i = 0; i < guest->n_fields; i++) {
        const struct guest_field *field = &guest->fields[i];

        put_name(out, field->name);
        put64(out, field->size);
        put(out, (const uint8_t *)cpu + field->offset, field->size);
    }
}

static void put_memory(struct snapshot_bytes *out, const struct memory *mem)
{
    struct mem_mapping mapping;
    unsigned n = 0;

    put64(out, mem_block_count(mem));
    for (unsigned i = 0; i < mem_block_count(mem); i++) {
        const struct mem_block *block = mem_block_at(mem, i);

        put_name(out, block->name);
        put64(out, block->kind);
        put64(out, block->size);
    }
    while (mem_mapping_at(mem, n, &mapping)) {
        n++;
    }
    put64(out, n);
    for (unsigned i = 0; mem_mapping_at(mem, i, &mapping); i++) {
        put64(out, mapping.physical);
        put64(out, mapping.size);
        put64(out, mapping.block->id);
        put64(out, mapping.offset);
    }
}

static void put_device(struct snapshot_bytes *out,
                       const struct live_device *device)
{
    const struct device_table *table = device->table;

    put_name(out, table->name);
    put64(out, table->n_fields);
    for (unsigned i = 0; i < table->n_fields; i++) {
        const struct device_field *field = &table->fields[i];
        size_t size = (size_t)field->size * field->count;

        put_name(out, field->name);
        put64(out, size);
        put(out, (const uint8_t *)device->device + field->offset, size);
    }
}

static void put_devices(struct snapshot_bytes *out, const struct live *live)
{
    put64(out, live->n_devices);
    for (unsigned i = 0; i < live->n_devices; i++) {
        put_device(out, &live->devices[i]);
    }
}

/* -- Pages ----------------------------------------------------------------- */

/* The guest stands meanwhile: what it never used is not looked at. */
static uint64_t list_block(struct snapshot_bytes *table, unsigned number,
                           const struct mem_block *block,
                           struct page_hashes *hashes)
{
    uint64_t n = 0;

    for (uint32_t k = 0; k < block->size >> PAGE_BITS; k++) {
        const uint8_t *bytes = block->host + ((uint64_t)k << PAGE_BITS);
        struct snapshot_page page = {number, k, 0};

        if (block->page_flags[k] & PAGE_USED) {
            page.hash = hash_page(bytes);
        } else {
#ifndef NDEBUG
            panda_assert(mem_page_is_zero(bytes));
#endif
        }
        if (page.hash) {
            put(table, &page, sizeof(page));
            page_hashes_set(hashes, number, k, page.hash);
            n++;
        }
    }
    return n;
}

static uint64_t list_pages(struct snapshot_bytes *table,
                           const struct memory *mem, struct page_hashes *hashes)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < mem_block_count(mem); i++) {
        n += list_block(table, i, mem_block_at(mem, i), hashes);
    }
    return n;
}

/* -- The whole ------------------------------------------------------------- */

static struct snapshot_head head_of(const struct snapshot_bytes *meta,
                                    const struct snapshot_bytes *table,
                                    uint64_t n_pages)
{
    struct snapshot_head head = {.version = SNAPSHOT_VERSION,
                                 .meta_size = (uint32_t)meta->size,
                                 .n_pages = n_pages};

    memcpy(head.magic, SNAPSHOT_MAGIC, sizeof(head.magic));
    head.table = snapshot_next_part(PAGE_SIZE_ + meta->size);
    head.pages = snapshot_next_part(head.table + table->size);
    head.meta_hash = XXH3_64bits(meta->bytes, meta->size);
    head.table_hash = XXH3_64bits(table->bytes, table->size);
    head.head_hash = XXH3_64bits(&head,
                                 offsetof(struct snapshot_head, head_hash));
    return head;
}

/* Space for all of it, so that a full disk is noticed now. */
static bool reserve(int fd, const struct snapshot_head *head)
{
    off_t size = (off_t)(head->pages + (head->n_pages << PAGE_BITS));

    return fallocate(fd, 0, 0, size) == 0 ||
           ((errno == EOPNOTSUPP || errno == ENOSYS) &&
            ftruncate(fd, size) == 0);
}

/* What stands before the pages, but for the head: that is written when
 * everything else is there. */
static bool write_parts(int fd, const struct snapshot_head *head,
                        const struct snapshot_bytes *meta,
                        const struct snapshot_bytes *table)
{
    return reserve(fd, head) &&
           file_write_at(fd, meta->bytes, meta->size, PAGE_SIZE_) &&
           file_write_at(fd, table->bytes, table->size, head->table);
}

struct snapshot_saver *snapshot_save(const struct live *live, const char *path,
                                     struct page_hashes *hashes, uint64_t *hash,
                                     char **message)
{
    const struct machine *m = live->boundary.machine;
    struct snapshot_bytes meta = {0}, table = {0};
    struct snapshot_saver *saver = NULL;
    struct snapshot_head head;
    uint64_t n_pages;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_EXCL, 0644);

    if (fd < 0) {
        *message = panda_message("cannot create the snapshot %s: %s", path,
                                 strerror(errno));
        return NULL;
    }
    put_cpu(&meta, m->cpu);
    put_memory(&meta, m->memory);
    put_devices(&meta, live);
    n_pages = list_pages(&table, m->memory, hashes);
    head = head_of(&meta, &table, n_pages);
    *hash = head.head_hash;
    if (write_parts(fd, &head, &meta, &table)) {
        saver = saver_new(m->memory, path, fd, &head, (void *)table.bytes);
    } else {
        *message = panda_message("cannot write the snapshot %s: %s", path,
                                 strerror(errno));
        close(fd);
        unlink(path);
        free(table.bytes);
    }
    free(meta.bytes);
    return saver;
}
