#include "plugin/mutant.h"

#include "base/error.h"
#include "plugin/raise.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum how { DROP, DOUBLE, DELAY, ALTER };

/* What is behind an argument that is a pointer. */
enum behind { NOTHING, BLOCK, VALUE, BYTES };

struct event {
    uint64_t arguments[6];
    union {
        TranslationBlock block;
        uint64_t value;
        uint8_t bytes[2048];
    } behind;
};

struct mutant {
    enum how how;
    uint64_t every, n;
    bool holds;
    struct event held;
};

static enum behind behind(panda_cb_type kind, unsigned *argument)
{
    *argument = 1;
    switch ((int)kind) {
    case PANDA_CB_AFTER_BLOCK_TRANSLATE:
    case PANDA_CB_BEFORE_BLOCK_EXEC_INVALIDATE_OPT:
    case PANDA_CB_BEFORE_TCG_CODEGEN:
    case PANDA_CB_BEFORE_BLOCK_EXEC:
    case PANDA_CB_AFTER_BLOCK_EXEC:
    case PANDA_CB_CPU_RESTORE_STATE:
    case PANDA_CB_START_BLOCK_EXEC:
    case PANDA_CB_END_BLOCK_EXEC:
        return BLOCK;
    case PANDA_CB_VIRT_MEM_BEFORE_WRITE:
    case PANDA_CB_PHYS_MEM_BEFORE_WRITE:
    case PANDA_CB_VIRT_MEM_AFTER_READ:
    case PANDA_CB_VIRT_MEM_AFTER_WRITE:
    case PANDA_CB_PHYS_MEM_AFTER_READ:
    case PANDA_CB_PHYS_MEM_AFTER_WRITE:
    case PANDA_CB_MMIO_AFTER_READ:
    case PANDA_CB_MMIO_BEFORE_WRITE:
    case PANDA_CB_UNASSIGNED_IO_READ:
        *argument = 4;
        return VALUE;
    case PANDA_CB_REPLAY_BEFORE_DMA:
    case PANDA_CB_REPLAY_AFTER_DMA:
    case PANDA_CB_REPLAY_HANDLE_PACKET:
    case PANDA_CB_MONITOR:
        return BYTES;
    default:
        return NOTHING;
    }
}

/* A copy that outlives the event, with what is behind its pointer. */
static void copy(struct event *to, panda_cb_type kind, const uint64_t *a)
{
    static const size_t sizes[] = {
        [BLOCK] = sizeof(TranslationBlock), [VALUE] = 8, [BYTES] = 0};
    unsigned argument;
    enum behind what = behind(kind, &argument);
    const void *from = (const void *)(uintptr_t)a[argument];
    size_t size = sizes[what];

    memcpy(to->arguments, a, sizeof(to->arguments));
    if (what == BYTES) {
        size = kind == PANDA_CB_MONITOR                ? strlen(from) + 1
               : kind == PANDA_CB_REPLAY_HANDLE_PACKET ? (size_t)a[2]
                                                       : (size_t)a[3];
        size = size < sizeof(to->behind) ? size : sizeof(to->behind);
    }
    if (what != NOTHING) {
        memcpy(&to->behind, from, size);
        to->arguments[argument] = (uintptr_t)&to->behind;
    }
}

static bool has_number(panda_cb_type kind)
{
    return kind == PANDA_CB_BEFORE_BLOCK_TRANSLATE ||
           kind == PANDA_CB_INSN_TRANSLATE || kind == PANDA_CB_INSN_EXEC ||
           kind == PANDA_CB_AFTER_INSN_TRANSLATE ||
           kind == PANDA_CB_AFTER_INSN_EXEC ||
           kind == PANDA_CB_VIRT_MEM_BEFORE_READ ||
           kind == PANDA_CB_PHYS_MEM_BEFORE_READ ||
           kind == PANDA_CB_ASID_CHANGED ||
           (kind >= PANDA_CB_REPLAY_HD_TRANSFER &&
            kind <= PANDA_CB_REPLAY_SERIAL_WRITE) ||
           kind == PANDA_CB_BEFORE_CPU_EXEC_EXIT ||
           kind == PANDA_CB_UNASSIGNED_IO_READ ||
           kind == PANDA_CB_UNASSIGNED_IO_WRITE ||
           kind == PANDA_CB_BEFORE_HANDLE_EXCEPTION ||
           kind == PANDA_CB_BEFORE_HANDLE_INTERRUPT;
}

static uint64_t altered(struct plugins *p, panda_cb_type kind,
                        const uint64_t *arguments)
{
    struct event event;
    unsigned argument;

    copy(&event, kind, arguments);
    if (behind(kind, &argument) != NOTHING &&
        kind != PANDA_CB_UNASSIGNED_IO_READ) { /* whose value is an answer */
        event.behind.bytes[0] ^= 1;
    } else if (has_number(kind)) {
        event.arguments[1] ^= 1;
    } else {
        p->cpu.panda_guest_pc ^= 1;
    }
    return plugins_walk(p, kind, event.arguments);
}

static uint64_t nothing(panda_cb_type kind, const uint64_t *arguments)
{
    return kind == PANDA_CB_BEFORE_HANDLE_EXCEPTION ||
                   kind == PANDA_CB_BEFORE_HANDLE_INTERRUPT
               ? arguments[1]
               : 0;
}

uint64_t mutant_raise(struct plugins *p, const uint64_t arguments[6])
{
    panda_cb_type kind = (panda_cb_type)p->mutant_kind;
    struct mutant *mutant = p->mutant;
    uint64_t result;

    if (mutant->holds) {
        mutant->holds = false;
        result = plugins_walk(p, kind, arguments);
        plugins_walk(p, kind, mutant->held.arguments);
        return result;
    }
    if (++mutant->n % mutant->every) {
        return plugins_walk(p, kind, arguments);
    }
    switch (mutant->how) {
    case DROP:
        return nothing(kind, arguments);
    case DOUBLE:
        plugins_walk(p, kind, arguments);
        return plugins_walk(p, kind, arguments);
    case DELAY:
        copy(&mutant->held, kind, arguments);
        mutant->holds = true;
        return nothing(kind, arguments);
    default:
        return altered(p, kind, arguments);
    }
}

static int find_kind(const char *name, size_t length)
{
    for (int kind = 0; kind < PANDA_CB_LAST; kind++) {
        const char *known = registry_name((panda_cb_type)kind);

        if (strlen(known) == length && !strncasecmp(known, name, length)) {
            return kind;
        }
    }
    return -1;
}

bool mutant_set(struct plugins *p, const char *text, char **message)
{
    static const char *const hows[] = {"drop", "double", "delay", "alter"};
    const char *name = strchr(text, ':'), *every;
    int kind = -1;
    unsigned how = 0;

    name = name ? name + 1 : text;
    every = strchr(name, ':');
    while (how < 4 && (strncmp(text, hows[how], strlen(hows[how])) ||
                       text + strlen(hows[how]) + 1 != name)) {
        how++;
    }
    kind = find_kind(name, every ? (size_t)(every - name) : strlen(name));
    if (how == 4 || kind < 0) {
        *message = panda_message("'%s' is not drop|double|delay|alter:CALLBACK"
                                 "[:EVERY]",
                                 text);
        return false;
    }
    free(p->mutant);
    p->mutant = panda_must(calloc(1, sizeof(*p->mutant)));
    p->mutant->how = (enum how)how;
    p->mutant->every = every ? strtoull(every + 1, NULL, 0) : 1000;
    p->mutant->every += !p->mutant->every;
    p->mutant_kind = kind;
    registry_update(p);
    return true;
}
