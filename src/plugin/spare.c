/*
 * What nobody wants to hear of, and woven code therefore leaves out: it saves
 * something only when all who hear of the kind are so modest. What is left
 * over is left out where a subscription's turn comes.
 */
#include "plugin/plugins.h"

#include "panda/filter.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_ENDS \
    (KIND_BIT(PANDA_CB_AFTER_BLOCK_EXEC) | KIND_BIT(PANDA_CB_END_BLOCK_EXEC))
#define BYTE_ACCESSES \
    (KIND_BIT(PANDA_CB_VIRT_MEM_AFTER_READ) | \
     KIND_BIT(PANDA_CB_VIRT_MEM_AFTER_WRITE))
#define ACCESSES (0xffull << PANDA_CB_VIRT_MEM_BEFORE_READ)

const uint64_t spare_kinds = KIND_BIT(PANDA_CB_BEFORE_BLOCK_EXEC) | BLOCK_ENDS |
                             BYTE_ACCESSES;

/* -- What is spared -------------------------------------------------------- */

static bool new_blocks(const struct subscription *s)
{
    return s->once;
}

static bool transfers(const struct subscription *s)
{
    return s->transfers;
}

static bool bytes(const struct subscription *s)
{
    return s->bytes;
}

/* Do all that hear of the kinds have it? */
static bool all(const struct plugins *p, uint64_t kinds,
                bool (*filter)(const struct subscription *))
{
    for (unsigned kind = 0; kind < PANDA_CB_LAST; kind++) {
        if (!(kinds & KIND_BIT(kind))) {
            continue;
        }
        for (const struct subscription *s = p->kinds[kind]; s; s = s->next) {
            if (s->on && !filter(s)) {
                return false;
            }
        }
    }
    return p->active & kinds;
}

uint64_t spare_flags(const struct plugins *p)
{
    uint64_t starts = KIND_BIT(PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT) |
                      KIND_BIT(PANDA_CB_START_BLOCK_EXEC);
    uint64_t flags = 0;

    if (!(p->active & starts) &&
        all(p, KIND_BIT(PANDA_CB_BEFORE_BLOCK_EXEC), new_blocks)) {
        flags |= ONLY_NEW_BLOCKS;
    }
    if (all(p, BLOCK_ENDS, transfers)) {
        flags |= ONLY_TRANSFERS;
    }
    if (!(p->active & ACCESSES & ~BYTE_ACCESSES) &&
        all(p, BYTE_ACCESSES, bytes)) {
        flags |= ONLY_BYTES;
    }
    return flags;
}

/* -- Setting --------------------------------------------------------------- */

static void changed(struct plugins *p)
{
    p->changed = true;
    registry_update(p);
    plugins_request(p);
}

/* That a kind has. */
static unsigned filters_of(panda_cb_type type)
{
    return type == PANDA_CB_BEFORE_BLOCK_EXEC ? PANDA_ON_NEW_ASID
           : type == PANDA_CB_AFTER_BLOCK_EXEC ||
                   type == PANDA_CB_END_BLOCK_EXEC
               ? BLOCK_TRANSFERS
               : 0;
}

void panda_filter_callback(void *plugin, panda_cb_type type, panda_cb cb,
                           unsigned filter)
{
    struct subscription *s = registry_find(plugin, type, cb.cbaddr, false,
                                           NULL);
    struct plugins *p = plugins_current();

    if (filter & ~filters_of(type)) {
        plugins_fail(p, panda_message("PANDA_CB_%s has no filter %u",
                                      registry_name(type), filter));
    } else if (s) {
        /* Marks of others' are no news to it. */
        p->flush |= (filter & PANDA_ON_NEW_ASID) && !s->once;
        s->once = filter & PANDA_ON_NEW_ASID;
        s->transfers = filter & BLOCK_TRANSFERS;
        changed(p);
    }
}

/* Woven code looks up bytes, which is shorter than a bit. */
static void spread(uint8_t to[65536], const uint8_t bits[8192])
{
    for (unsigned two = 0; two < 65536; two++) {
        unsigned first = two & 0xff, second = two >> 8;

        to[two] = bits[first << 5 | second >> 3] >> (second & 7) & 1;
    }
}

static void set_bytes(struct byte_filter *to, const panda_byte_filter *from)
{
    memcpy(to->one, from->one, sizeof(to->one));
    memcpy(to->pairs, from->pairs, sizeof(to->pairs));
    spread(to->last, from->last);
    spread(to->within, from->within);
}

void panda_filter_bytes(void *plugin, panda_cb_type type, panda_cb cb,
                        const panda_byte_filter *filter)
{
    struct subscription *s = registry_find(plugin, type, cb.cbaddr, false,
                                           NULL);
    struct plugins *p = plugins_current();

    if ((unsigned)type >= PANDA_CB_LAST || !(KIND_BIT(type) & BYTE_ACCESSES)) {
        plugins_fail(p, panda_message("PANDA_CB_%s has no filter of bytes",
                                      registry_name(type)));
        return;
    }
    if (!s) {
        return;
    }
    if (!p->bytes) {
        p->bytes = panda_must(calloc(1, sizeof(*p->bytes)));
    }
    if (filter && (!p->bytes_owner || p->bytes_owner == plugin)) {
        p->bytes_owner = plugin;
        set_bytes(p->bytes, filter);
        s->bytes = true;
    } else {
        s->bytes = false;
    }
    changed(p);
}

void panda_mark_pc(void *plugin, target_ulong pc, target_ulong asid,
                   bool marked)
{
    struct plugins *p = plugins_current();

    if (p->bytes && p->bytes_owner == plugin) {
        byte_filter_mark(p->bytes, pc,
                         asid == PANDA_ANY_ASID ? BYTE_FILTER_ANYWHERE : asid,
                         marked);
    }
}

void spare_forget(struct plugins *p, const void *owner)
{
    if (p->bytes_owner == owner) {
        p->bytes_owner = NULL;
        memset(p->bytes, 0, sizeof(*p->bytes));
    }
}
