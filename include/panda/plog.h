/*
 * Pandalog in C. plog.pb-c.h is made of the .proto files of the plugins, and
 * its code is in each plugin: so one may have fields that others do not know.
 */
#ifndef PANDA_PLOG_H
#define PANDA_PLOG_H

#include "panda/plog_file.h"

#include "plog.pb-c.h"

#ifndef PLOG_READER
/* Writes an entry to the log, if there is one. pc and instr are set here; all
 * else is the caller's, before and after. */
static inline void pandalog_write_entry(Panda__LogEntry *entry)
{
    uint8_t *bytes;

    pandalog_position(&entry->pc, &entry->instr);
    bytes = pandalog_new_entry(panda__log_entry__get_packed_size(entry),
                               entry->instr);
    if (bytes) {
        panda__log_entry__pack(entry, bytes);
    }
}
#endif

/* The next entry, to be given to pandalog_free_entry(). NULL: the end, or an
 * entry that is none of this schema. */
static inline Panda__LogEntry *pandalog_read_entry(void)
{
    size_t size;
    const uint8_t *bytes = pandalog_read_packed(&size);

    return bytes ? panda__log_entry__unpack(NULL, size, bytes) : NULL;
}

/* Frees what pandalog_read_entry() returned. */
static inline void pandalog_free_entry(Panda__LogEntry *entry)
{
    panda__log_entry__free_unpacked(entry, NULL);
}

#endif
