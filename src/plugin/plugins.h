/*
 * The plugins of one machine: who is loaded, who wants to hear of what, and
 * how the guest's code is made to tell.
 *
 *     files.c       find and open them
 *     loader.c      init, unload
 *     links.c       who needs whom, and what they call of each other
 *     arguments.c   -panda 'a;b:x=1'
 *     registry.c    subscriptions
 *     only.c        and who is alone in hearing of something
 *     attach.c      their machine
 *     answers.c     who has asked for an instruction
 *     spare.c       what woven code leaves out as nobody wants it
 *     block.c       the guest's blocks, as plugins know them
 *     weave.c       calls woven into units; weave_blocks.c: their blocks,
 *                   weave_access.c: their accesses
 *     dispatch.c    what those calls do
 *     inserted.c    calls that plugins put into blocks themselves
 *     mutant.c      faults on purpose, for tests
 *     filter.c      events that a function does not want
 *     pandalog.c    -pandalog
 *     addresses.c   physical and host addresses
 *     disassembly.c code as text
 *     monitor.c     the monitor's commands
 *     older.c       callbacks with the arguments of older sources
 *     os.c          -os
 *     usage.c       how much is held for them
 *     variables.c   the interface's variables
 *     engine.c      include/panda/engine.h
 *     event.c       events that are not woven
 *     raise.c       an event, to all who hear of it
 *     steer.c       what plugins write into the guest
 *     shown.c       and how it is noticed in the registers that they see
 *     control.c     recordings and replays that plugins begin and end
 *     crash.c       plugins that crash, exit, or do not return
 *     interface.c   the rest of include/panda
 */
#ifndef PLUGIN_PLUGINS_H
#define PLUGIN_PLUGINS_H

#ifndef PANDA_ENGINE
#define PANDA_ENGINE
#endif
#ifndef TARGET_X86_64
#define TARGET_X86_64
#endif
#include "exec/byte_filter.h"
#include "exec/watch.h"
#include "panda/plugin.h"

struct subscription {
    union {
        panda_cb plain;
        panda_cb_with_context with;
    } function;
    void *owner, *context;
    bool has_context;
    bool enabled; /* by whoever registered it */
    bool gone;    /* unregistered while a walk was under way */
    bool on;      /* enabled, and nothing else forbids */
    bool asked;   /* of translation: of all that is translated now */
    bool once;    /* PANDA_ON_NEW_ASID */
    struct panda_filter *filter; /* owned; NULL: none */
    unsigned transfers;          /* of BLOCK_TRANSFERS: only these */
    bool bytes;                  /* panda_filter_bytes() */
    struct subscription *next;
};

/* A block. Units hold its address as long as they live: it is freed only
 * when all units are. */
struct block {
    uint64_t seen; /* bits of address spaces; first: woven code looks at it */
    TranslationBlock shown;
    uint64_t id; /* never used again */
    uint64_t physical, mode;
    unsigned transfer;  /* PANDA_ON_*: how it ends */
    struct block *next; /* of the same hash */
    uint8_t *bytes;
    /* An instruction: who wants to hear that it runs, and that it is over.
     * NULL: nobody was asked. */
    struct insn_answers {
        const struct answer *exec, *after;
    } * answers;
    struct TCGOp **places; /* an instruction: calls before it; NULL: none */
    uint16_t offset[];     /* of instructions, and of the end */
};
#define BLOCK_MAX_INSNS 512u
#define BLOCK_TRANSFERS \
    (PANDA_ON_CALL | PANDA_ON_RETURN | PANDA_ON_SYSTEM_RETURN)
/* In what woven code calls with: all registers are shown already. At a block's
 * start, all but the copies, cpu->shown_current. */
#define WOVEN_SHOWN 1u
#define BLOCK_BUCKETS 16384u

/* Owners of functions, one at least. */
struct answer {
    struct answer *next;
    unsigned n;
    void *owner[];
};

