/* The pandalog that plugins write: -pandalog FILE. */
#include "plugin/plugins.h"

#include "base/error.h"
#include "panda/plog_file.h"
#include "pandalog/layout.h"
#include "pandalog/writer.h"

/* How many machines of this process write one. */
int pandalog;

/* The entry that PANDA's own logs begin with: pc and instr of 2^64-1. */
static void write_dummy(struct plog_writer *log)
{
    uint8_t bytes[22], *at;

    memset(bytes, 0xff, sizeof(bytes));
    bytes[0] = 1 << 3; /* tag and type */
    bytes[11] = 2 << 3;
    bytes[10] = bytes[21] = 1; /* the last of ten, each of 7 bits */
    at = plog_writer_entry(log, sizeof(bytes), UINT64_MAX);
    memcpy(at, bytes, sizeof(bytes));
}

static char *open_log(struct plugins *p, const char *path, uint32_t chunk_size)
{
    char *message;

    p->log = plog_writer_new(path, chunk_size ? chunk_size : PLOG_CHUNK_FULL,
                             &message);
    if (!p->log) {
        return message;
    }
    write_dummy(p->log);
    printf("pandalogging to [%s]\n", path);
    fflush(stdout);
    pandalog++;
    return NULL;
}

void plugins_close_log(struct plugins *p)
{
    if (p->log) {
        free(plog_writer_end(p->log)); /* what failed has been told */
        p->log = NULL;
        pandalog--;
    }
}

char *plugins_open_log(struct plugins *p, const char *path)
{
    return open_log(p, path, 0);
}

void plugins_tick_log(struct plugins *p)
{
    if (p->log) {
        plugins_set_current(p);
        plog_writer_tick(p->log, rr_get_guest_instr_count());
    }
}

/* -- The interface --------------------------------------------------------- */

void pandalog_open_write(const char *path, uint32_t chunk_size)
{
    struct plugins *p = plugins_current();
    char *message;

    if (p->log) {
        panda_warn("a plugin asks for a pandalog %s, but one is being written",
                   path);
    } else if ((message = open_log(p, path, chunk_size))) {
        panda_warn("%s", message);
        free(message);
    }
}

void pandalog_close_write(void)
{
    plugins_close_log(plugins_current());
}

void pandalog_position(uint64_t *pc, uint64_t *instr)
{
    struct plugins *p = plugins_current();

    if (!p || !p->machine) {
        *pc = *instr = UINT64_MAX;
        return;
    }
    *pc = p->cpu.panda_guest_pc;
    *instr = rr_get_guest_instr_count();
}

uint8_t *pandalog_new_entry(size_t size, uint64_t instr)
{
    struct plugins *p = plugins_current();

    return p && p->log ? plog_writer_entry(p->log, size, instr) : NULL;
}
