/*
 * log_notes LOG: the notes of devices in a recording's log, a line each:
 * count, 1 within an instruction, kind, from, to, size or value.
 */
#include "boundary/log_file.h"
#include "boundary/notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct log_reader *log;
    struct log_entry entry;
    enum log_result result;
    char *message;

    log = argc == 2 ? log_reader_open(argv[1], &message) : NULL;
    if (!log) {
        return 2;
    }
    while ((result = log_reader_next(log, LOG_OUTSIDE, &entry)) ==
           LOG_READ_ENTRY) {
        struct transfer t;
        bool within;

        if (entry.event.kind == INWARD_NOTE &&
            note_decode(&entry.event, &t, &within)) {
            printf("%" PRIu64 " %d %d %" PRIx64 " %" PRIx64 " %" PRIx64 "\n",
                   entry.count, within, (int)t.kind, t.from, t.to,
                   t.size + t.value);
        }
    }
    log_reader_close(log);
    return result == LOG_READ_END ? 0 : 1;
}
