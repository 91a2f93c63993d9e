/*
 * log_count LOG: what a recording's log consists of. A line for each kind of
 * entry: name, how many, bytes before compression; then those of the file.
 */
#include "boundary/log_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define KINDS 64

int main(int argc, char **argv)
{
    uint64_t entries[KINDS] = {0}, bytes[KINDS] = {0};
    struct log_context context = {0};
    struct log_reader *log;
    struct log_entry entry;
    enum log_result result;
    struct stat file;
    char *message;

    if (argc != 2 || stat(argv[1], &file)) {
        fprintf(stderr, "usage: log_count NAME-rr-nondet.log\n");
        return 2;
    }
    log = log_reader_open(argv[1], &message);
    if (!log) {
        fprintf(stderr, "log_count: %s\n", message);
        free(message);
        return 1;
    }
    while ((result = log_reader_next(log, LOG_INWARD, &entry)) ==
           LOG_READ_ENTRY) {
        unsigned kind = (unsigned)entry.event.kind % KINDS;
        uint8_t *out = malloc(LOG_ENTRY_MAX + entry.event.size);

        if (!out) {
            return 1;
        }
        entries[kind]++;
        bytes[kind] += log_entry_encode(&context, &entry, out);
        free(out);
    }
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (entries[kind]) {
            printf("%s %" PRIu64 " %" PRIu64 "\n",
                   log_entry_name((enum inward)kind), entries[kind],
                   bytes[kind]);
        }
    }
    printf("file 1 %" PRIu64 "\n", (uint64_t)file.st_size);
    log_reader_close(log);
    return result == LOG_READ_END ? 0 : 1;
}