/* Which instructions of a unit belong to which block. */
struct unit_blocks {
    unsigned n;
    struct unit_part {
        struct block *block;
        unsigned first;    /* instruction of the unit */
        unsigned position; /* of that instruction in the block */
        unsigned n;
    } part[];
};

struct plugin {
    char *name, *path;
    void *handle;
    bool memory; /* memory callbacks are switched on */
    bool strict; /* an argument that it does not ask for is an error */
    bool enabled;
    bool refused;        /* a replay's user was told of its writes */
    bool unload;         /* wanted */
    bool leaving;        /* being unloaded */
    struct plugin *next; /* loaded before this one */
    struct plugin **needs;
    size_t n_needs;
};

/* A function that one plugin has registered with another one. */
struct registration {
    struct plugin *from, *to;
    struct panda_ppp what; /* its point is owned, its plugin not used */
    struct registration *next;
};

struct argument {
    char *plugin, *key, *value;
    char *whole, *text; /* PLUGIN:KEY=VALUE, and within it KEY=VALUE */
    bool asked;
    struct argument *next;
};

/* What plugins write: steer.h. */
struct steer {
    uint64_t calm;        /* first; 0: a write waits, so woven code leaves */
    struct write *writes; /* that have not taken effect, in order */
    bool armed;           /* registers are compared around each call */
    bool allowed;         /* in a replay, too */
    bool left;            /* and so the recording was left */
    unsigned quiet;       /* calls since one wrote registers */
    uint64_t asked_at;    /* count + 1 at which the point is waited for where
                             plugins have been told of the instruction */
    bool moved;           /* the log has written the pc */
    uint64_t told_at;     /* and at which it was reached */
    uint64_t moved_at;    /* where the pc was written last, how often */
    unsigned moves;
    const void *blamed;    /* whose result was another */
    uint8_t *shown, *seen; /* the struct: in the CPU, and as plugins see it */
    uint8_t *was;          /* before the call */
    void *pages, *mapped;  /* it lies in these, and is seen through those */
    size_t size;           /* of both */
};

/* Who begins and ends recordings and replays: the program. Called between two
 * blocks. A message is NULL or to be freed. */
struct plugins_host {
    void *opaque;
    char *(*begin_record)(void *opaque, const char *name);
    char *(*end_record)(void *opaque);
    char *(*begin_replay)(void *opaque, const char *name);
    char *(*end_replay)(void *opaque);
};

#define END_OF(bits) (((bits)&BLOCK_TRANSFERS) / PANDA_ON_CALL)
#define N_ENDS (END_OF(BLOCK_TRANSFERS) + 1u)
#define N_ACCESS_KINDS 4u /* ACCESS_AFTER, ACCESS_WRITE */
#define ACCESS_KIND(how) ((how) / ACCESS_AFTER % N_ACCESS_KINDS)
#define ACCESS_SIZE 24

enum control { /* what plugins ask for */
               CONTROL_NONE,
               CONTROL_RECORD_BEGIN,
               CONTROL_RECORD_END,
               CONTROL_REPLAY_BEGIN,
               CONTROL_REPLAY_END,
};

struct plugins {
    struct watch watch; /* first */

    /* What each event looks at lies in few lines of the cache. Events of the
     * step at `step`: how many were given since the last time it was begun,
     * and how many of them were given before. */
    uint64_t step;
    unsigned given, skip;
    /* The function that is called: crash.c tells of it. */
    const struct subscription *calling;
    /* The one that hears of what a block's start raises; and its end, by
     * END_OF() what it ends with. */
    struct subscription *only_start, *only_end[N_ENDS];
    uint64_t count_base;
    CPUState cpu;
    unsigned transfer; /* at the end of a block: its */

    struct steer steer;
    struct machine *machine; /* NULL: not yet */
    RR_mode mode;
    const struct plugins_host *host;
    enum control control;
    char *control_name, *rr_name;
    bool introduced; /* after_machine_init was told */
    bool over;       /* and pre_shutdown */
    uint64_t count_total;

