#include "cmd/recording.h"

#include "base/error.h"
#include "snapshot/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEHAVIOUR_VERSION 1u

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

/* The log names its snapshot, so that two recordings are never mixed. */
static char *description(uint64_t hash)
{
    return panda_message("snapshot: %016" PRIx64 "\n", hash);
}

struct boundary *recording_begin(struct live *live, const char *name,
                                 char **message)
{
    struct names names = names_of(name);
    struct log_writer *log = NULL;
    uint64_t hash;

    if (access(names.log, F_OK) == 0) {
        *message = panda_message("%s exists already: choose another name",
                                 names.log);
    } else if (snapshot_save(live->boundary.machine, names.snapshot, false,
                             &hash, message)) {
        char *text = description(hash);
        const struct log_identity identity = {BEHAVIOUR_VERSION, text};

        log = log_writer_open(names.log, false, &identity, message);
        free(text);
        if (!log) {
            unlink(names.snapshot);
        }
    }
    names_free(&names);
    return log ? record_begin(live, log) : NULL;
}

static bool fits(const struct log_identity *identity, uint64_t hash,
                 const char *name, char **message)
{
    char *text = description(hash);
    bool same = !strcmp(text, identity->description);

    free(text);
    if (identity->behaviour != BEHAVIOUR_VERSION) {
        *message = panda_message("%s was recorded by a version whose guests "
                                 "see other hardware", name);
    } else if (!same) {
        *message = panda_message("the log and the snapshot of %s are not of "
                                 "one recording", name);
        return false;
    }
    return identity->behaviour == BEHAVIOUR_VERSION;
}

struct machine *recording_open(const struct guest *guest, const char *name,
                               char **message)
{
    struct names names = names_of(name);
    struct log_reader *log = log_reader_open(names.log, message);
    struct machine *machine = NULL;
    uint64_t hash;

    if (log) {
        machine = snapshot_load(guest, names.snapshot, &hash, message);
    }
    if (machine && !fits(log_reader_identity(log), hash, name, message)) {
        machine_free(machine);
        machine = NULL;
    }
    if (machine) {
        replay_begin(machine, log);
    } else {
        log_reader_close(log);
    }
    names_free(&names);
    return machine;
}
