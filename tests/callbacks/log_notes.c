/*
 * log_notes LOG: the notes of devices in a recording's log, a line each:
 * count, 1 within an instruction, kind, from, to, size or value. Behind them,
 * as kind N_TRANSFERS, what devices wrote to memory: to, and the size.
 */
#include "boundary/log_file.h"
#include "boundary/notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print(const struct log_entry *entry)
{
    const struct inward_event *event = &entry->event;
    struct transfer t;
    bool within;

    if (event->kind == INWARD_WRITE) {
        printf("%" PRIu64 " 0 %d 0 %" PRIx64 " %zx\n", entry->count,
               (int)N_TRANSFERS, event->address, event->size);
    } else if (event->kind == INWARD_NOTE && note_decode(event, &t, &within)) {
        printf("%" PRIu64 " %d %d %" PRIx64 " %" PRIx64 " %" PRIx64 "\n",
               entry->count, within, (int)t.kind, t.from, t.to,
               t.size + t.value);
    }
}

int main(int argc, char **argv)
{
    static const enum log_stream streams[] = {LOG_OUTSIDE, LOG_INWARD};
    struct log_reader *log;
    struct log_entry entry;
    enum log_result result = LOG_READ_END;
    char *message;

    log = argc == 2 ? log_reader_open(argv[1], &message) : NULL;
    if (!log) {
        return 2;
    }
    for (unsigned i = 0; i < 2 && result == LOG_READ_END; i++) {
        while ((result = log_reader_next(log, streams[i], &entry)) ==
               LOG_READ_ENTRY) {
            print(&entry);
        }
    }
    log_reader_close(log);
    return result == LOG_READ_END ? 0 : 1;
}