    struct plugin *plugins;
    struct plugin *starting; /* whose init runs */
    struct plugin *ending;   /* whose uninit runs */
    bool exited;             /* one has called exit() */
    unsigned patience;       /* seconds that a call may take; 0: for ever */
    struct crash_watch *crash;
    struct registration *registrations;
    struct argument *arguments;
    struct argument *known;  /* a plugin and a key: it asked for */
    char *failure;           /* of the plugin whose init runs; owned */
    bool help;               /* print the arguments instead of running */
    struct plog_writer *log; /* pandalog, or NULL */

    struct subscription *kinds[PANDA_CB_LAST];
    uint64_t active; /* kinds with a subscription that is on */
    /* The one that is on, where there is one alone, without a context. */
    struct subscription *only[PANDA_CB_LAST];
    /* By ACCESS_*: of virtual accesses, and nobody wants physical ones. */
    struct subscription *only_access[N_ACCESS_KINDS];
    bool filters;      /* somebody asks for new blocks */
    uint64_t filtered; /* kinds that somebody filters */
    void *yes[2];      /* owners who said true in the last one */
    struct answer *answers;
    struct yes {
        void **owner;
        unsigned n;
    } said_yes; /* to the instruction that is translated */
    /* To the one that is told of. */
    const struct answer *answer;
    bool block_is_new, told_two;
    struct byte_filter *bytes;
    void *bytes_owner;
    bool changed, flush, quit, unload, sweep;
    struct block *translated; /* that before_tcg_codegen is told of */
    bool inserted;            /* there are calls of inserted.c in blocks */

    struct block *buckets[BLOCK_BUCKETS];
    struct block *dead; /* their bytes have changed */
    uint64_t asids[64]; /* address spaces by bit */
    unsigned n_asids;   /* used so far */
    uint64_t next_id;

    /* The block that goes on when the next unit begins at the right pc and
     * count; NULL: none. */
    struct block *running;
    uint64_t running_first; /* count at its start */
    uint64_t broken;        /* the step that changed its later bytes, + 1 */

    void *cache;

    struct mutant *mutant; /* mutant.h; NULL: none */
    int mutant_kind;

    uint64_t slice_first; /* count */
    bool slice_told;
};

/* -- For the program ------------------------------------------------------- */

struct plugins *plugins_new(void);
/* Ends and unloads all plugins, the last one first. */
void plugins_free(struct plugins *p);
/* -panda. False: *message (to be freed) says why. */
bool plugins_load_list(struct plugins *p, const char *list, char **message);
/* One, by name or by path when that has a slash. */
bool plugins_load(struct plugins *p, const char *path, const char *name,
                  char **message);
/* -pandalog. NULL, or a message (to be freed). */
char *plugins_open_log(struct plugins *p, const char *path);
/* -os. False: *message (to be freed) says why. */
bool plugins_set_os(const char *name, char **message);
/* The machine is there, and has not run. */
void plugins_attach(struct plugins *p, struct machine *machine, RR_mode mode);
/* A recording begins or ends; total: steps of a replay, or 0. */
void plugins_set_mode(struct plugins *p, RR_mode mode, uint64_t total);
/* A recording's snapshot is about to be loaded. */
void plugins_before_load(struct plugins *p);
/* The program has waited for input, between two slices of the run. */
void plugins_main_loop(struct plugins *p);
/* Of the recording that is made or replayed; NULL: of none. Copied. */
void plugins_set_name(struct plugins *p, const char *name);
/* The machine goes, the plugins stay. */
void plugins_detach(struct plugins *p);
/* The machine will not run any more. */
void plugins_shut_down(struct plugins *p);

/* The monitor's commands; answers go to `write`. */
typedef void plugins_write(void *opaque, const char *text);
void plugins_monitor(struct plugins *p, const char *command,
                     const char *argument, plugins_write *write, void *opaque);

/* -- Among the files ------------------------------------------------------- */

