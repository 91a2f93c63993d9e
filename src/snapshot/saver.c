/*
 * A thread writes page after page. The guest runs meanwhile: a page that it
 * is about to change for the first time is written at once by the CPU's
 * thread, or waited for if the other thread has just begun with it. Who
 * writes a page is settled by its state, so each is written once, as it was
 * when the snapshot was taken.
 */
#include "snapshot/saver.h"

#include "base/error.h"
#include "base/file.h"
#include "mem/mem.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_PAGES 64u /* written at once */

enum state { PENDING, BUSY, SAVED };

struct snapshot_saver {
    pthread_t thread;
    struct memory *memory;
    char *path, *message;
    int fd;
    struct snapshot_head head;
    struct snapshot_page *table;
    uint32_t **place;       /* a block, a page: 1 + where it is in the table */
    _Atomic uint8_t *state; /* by place in the table */
    atomic_bool done;
    atomic_int error; /* the first errno */
};

static bool claim(struct snapshot_saver *s, uint64_t at)
{
    uint8_t state = PENDING;

    return atomic_compare_exchange_strong(&s->state[at], &state, BUSY);
}

static void wait_for(struct snapshot_saver *s, uint64_t at)
{
    while (atomic_load(&s->state[at]) != SAVED) {
        sched_yield();
    }
}

static void failed(struct snapshot_saver *s)
{
    int none = 0;

    atomic_compare_exchange_strong(&s->error, &none, errno);
}

/* So many pages that lie in a row, and are claimed. After a failure nobody
 * is to wait for them either. */
static void save(struct snapshot_saver *s, uint64_t at, uint64_t n)
{
    const struct snapshot_page *page = &s->table[at];
    const struct mem_block *block = mem_block_at(s->memory, page->block);

    if (!atomic_load(&s->error) &&
        !file_write_at(s->fd,
                       block->host + ((uint64_t)page->number << PAGE_BITS),
                       n << PAGE_BITS, s->head.pages + (at << PAGE_BITS))) {
        failed(s);
    }
    for (uint64_t i = 0; i < n; i++) {
        atomic_store(&s->state[at + i], SAVED);
    }
}

/* The guest is about to write: called by the CPU's thread. */
static void keep(void *opaque, struct mem_block *block, uint64_t page)
{
    struct snapshot_saver *s = opaque;
    uint32_t place;

    if (atomic_load(&s->done)) {
        return;
    }
    place = s->place[block->id][page];
    if (!place) { /* it was zero: the table says so */
        return;
    }
    if (claim(s, place - 1)) {
        save(s, place - 1, 1);
    } else {
        wait_for(s, place - 1);
    }
}

/* Of the pages from there on, those in a row that could be claimed. */
static uint64_t claim_run(struct snapshot_saver *s, uint64_t at)
{
    const struct snapshot_page *first = &s->table[at];
    uint64_t n = 0;

    while (n < RUN_PAGES && at + n < s->head.n_pages &&
           first[n].block == first->block &&
           first[n].number == first->number + n && claim(s, at + n)) {
        n++;
    }
    return n;
}

static void *save_thread(void *opaque)
{
    struct snapshot_saver *s = opaque;
    uint64_t at = 0;

    while (at < s->head.n_pages) {
        uint64_t n = claim_run(s, at);

        save(s, at, n);
        at += n ? n : 1;
    }
    for (at = 0; at < s->head.n_pages; at++) {
        wait_for(s, at);
    }
    if (!atomic_load(&s->error) &&
        !file_write_at(s->fd, &s->head, sizeof(s->head), 0)) {
        failed(s);
    }
    atomic_store(&s->done, true);
    return NULL;
}

/* -- Beginning and end ----------------------------------------------------- */

static void find_places(struct snapshot_saver *s)
{
    unsigned n = mem_block_count(s->memory);

    s->place = panda_must(calloc(n + 1, sizeof(s->place[0])));
    for (unsigned i = 0; i < n; i++) {
        /* Large and mostly zero: the host gives memory as it is used. */
        s->place[i] = panda_must(calloc(
            mem_block_at(s->memory, i)->size >> PAGE_BITS, sizeof(uint32_t)));
    }
    for (uint64_t i = 0; i < s->head.n_pages; i++) {
        s->place[s->table[i].block][s->table[i].number] = (uint32_t)i + 1;
    }
}

struct snapshot_saver *saver_new(struct memory *mem, const char *path, int fd,
                                 const struct snapshot_head *head,
                                 struct snapshot_page *table)
{
    struct snapshot_saver *s = panda_must(calloc(1, sizeof(*s)));
    const struct mem_keeper keeper = {keep, s};

    s->memory = mem;
    s->path = panda_must(strdup(path));
    s->fd = fd;
    s->head = *head;
    s->table = table;
    s->state = panda_must(calloc(head->n_pages + 1, 1));
    find_places(s);
    for (unsigned i = 0; i < mem_block_count(mem); i++) {
        mem_clear_written(mem, mem_block_at(mem, i));
    }
    mem_set_keeper(mem, &keeper);
    if (pthread_create(&s->thread, NULL, save_thread, s)) {
        panda_bug("no thread: %s", strerror(errno));
    }
    return s;
}

const char *snapshot_save_failure(struct snapshot_saver *s)
{
    int error = atomic_load(&s->error);

    if (error && !s->message) {
        s->message = panda_message("cannot write the snapshot %s: %s; the "
                                   "recording will not replay",
                                   s->path, strerror(error));
    }
    return s->message;
}

char *snapshot_save_end(struct snapshot_saver *s)
{
    char *message;

    pthread_join(s->thread, NULL);
    mem_set_keeper(s->memory, NULL);
    snapshot_save_failure(s);
    message = s->message;
    if (message) {
        unlink(s->path);
    }
    close(s->fd);
    for (unsigned i = 0; i < mem_block_count(s->memory); i++) {
        free(s->place[i]);
    }
    free(s->place);
    free((void *)s->state);
    free(s->table);
    free(s->path);
    free(s);
    return message;
}
