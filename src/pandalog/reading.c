/* Reading as plugins and programs of their own do it: panda/plog_file.h. */
#include "base/error.h"
#include "panda/plog_file.h"
#include "pandalog/reader.h"

#include <stdlib.h>

static _Thread_local struct plog_reader *reading;
static _Thread_local char *failure; /* of the opening */

static void open_read(const char *path, bool backwards)
{
    pandalog_close_read();
    free(failure);
    failure = NULL;
    reading = plog_reader_open(path, backwards, &failure);
    if (!reading) {
        panda_warn("%s", failure);
    }
}

void pandalog_open_read_fwd(const char *path)
{
    open_read(path, false);
}

void pandalog_open_read_bwd(const char *path)
{
    open_read(path, true);
}

const uint8_t *pandalog_read_packed(size_t *size)
{
    return reading ? plog_reader_next(reading, size) : NULL;
}

const char *pandalog_read_failure(void)
{
    return reading ? plog_reader_failure(reading) : failure;
}

void pandalog_seek(uint64_t instr)
{
    if (reading) {
        plog_reader_seek(reading, instr);
    }
}

void pandalog_close_read(void)
{
    if (reading) {
        plog_reader_close(reading);
        reading = NULL;
    }
}
