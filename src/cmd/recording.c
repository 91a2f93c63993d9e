#include "cmd/recording.h"

#include "base/error.h"
#include "boundary/hash.h"
#include "guest/x86/state.h"
#include "snapshot/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* To be raised by whatever changes what a guest sees. */
#define BEHAVIOUR_VERSION 4u

struct names {
    char *snapshot, *log;
};

static struct names names_of(const char *name)
{
    return (struct names){panda_message("%s-rr-snp", name),
                          panda_message("%s-rr-nondet.log", name)};
}

static void names_free(struct names *names)
{
    free(names->snapshot);
    free(names->log);
}

/* -- The description ------------------------------------------------------- */

static void describe_memory(const struct memory *mem, FILE *file)
{
    struct mem_mapping mapping;

    for (unsigned i = 0; i < mem_block_count(mem); i++) {
        const struct mem_block *block = mem_block_at(mem, i);

        fprintf(file, "block %u: %s, %" PRIu64 " bytes\n", i, block->name,
                block->size);
    }
    for (unsigned i = 0; mem_mapping_at(mem, i, &mapping); i++) {
        fprintf(
            file, "map %" PRIx64 ": %" PRIx64 " of block %u at %" PRIx64 "\n",
            mapping.physical, mapping.size, mapping.block->id, mapping.offset);
    }
}

/* All that both sides must agree on, in lines; the snapshot's hash among
 * them, so that two recordings are never mixed. `board` is told, not
 * compared. To be freed. */
static char *description(const struct machine *m, uint64_t hash,
                         const char *board)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    if (!file) {
        panda_bug("out of memory");
    }
    fprintf(file, "guest: %s\nsnapshot: %016" PRIx64 "\n", m->cpu->guest->name,
            hash);
    m->cpu->guest->describe(file);
    describe_memory(m->memory, file);
    fputs(board, file);
    fclose(file);
    return text;
}

/* The first line of `ours` that the log has otherwise; to be freed. NULL: all
 * are the same. */
static char *difference(const char *ours, const char *theirs)
{
    while (*ours) {
        size_t length = strcspn(ours, "\n") + 1;

        if (strncmp(ours, theirs, length)) {
            return panda_message("'%.*s' here, '%.*s' there", (int)length - 1,
                                 ours, (int)strcspn(theirs, "\n"), theirs);
        }
        ours += length;
        theirs += length;
    }
    return NULL;
}

static bool same_behaviour(const struct log_reader *log, const char *name,
                           char **message)
{
    unsigned theirs = log_reader_identity(log)->behaviour;

    if (theirs != BEHAVIOUR_VERSION) {
        *message = panda_message(
            "%s was recorded with behaviour version %u, this program's guests "
            "see version %u: replay it with the program that recorded it",
            name, theirs, BEHAVIOUR_VERSION);
    }
    return theirs == BEHAVIOUR_VERSION;
}

static bool fits(const struct log_reader *log, const struct machine *m,
                 uint64_t hash, const char *name, char **message)
{
    const char *theirs = log_reader_identity(log)->description;
    char *text = description(m, hash, ""), *line = difference(text, theirs);

    free(text);
    if (line) {
        *message = panda_message(
            "the log of %s is not of this snapshot, or of another machine "
            "than this program's: %s",
            name, line);
        free(line);
        return false;
    }
    return true;
}

/* -- Recording ------------------------------------------------------------- */

static struct log_writer *begin_log(const struct live *live, const char *path,
                                    uint64_t hash,
                                    const struct pc_options *made_of,
                                    bool force, char **message)
{
    char *board = pc_options_print(made_of);
    char *text = description(live->boundary.machine, hash, board);
    const struct log_identity identity = {BEHAVIOUR_VERSION, text};
    struct log_writer *log = log_writer_open(path, force, &identity, message);

    free(text);
    free(board);
    return log;
}

static bool is_free(const struct names *names, char **message)
{
    const char *used = access(names->snapshot, F_OK) == 0 ? names->snapshot
                       : access(names->log, F_OK) == 0    ? names->log
                                                          : NULL;

    if (used) {
        *message = panda_message("%s exists already: choose another name, or "
                                 "begin_record -f to overwrite it",
                                 used);
    }
    return !used;
}

