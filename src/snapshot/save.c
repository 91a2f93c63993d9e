/* Writing a snapshot. */
#include "snapshot/snapshot.h"

#include "base/error.h"
#include "base/file.h"
#include "boundary/hash.h"
#include "boundary/live.h"
#include "device/device.h"
#include "snapshot/format.h"

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

static uint64_t list_pages(struct snapshot_bytes *table,
                           const struct memory *mem, struct page_hashes *hashes)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < mem_block_count(mem); i++) {
        const struct mem_block *block = mem_block_at(mem, i);

        for (uint64_t at = 0; at < block->size; at += PAGE_SIZE_) {
            const struct snapshot_page page = {i, (uint32_t)(at >> PAGE_BITS),
                                               hash_page(block->host + at)};

            if (page.hash) {
                put(table, &page, sizeof(page));
                page_hashes_set(hashes, i, page.number, page.hash);
                n++;
            }
        }
    }
    return n;
}

static bool write_pages(int fd, const struct memory *mem,
                        const struct snapshot_bytes *table, uint64_t offset)
{
    const struct snapshot_page *page = (const void *)table->bytes;
    uint64_t n = table->size / sizeof(*page);

    for (uint64_t i = 0; i < n; i++) {
        const struct mem_block *block = mem_block_at(mem, page[i].block);

        if (!file_write_at(
                fd, block->host + ((uint64_t)page[i].number << PAGE_BITS),
                PAGE_SIZE_, offset + i * PAGE_SIZE_)) {
            return false;
        }
    }
    return true;
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

static bool write_parts(int fd, const struct snapshot_head *head,
                        const struct snapshot_bytes *meta,
                        const struct snapshot_bytes *table,
                        const struct memory *mem)
{
    return ftruncate(fd, (off_t)head->pages) == 0 &&
           file_write_at(fd, head, sizeof(*head), 0) &&
           file_write_at(fd, meta->bytes, meta->size, PAGE_SIZE_) &&
           file_write_at(fd, table->bytes, table->size, head->table) &&
           write_pages(fd, mem, table, head->pages);
}

bool snapshot_save(const struct live *live, const char *path, bool force,
                   struct page_hashes *hashes, uint64_t *hash, char **message)
{
    const struct machine *m = live->boundary.machine;
    struct snapshot_bytes meta = {0}, table = {0};
    struct snapshot_head head;
    uint64_t n_pages;
    int fd = open(path,
                  O_WRONLY | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL),
                  0644);
    bool good = fd >= 0;

    if (good) {
        put_cpu(&meta, m->cpu);
        put_memory(&meta, m->memory);
        put_devices(&meta, live);
        n_pages = list_pages(&table, m->memory, hashes);
        head = head_of(&meta, &table, n_pages);
        *hash = head.head_hash;
        good = write_parts(fd, &head, &meta, &table, m->memory);
        if (!good) {
            *message = panda_message("cannot write the snapshot %s: %s", path,
                                     strerror(errno));
            unlink(path);
        }
        close(fd);
    } else {
        *message = panda_message("cannot create the snapshot %s: %s", path,
                                 strerror(errno));
    }
    free(meta.bytes);
    free(table.bytes);
    return good;
}
