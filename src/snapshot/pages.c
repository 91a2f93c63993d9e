/*
 * Long runs of pages are mapped from the file, so that a replay starts at
 * once whatever the snapshot's size; short ones are read, since mappings are
 * few. Either way the bytes are believed unchecked: a thread reads the file
 * beside the replay, and a replay of a damaged one is never called good.
 */
#include "snapshot/pages.h"

#include "base/error.h"
#include "base/file.h"
#include "boundary/hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAPPED_RUN 256u /* pages */
#define READ_PAGES 64u

/* -- Into the machine ------------------------------------------------------ */

static uint64_t run_length(const struct snapshot_page *table, uint64_t n)
{
    uint64_t length = 1;

    while (length < n && table[length].block == table->block &&
           table[length].number == table->number + length) {
        length++;
    }
    return length;
}

bool pages_take(struct memory *mem, int fd, const struct snapshot_page *table,
                uint64_t n, uint64_t offset)
{
    while (n) {
        struct mem_block *block = mem_block_at(mem, table->block);
        uint64_t run = run_length(table, n), size = run << PAGE_BITS;
        uint64_t to = (uint64_t)table->number << PAGE_BITS;

        if ((run < MAPPED_RUN || !mem_map_file(block, to, size, fd, offset)) &&
            !file_read_at(fd, block->host + to, size, offset)) {
            return false;
        }
        for (uint64_t i = 0; i < run; i++) {
            block->page_flags[table->number + i] |= PAGE_USED;
        }
        table += run;
        n -= run;
        offset += size;
    }
    return true;
}

/* -- The check ------------------------------------------------------------- */

struct snapshot_check {
    pthread_t thread;
    char *path, *message;
    int fd;
    struct snapshot_page *table;
    uint64_t n, offset;
};

/* The first page that is not as the table has it; n: none. */
static uint64_t first_bad(struct snapshot_check *check, uint8_t *buffer)
{
    for (uint64_t i = 0; i < check->n; i += READ_PAGES) {
        uint64_t n = check->n - i < READ_PAGES ? check->n - i : READ_PAGES;

        if (!file_read_at(check->fd, buffer, n << PAGE_BITS,
                          check->offset + (i << PAGE_BITS))) {
            return i;
        }
        for (uint64_t k = 0; k < n; k++) {
            if (hash_page(buffer + (k << PAGE_BITS)) !=
                check->table[i + k].hash) {
                return i + k;
            }
        }
    }
    return check->n;
}

static void *check_thread(void *opaque)
{
    struct snapshot_check *check = opaque;
    uint8_t *buffer = malloc(READ_PAGES << PAGE_BITS);
    uint64_t bad;

    if (!buffer) {
        panda_bug("out of memory");
    }
    bad = first_bad(check, buffer);
    if (bad < check->n) {
        check->message = panda_message(
            "the snapshot %s is damaged in its memory: page %u of block %u",
            check->path, check->table[bad].number, check->table[bad].block);
    }
    free(buffer);
    return NULL;
}

struct snapshot_check *pages_check(const char *path, int fd,
                                   struct snapshot_page *table, uint64_t n,
                                   uint64_t offset)
{
    struct snapshot_check *check = calloc(1, sizeof(*check));

    if (!check) {
        panda_bug("out of memory");
    }
    check->path = strdup(path);
    check->fd = fd;
    check->table = table;
    check->n = n;
    check->offset = offset;
    if (pthread_create(&check->thread, NULL, check_thread, check)) {
        panda_bug("no thread: %s", strerror(errno));
    }
    return check;
}

char *snapshot_check_end(struct snapshot_check *check)
{
    char *message;

    if (!check) {
        return NULL;
    }
    pthread_join(check->thread, NULL);
    message = check->message;
    close(check->fd);
    free(check->path);
    free(check->table);
    free(check);
    return message;
}