/* The plugins that API functions act on: of this thread. */
struct plugins *plugins_current(void);
void plugins_set_current(struct plugins *p);
/* Something is to be done before the next block, or now when none runs. */
void plugins_request(struct plugins *p);
/* The first failure of the plugin whose init runs; takes the message. */
void plugins_fail(struct plugins *p, char *message);

/* older.c: what to register in place of a callback that only older sources
 * have. False: it is none of these. */
bool older_callback(panda_cb_type *type, panda_cb cb, panda_cb_with_context *by,
                    void **context);

/* files.c. NULL: *places or *message, to be freed, says why. */
char *plugins_search(const char *name, char **places);
char *plugins_search_file(const char *file, char **places);
void *plugins_open_file(const char *path, char **message);
/* Does it call the function, or take its address, wherever? */
bool plugins_file_uses(void *handle, const char *function);

/* loader.c */
bool plugins_require(struct plugins *p, const char *name, char **message);
struct plugin *plugins_find(struct plugins *p, const char *name);
struct plugin *plugins_of_handle(struct plugins *p, const void *handle);
void plugins_unload_marked(struct plugins *p);

/* Before the next block; NULL: nothing. By number: as list_plugins has it. */
void plugins_unload_soon(struct plugin *plugin);
unsigned plugins_index(const struct plugin *plugin);
struct plugin *plugins_at(unsigned long index);

/* The variables of include/panda, after any change of what they show. */
void variables_show(struct plugins *p);
/* The guest's RAM, or NULL. */
const struct mem_block *plugins_ram(const struct machine *machine);

/* control.c */
void control_serve(struct plugins *p);
void control_show(struct plugins *p);
/* links.c */
/* The plugin that an address belongs to, or NULL. */
struct plugin *links_owner(struct plugins *p, const void *address);
/* `from` (NULL: nobody) is to be unloaded before `to`. */
void links_need(struct plugin *from, struct plugin *to);
/* Of a plugin that is about to be closed. */
void links_drop(struct plugins *p, struct plugin *plugin);

/* arguments.c */
bool arguments_add(struct plugins *p, const char *plugin, const char *text);
/* What is wrong about keys that the plugin has not asked for, one by one, to
 * be freed. NULL: nothing more. */
char *arguments_unasked(struct plugins *p, const char *plugin);
void arguments_free(struct plugins *p);

/* spare.c */
/* Flags ONLY_* of watch.woven: what nobody wants to hear of. */
uint64_t spare_flags(const struct plugins *p);
/* Whose flags units depend on. */
extern const uint64_t spare_kinds;
/* Of a plugin that goes. */
void spare_forget(struct plugins *p, const void *owner);

/* registry.c */
void registry_unregister(struct plugins *p, const void *owner);
/* After any change: what is on. */
void registry_update(struct plugins *p);
void registry_sweep(struct plugins *p);
/* only.c: when any of it has changed. */
void only_update(struct plugins *p);
/* For struct watch. */
bool registry_serve(struct watch *watch);
const char *registry_name(panda_cb_type kind);
/* The first that fits; NULL, after a warning, when there is none. */
struct subscription *registry_find(void *owner, panda_cb_type type,
                                   void (*function)(void), bool has_context,
                                   void *context);
/* "BEFORE_BLOCK_EXEC": of its callback. */
const char *registry_name_of(const struct plugins *p,
                             const struct subscription *subscription);
#define KIND_BIT(kind) (1ull << (kind))
#define PHYSICAL_ACCESS_KINDS \
    (3 * KIND_BIT(PANDA_CB_PHYS_MEM_BEFORE_READ) | \
     3 * KIND_BIT(PANDA_CB_PHYS_MEM_AFTER_READ))
/* In watch.woven: of blocks only the ones in another address space. */
#define ONLY_NEW_BLOCKS KIND_BIT(63)
/* Of blocks' ends only those with a call or return. */
#define ONLY_TRANSFERS KIND_BIT(62)
/* Of accesses only those that pass the filter. */
#define ONLY_BYTES KIND_BIT(61)
/* In watch.woven: the unit ends where all callbacks that come before its first
 * instruction have been called. */
