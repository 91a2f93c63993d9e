/*
 * Recordings and replays that plugins ask for: noted here, and begun and
 * ended by the program, before the next block.
 */
#include "plugin/plugins.h"

#include "base/error.h"
#include "mem/mem.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* A variable of the interface, hence of the process: it tells of the plugins
 * whose machine changed last. */
rr_control_t rr_control = {.mode = RR_OFF, .next = RR_NOCHANGE};

void control_show(struct plugins *p)
{
    static const int next[] = {[CONTROL_NONE] = RR_NOCHANGE,
                               [CONTROL_RECORD_BEGIN] = RR_RECORD,
                               [CONTROL_REPLAY_BEGIN] = RR_REPLAY,
                               [CONTROL_RECORD_END] = RR_OFF,
                               [CONTROL_REPLAY_END] = RR_OFF};

    rr_control.mode = p->mode;
    rr_control.next = next[p->control];
    rr_control.name = p->rr_name;
}

static int ask(enum control what, RR_mode must_be, const char *name)
{
    struct plugins *p = plugins_current();

    if (!p || p->mode != must_be || (name && !*name)) {
        return RRCTRL_EINVALID;
    }
    if (p->control) {
        return RRCTRL_EPENDING;
    }
    p->control = what;
    p->control_name = name ? panda_must(strdup(name)) : NULL;
    control_show(p);
    plugins_request(p);
    return RRCTRL_OK;
}

int panda_record_begin(const char *name, const char *snapshot)
{
    if (snapshot) {
        panda_warn("panda_record_begin(): there is no snapshot \"%s\" to "
                   "begin from: snapshots by name lie in disk images, and no "
                   "machine of this version has disks; NULL records from "
                   "where the guest is",
                   snapshot);
        return RRCTRL_EINVALID;
    }
    return ask(CONTROL_RECORD_BEGIN, RR_OFF, name ? name : "");
}

int panda_record_end(void)
{
    return ask(CONTROL_RECORD_END, RR_RECORD, NULL);
}

int panda_replay_begin(const char *name)
{
    return ask(CONTROL_REPLAY_BEGIN, RR_OFF, name ? name : "");
}

int panda_replay_end(void)
{
    return ask(CONTROL_REPLAY_END, RR_REPLAY, NULL);
}

static char *carry_out(struct plugins *p, enum control what, const char *name)
{
    const struct plugins_host *host = p->host;

    if (!host) {
        return panda_message("nobody is there to begin or end recordings");
    }
    switch (what) {
    case CONTROL_RECORD_BEGIN:
        return host->begin_record(host->opaque, name);
    case CONTROL_RECORD_END:
        return host->end_record(host->opaque);
    case CONTROL_REPLAY_BEGIN:
        return host->begin_replay(host->opaque, name);
    case CONTROL_REPLAY_END:
        return host->end_replay(host->opaque);
    case CONTROL_NONE:
        break;
    }
    return NULL;
}

/* Between two blocks. */
void control_serve(struct plugins *p)
{
    enum control what = p->control;
    char *name = p->control_name, *message;

    p->control = CONTROL_NONE;
    p->control_name = NULL;
    message = carry_out(p, what, name);
    if (message) {
        panda_warn("a plugin's request: %s", message);
        free(message);
    }
    free(name);
    control_show(p);
}

char *panda_get_rr_name(void)
{
    return plugins_current() ? plugins_current()->rr_name : NULL;
}

void plugins_set_name(struct plugins *p, const char *name)
{
    free(p->rr_name);
    p->rr_name = name ? panda_must(strdup(name)) : NULL;
    control_show(p);
}

/* -- The state ------------------------------------------------------------- */

static struct machine *the_machine(void)
{
    return plugins_current() ? plugins_current()->machine : NULL;
}

static bool is_ram(const struct mem_block *block)
{
    return block->kind == BLOCK_RAM && !strcmp(block->name, "ram");
}

void panda_memsavep(FILE *file)
{
    struct machine *m = the_machine();
    struct mem_mapping mapping;
    uint8_t page[PAGE_SIZE_];
    uint64_t end = 0;

    for (unsigned i = 0; m && mem_mapping_at(m->memory, i, &mapping); i++) {
        end = is_ram(mapping.block) ? mapping.physical + mapping.size : end;
    }
    for (uint64_t at = 0; at < end; at += PAGE_SIZE_) {
        if (panda_physical_memory_read(at, page, PAGE_SIZE_)) {
            memset(page, 0, sizeof(page));
        }
        fwrite(page, sizeof(page), 1, file);
    }
}

uint32_t rr_checksum_memory(void)
{
    struct machine *m = the_machine();
    uint64_t hash = 0;

    for (unsigned i = 0; m && i < mem_block_count(m->memory); i++) {
        const struct mem_block *block = mem_block_at(m->memory, i);

        hash = XXH3_64bits_withSeed(block->host, block->size, hash);
    }
    return (uint32_t)(hash ^ hash >> 32);
}

uint32_t rr_checksum_regs(void)
{
    struct machine *m = the_machine();
    uint64_t hash = m ? m->cpu->guest->hash_registers(m->cpu) : 0;

    return (uint32_t)(hash ^ hash >> 32);
}
