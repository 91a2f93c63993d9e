/* plog_reader: prints a pandalog. */
#include "base/error.h"
#include "cmd/plog_print.h"
#include "pandalog/reader.h"

#include "plog.pb-c.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: plog_reader [--json] [--backwards] [--from INSTR] FILE\n"
    "\n"
    "Prints a pandalog, an entry a line, or as JSON: one list of all.\n";

struct arguments {
    bool json, backwards, seeks;
    uint64_t from;
    const char *file;
};

static uint64_t number(const char *text)
{
    char *end = NULL;
    uint64_t value = text ? strtoull(text, &end, 0) : 0;

    if (!text || end == text || *end) {
        panda_fatal("--from INSTR: '%s' is not a number", text ? text : "");
    }
    return value;
}

static struct arguments parse(char **argv)
{
    struct arguments arguments = {0};

    for (argv++; *argv; argv++) {
        if (!strcmp(*argv, "--json")) {
            arguments.json = true;
        } else if (!strcmp(*argv, "--backwards")) {
            arguments.backwards = true;
        } else if (!strcmp(*argv, "--from")) {
            arguments.seeks = true;
            arguments.from = number(argv[1]);
            argv++;
        } else if (!strcmp(*argv, "--help") || !strcmp(*argv, "-h")) {
            fputs(usage, stdout);
            exit(0);
        } else if (**argv == '-' || arguments.file) {
            panda_fatal("%s: no such option, or a second file\n%s", *argv,
                        usage);
        } else {
            arguments.file = *argv;
        }
    }
    if (!arguments.file) {
        panda_fatal("no file is given\n%s", usage);
    }
    return arguments;
}

/* The entry with which each log begins, which says nothing. */
static bool is_dummy(const Panda__LogEntry *entry, size_t size)
{
    /* Two fields, a byte of tag and ten of value each. */
    return entry->pc == UINT64_MAX && entry->instr == UINT64_MAX && size == 22;
}

/* False: an entry is none of ours. */
static bool print_all(struct plog_reader *log, const struct arguments *args)
{
    const uint8_t *bytes;
    uint64_t n = 0, unknown = 0;
    bool good = true;
    size_t size;

    for (; good && (bytes = plog_reader_next(log, &size)); n++) {
        Panda__LogEntry *entry = panda__log_entry__unpack(NULL, size, bytes);

        good = entry;
        if (good) {
            unknown += entry->base.n_unknown_fields;
            if (args->json) {
                fputs(n ? ",\n" : "", stdout);
                plog_print_json(&entry->base, stdout);
            } else if (!is_dummy(entry, size)) {
                plog_print_line(&entry->base, stdout);
            }
            panda__log_entry__free_unpacked(entry, NULL);
        }
    }
    if (args->json) {
        fputs(n ? "\n]\n" : "]\n", stdout);
    }
    if (!good) {
        panda_warn("%s: entry %" PRIu64 " is damaged, or not of the schema "
                   "that this program was built with",
                   args->file, n - 1);
    }
    if (unknown) {
        panda_warn("%s: %" PRIu64 " fields are not shown: the schema that this "
                   "program was built with has no such tags",
                   args->file, unknown);
    }
    return good;
}

int main(int argc, char **argv)
{
    struct arguments args = parse(argv);
    char *message;
    struct plog_reader *log = plog_reader_open(args.file, args.backwards,
                                               &message);
    bool good;

    (void)argc;
    if (!log) {
        panda_fatal("%s", message);
    }
    if (args.seeks) {
        plog_reader_seek(log, args.from);
    }
    if (args.json) {
        fputs("[\n", stdout);
    }
    good = print_all(log, &args);
    if (good && plog_reader_failure(log)) {
        panda_warn("%s", plog_reader_failure(log));
        good = false;
    } else if (good && !plog_reader_is_whole(log)) {
        panda_warn("%s was not closed: its writer runs, or was killed; this "
                   "is what it had written",
                   args.file);
    }
    plog_reader_close(log);
    return good ? 0 : 1;
}