#define UP_TO_TOLD KIND_BIT(60)
extern const uint64_t registry_code_kinds; /* that are woven or translated */

/* pandalog.c */
void plugins_close_log(struct plugins *p);
/* Now and then: what is a second old goes to the disk. */
void plugins_tick_log(struct plugins *p);

/* block.c */
struct block *block_intern(struct plugins *p, const struct unit_key *key,
                           uint64_t pc, const uint8_t *bytes, size_t size);
/* Instructions of the block that would begin there; 0: none. */
unsigned block_length(struct plugins *p, uint64_t mode, const uint8_t *bytes,
                      size_t size);
/* Which block the next unit begins in the midst of, if it begins there. */
static inline void block_goes_on(struct plugins *p, struct block *block,
                                 uint64_t first)
{
    p->running = block;
    p->running_first = first;
    p->watch.in_block = block;
}
/* The pc lies in the midst of a block that goes on. */
bool block_is_open(const struct plugins *p);
uint64_t block_at(struct watch *watch, const struct unit_key *key);
void block_left(struct watch *watch, enum cpu_leave why);
void block_written(struct watch *watch, uint64_t physical, uint64_t size);
/* The bit of an address space in block.seen. */
uint64_t block_asid_bit(struct plugins *p, uint64_t asid);
void block_forget_all(struct plugins *p);

/* answers.c */
void answers_yes(struct plugins *p, void *owner);
/* Of those who have said so; NULL: nobody has. */
const struct answer *answers_take(struct plugins *p);
static inline bool answers_has(const struct answer *answer, const void *owner)
{
    for (unsigned i = 0; i < answer->n; i++) {
        if (answer->owner[i] == owner) {
            return true;
        }
    }
    return false;
}
/* All of them: when no unit is left. */
void answers_forget(struct plugins *p);

/* inserted.c */
/* The first call before an instruction, for the next function; 0: none. */
uint64_t inserted_at(const struct block *block, unsigned position);
void inserted_calls(struct cpu *cpu, uint64_t first); /* of woven code */
void inserted_free(struct block *block);

/* weave.c */
struct ir_unit *weave(struct watch *watch, const struct unit_key *key,
                      struct ir_unit *ir, const uint8_t *bytes, size_t rest,
                      size_t *size, void **blocks);

/* dispatch.c */
void dispatch_access(struct cpu *cpu, uint64_t address,
                     const union ir_value *value, uint32_t how);

/* event.c: see exec/watch.h */
bool dispatch_asid_changed(struct watch *watch, uint64_t from, uint64_t to);
bool dispatch_hypercall(struct watch *watch);
int32_t dispatch_exception(struct watch *watch, int32_t number, uint64_t pc);
unsigned dispatch_interrupt(struct watch *watch, unsigned vector);
void dispatch_device(struct watch *watch, bool write, uint64_t physical,
                     unsigned size, uint64_t *value);
bool dispatch_nobody(struct watch *watch, bool write, uint64_t address,
                     unsigned size, uint64_t *value);
void dispatch_dma(struct watch *watch, const struct inward_event *event,
                  bool after);
void dispatch_transfer(struct watch *watch, const struct transfer *t);
void dispatch_slice_begins(struct watch *watch);
void dispatch_slice_ends(struct watch *watch);
void dispatch_restored(struct plugins *p, struct block *block);
void dispatch_block_translate(struct plugins *p, uint64_t pc);
void dispatch_block_translated(struct plugins *p, struct block *block);
/* Who said yes; NULL: nobody. */
const struct answer *dispatch_insn_translate(struct plugins *p,
                                             panda_cb_type kind, uint64_t pc);
/* What plugins read is the state here; there is a machine. */
void show_here(struct plugins *p);
void dispatch_simple(struct plugins *p, panda_cb_type kind);
void dispatch_monitor(struct plugins *p, Monitor *mon, const char *command);

#include "plugin/crash.h"
#include "plugin/steer.h"

#endif