/* A snapshot that is being written, and its recording. */
struct saving {
    struct snapshot_saver *saver;
    struct names names;
};

static const char *saving_failure(void *opaque)
{
    return snapshot_save_failure(((struct saving *)opaque)->saver);
}

/* A log without its snapshot is good for nothing. */
static char *saving_end(void *opaque)
{
    struct saving *saving = opaque;
    char *message = snapshot_save_end(saving->saver);

    if (message) {
        unlink(saving->names.log);
    }
    names_free(&saving->names);
    free(saving);
    return message;
}

static struct boundary *begin(struct live *live, struct log_writer *log,
                              struct page_hashes *hashes,
                              struct snapshot_saver *saver, const char *name)
{
    struct saving *saving = panda_must(malloc(sizeof(*saving)));
    const struct record_snapshot snapshot = {saving, saving_failure,
                                             saving_end};
    struct boundary *record = record_begin(live, log, hashes);

    *saving = (struct saving){saver, names_of(name)};
    record_set_snapshot(record, &snapshot);
    return record;
}

struct boundary *recording_begin(struct live *live, const char *name,
                                 const struct pc_options *made_of, bool force,
                                 char **message)
{
    struct names names = names_of(name);
    struct page_hashes *hashes;
    struct snapshot_saver *saver = NULL;
    struct log_writer *log = NULL;
    uint64_t hash;

    live_settle(live);
    hashes = page_hashes_new(live->boundary.machine);
    if (force) { /* replays of the old one keep its files */
        unlink(names.snapshot);
        unlink(names.log);
    }
    if (is_free(&names, message)) {
        saver = snapshot_save(live, names.snapshot, hashes, &hash, message);
    }
    if (saver) {
        log = begin_log(live, names.log, hash, made_of, false, message);
        if (!log) {
            free(snapshot_save_end(saver));
            unlink(names.snapshot);
        }
    }
    names_free(&names);
    if (!log) {
        page_hashes_free(hashes);
        return NULL;
    }
    return begin(live, log, hashes, saver, name);
}

/* -- Replaying ------------------------------------------------------------- */

static void drop(struct snapshot_loaded *loaded)
{
    page_hashes_free(loaded->hashes);
    free(snapshot_check_end(loaded->check));
    *loaded = (struct snapshot_loaded){0};
}

struct machine *recording_open(const struct guest *guest, const char *name,
                               struct snapshot_check **check, char **message)
{
    struct names names = names_of(name);
    struct log_reader *log = log_reader_open(names.log, message);
    struct machine *machine = NULL;
    struct snapshot_loaded loaded = {0};

    if (log && same_behaviour(log, name, message)) {
        machine = snapshot_load(guest, names.snapshot, &loaded, message);
    }
    if (machine && !fits(log, machine, loaded.hash, name, message)) {
        machine_free(machine);
        machine = NULL;
        drop(&loaded);
    }
    if (machine) {
        replay_begin(machine, log, loaded.hashes);
    } else {
        log_reader_close(log);
    }
    *check = loaded.check;
    names_free(&names);
    return machine;
}

static struct pc *build(const char *text, char **message)
{
    struct pc_options how = {0};

    return pc_options_parse(text, &how, message) ? pc_new(&how, message) : NULL;
}

struct pc *recording_open_driven(const char *name,
                                 struct snapshot_check **check, char **message)
{
    struct names names = names_of(name);
    struct log_reader *log = log_reader_open(names.log, message);
    struct snapshot_loaded loaded = {0};
    struct pc *pc = NULL;

    if (log && same_behaviour(log, name, message)) {
        pc = build(log_reader_identity(log)->description, message);
    }
    if (pc && (!snapshot_restore(pc->live, names.snapshot, &loaded, message) ||
               !fits(log, pc->machine, loaded.hash, name, message))) {
        drop(&loaded);
        pc_free(pc);
        pc = NULL;
    }
    if (pc) {
        drive_begin(pc->live, log, loaded.hashes);
    } else {
        log_reader_close(log);
    }
    *check = loaded.check;
    names_free(&names);
    return pc;
}
