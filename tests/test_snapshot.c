/*
 * A snapshot is written while the machine runs: it holds what was there when
 * it was taken, whatever is written meanwhile, and tells when it cannot be
 * written.
 */
#include "snapshot/snapshot.h"

#include "base/draw.h"
#include "boundary/hash.h"
#include "boundary/live.h"
#include "gadget.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SIZE (32u << 20)
#define PAGES (SIZE / PAGE_SIZE_)
#define ROUNDS 8u

static int passed, failed;
static char path[64];
static struct draw dice = {1};

static void expect(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok    " : "FAILED", what);
    good ? passed++ : failed++;
}

/* -- A machine ------------------------------------------------------------- */

struct rig {
    struct machine *machine;
    struct mem_block *large;
    struct gadget gadget;
    struct page_hashes *hashes;
    uint64_t hash;
    char *message;
    uint8_t *before;
};

static void write_page(struct rig *rig, uint64_t page, uint64_t salt)
{
    uint64_t words[PAGE_SIZE_ / 8];

    for (unsigned i = 0; i < PAGE_SIZE_ / 8; i++) {
        words[i] = page * 1000 + i + salt;
    }
    mem_write_block(rig->machine->memory, rig->large, page * PAGE_SIZE_, words,
                    sizeof(words));
}

/* One page in eight is zero. */
static void rig_open(struct rig *rig)
{
    *rig = (struct rig){.machine = toy_machine(7)};
    rig->large = mem_add_block(rig->machine->memory, "large", BLOCK_RAM, SIZE);
    for (uint64_t k = 0; k < PAGES; k++) {
        if (k % 8 != 3) {
            write_page(rig, k, 1);
        }
    }
    rig->before = malloc(SIZE);
    memcpy(rig->before, rig->large->host, SIZE);
    gadget_attach(&rig->gadget, rig->machine);
    rig->hashes = page_hashes_new(rig->machine);
}

static void rig_close(struct rig *rig)
{
    page_hashes_free(rig->hashes);
    live_free(rig->gadget.live);
    machine_free(rig->machine);
    free(rig->before);
    free(rig->message);
    unlink(path);
}

static struct snapshot_saver *save(struct rig *rig)
{
    return snapshot_save(rig->gadget.live, path, rig->hashes, &rig->hash,
                         &rig->message);
}

static bool is_complete(void)
{
    char magic[8] = {0};
    FILE *file = fopen(path, "rb");
    bool read = file && fread(magic, 1, sizeof(magic), file) == sizeof(magic);

    if (file) {
        fclose(file);
    }
    return read && magic[0];
}

static bool loads_as(const struct rig *rig, uint64_t hash)
{
    struct snapshot_loaded loaded;
    char *message = NULL, *damage = NULL;
    struct machine *m = snapshot_load(&toy_guest, path, &loaded, &message);
    bool good = m;

    if (m) {
        good = loaded.hash == rig->hash && hash_state(m) == hash &&
               !memcmp(mem_block_at(m->memory, rig->large->id)->host,
                       rig->before, SIZE);
        damage = snapshot_check_end(loaded.check);
        page_hashes_free(loaded.hashes);
        machine_free(m);
    }
    if (message || damage) {
        printf("       %s\n", message ? message : damage);
    }
    good = good && !damage;
    free(message);
    free(damage);
    return good;
}

/* -- Tests ----------------------------------------------------------------- */

/* From the end, where the thread comes last, or anywhere. */
static uint64_t next_page(unsigned round, uint64_t i)
{
    return round % 2 ? draw_below(&dice, PAGES) : PAGES - 1 - i;
}

/* Whether the thread was not ready before the first writes. */
static bool race(unsigned round, bool *good)
{
    struct rig rig;
    struct snapshot_saver *saver;
    uint64_t hash;
    bool meanwhile, ended;

    rig_open(&rig);
    hash = hash_state(rig.machine);
    saver = save(&rig);
    for (uint64_t i = 0; saver && i < 256; i++) {
        write_page(&rig, next_page(round, i), 99);
    }
    meanwhile = saver && !is_complete();
    for (uint64_t i = 256; saver && i < PAGES; i++) {
        write_page(&rig, next_page(round, i), 98);
    }
    ended = saver && !snapshot_save_end(saver);
    *good = ended && is_complete() && loads_as(&rig, hash) && *good;
    rig_close(&rig);
    return meanwhile;
}

static void test_writes_meanwhile(void)
{
    unsigned meanwhile = 0;
    bool good = true;

    for (unsigned i = 0; i < ROUNDS; i++) {
        meanwhile += race(i, &good);
    }
    expect(good, "a snapshot holds what was there when it was taken");
    expect(meanwhile > 0, "and the guest wrote while it was being written");
}

static void limit_files(rlim_t size)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = size;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_no_room(void)
{
    struct rig rig;
    struct snapshot_saver *saver;

    rig_open(&rig);
    limit_files(1u << 20);
    saver = save(&rig);
    limit_files(RLIM_INFINITY);
    expect(!saver && rig.message && strstr(rig.message, "cannot write") &&
               access(path, F_OK) != 0,
           "no room is noticed at once, and no file is left");
    rig_close(&rig);
}

/* Whether it failed: the thread may have been ready before. */
static bool fail_later(bool *good)
{
    struct rig rig;
    struct snapshot_saver *saver;
    char *message;
    bool failed_then;

    rig_open(&rig);
    saver = save(&rig);
    limit_files(1u << 20);
    for (uint64_t i = 0; saver && i < PAGES; i++) { /* nobody waits for ever */
        write_page(&rig, PAGES - 1 - i, 97);
    }
    limit_files(RLIM_INFINITY);
    failed_then = saver && snapshot_save_failure(saver);
    message = saver ? snapshot_save_end(saver) : NULL;
    *good = *good && saver && (access(path, F_OK) != 0) == (message != NULL) &&
            (!message || strstr(message, "will not replay"));
    free(message);
    rig_close(&rig);
    return failed_then;
}

static void test_failure(void)
{
    unsigned failures = 0;
    bool good = true;

    for (unsigned i = 0; i < ROUNDS; i++) {
        failures += fail_later(&good);
    }
    expect(good && failures,
           "a failure while it is written is told, and no file is left");
}

static void test_incomplete(void)
{
    static const char nothing[PAGE_SIZE_];
    struct rig rig;
    struct snapshot_loaded loaded;
    char *message = NULL;
    FILE *file;

    rig_open(&rig);
    snapshot_save_end(save(&rig));
    file = fopen(path, "r+b");
    fwrite(nothing, sizeof(nothing), 1, file);
    fclose(file);
    expect(!snapshot_load(&toy_guest, path, &loaded, &message) && message &&
               strstr(message, "not complete"),
           "one whose recorder was killed before is refused as such");
    free(message);
    rig_close(&rig);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    snprintf(path, sizeof(path), "/tmp/panda-snapshot-%d", (int)getpid());
    test_writes_meanwhile();
    test_no_room();
    test_failure();
    test_incomplete();
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
