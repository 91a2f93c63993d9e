/*
 * What callbacks of replays hear, against what the device of the recorded run
 * did, which is listed where it does it; and against the log, which is listed
 * without replaying it.
 */
#include "boundary/notes.h"
#include "boundary/record.h"
#include "boundary/replay.h"
#include "events.h"
#include "gadget.h"
#include "plugin/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 4000u
#define SEED 3u

static struct listing *to;
static bool good; /* memory is as it must be */
static unsigned n_old;

static uint64_t digest_of(const uint8_t *bytes, size_t size)
{
    uint64_t digest = size;

    for (size_t i = 0; i < size; i++) {
        digest = mix(digest ^ bytes[i]) + i;
    }
    return digest;
}

static void tell(unsigned kind, uint64_t count, uint64_t a, uint64_t b,
                 size_t size, uint64_t c)
{
    const struct event event = {kind, (uint32_t)size, count, a, b, c};

    list_event(to, &event);
}

/* -- What the device did --------------------------------------------------- */

static void tell_transfer(const struct transfer *t, uint64_t count)
{
    switch (t->kind) {
    case TRANSFER_DISK:
        tell(PANDA_CB_REPLAY_HD_TRANSFER, count, t->from, t->to, t->size,
             t->type);
        break;
    case TRANSFER_NETWORK:
        tell(PANDA_CB_REPLAY_NET_TRANSFER, count, t->from, t->to, t->size,
             t->type);
        break;
    default:
        tell(PANDA_CB_REPLAY_HANDLE_PACKET, count, t->from,
             digest_of(t->bytes, t->size), t->size, t->type);
    }
}

static void tell_dma(const struct inward_event *event, uint64_t count)
{
    for (unsigned i = 0; i < 2; i++) {
        tell(PANDA_CB_REPLAY_BEFORE_DMA + i, count, event->address,
             digest_of(event->bytes, event->size), event->size, 1);
    }
}

static void on_transfer(void *opaque, const struct transfer *t)
{
    const struct machine *m = opaque;

    tell_transfer(t, m->cpu->count + m->in_unit);
}

/* It takes effect behind the instruction. */
static void on_dma(void *opaque, const struct inward_event *event)
{
    const struct machine *m = opaque;

    tell_dma(event, m->cpu->count + 1);
}

static void list_device(const char *path, struct listing *listing)
{
    static const struct log_identity identity = {1, "toy"};
    struct machine *m = toy_machine(SEED);
    struct gadget gadget;
    char *message = NULL;
    struct log_writer *log = log_writer_open(path, true, &identity, &message);
    struct boundary *record;

    to = listing;
    gadget_attach(&gadget, m);
    gadget.listener = (struct transfer_listener){on_transfer, m};
    gadget.dma = on_dma;
    if (!log) {
        abort();
    }
    record = record_begin(gadget.live, log, NULL);
    machine_run(m, STEPS);
    live_settle(gadget.live);
    record_end(record, &message);
    free(message);
    live_free(gadget.live);
    machine_free(m);
}

/* -- What the log has ------------------------------------------------------ */

/* Notes, and behind them DMA, as put_apart() has them. False: damaged. */
static bool list_log(const char *path, struct listing *listing)
{
    char *message;
    struct log_reader *log = log_reader_open(path, &message);
    enum log_result result = LOG_READ_END;
    struct log_entry entry;

    to = listing;
    for (int stream = LOG_OUTSIDE; log && stream >= LOG_INWARD; stream--) {
        while ((result = log_reader_next(log, (enum log_stream)stream,
                                         &entry)) == LOG_READ_ENTRY) {
            struct transfer t;
            bool within;

            if (entry.event.kind == INWARD_WRITE) {
                tell_dma(&entry.event, entry.count);
            } else if (entry.event.kind == INWARD_NOTE &&
                       note_decode(&entry.event, &t, &within)) {
                tell_transfer(&t, entry.count + within);
            }
        }
    }
    log_reader_close(log);
    return result == LOG_READ_END;
}

/* -- What is heard --------------------------------------------------------- */

static void hd(CPUState *cpu, uint32_t type, target_ptr_t from,
               target_ptr_t dest, size_t size)
{
    (void)cpu;
    tell(PANDA_CB_REPLAY_HD_TRANSFER, rr_get_guest_instr_count(), from, dest,
         size, type);
}

static void net(CPUState *cpu, uint32_t type, uint64_t from, uint64_t dest,
                size_t size)
{
    (void)cpu;
    tell(PANDA_CB_REPLAY_NET_TRANSFER, rr_get_guest_instr_count(), from, dest,
         size, type);
}

static void packet(CPUState *cpu, uint8_t *buf, size_t size, uint8_t direction,
                   uint64_t address)
{
    (void)cpu;
    tell(PANDA_CB_REPLAY_HANDLE_PACKET, rr_get_guest_instr_count(), address,
         digest_of(buf, size), size, direction);
}

static void before_dma(CPUState *cpu, const uint8_t *buf, hwaddr addr,
                       size_t size, bool is_write)
{
    (void)cpu;
    tell(PANDA_CB_REPLAY_BEFORE_DMA, rr_get_guest_instr_count(), addr,
         digest_of(buf, size), size, is_write);
}

/* The same event with the manual's arguments, told of behind it. */
static int old_before_dma(CPUState *cpu, uint32_t is_write, uint64_t from,
                          uint64_t address, uint32_t size)
{
    const struct event *e = &to->event[to->n - 1];

    (void)cpu;
    good = good && to->n && is_write == 1 && e->pc == address &&
           e->size == size &&
           e->address == digest_of((const uint8_t *)(uintptr_t)from, size);
    n_old++;
    return 0;
}

static void after_dma(CPUState *cpu, const uint8_t *buf, hwaddr addr,
                      size_t size, bool is_write)
{
    uint8_t there[64];

    (void)cpu;
    good = good && size <= sizeof(there) &&
           !panda_physical_memory_read(addr, there, (int)size) &&
           !memcmp(there, buf, size);
    tell(PANDA_CB_REPLAY_AFTER_DMA, rr_get_guest_instr_count(), addr,
         digest_of(buf, size), size, is_write);
}

static bool list_replay(const char *path, const struct how *how,
                        struct listing *listing)
{
    static char owner;
    struct machine *m = toy_machine(SEED);
    struct plugins *p = plugins_new();
    char *message = NULL;
    struct log_reader *log = log_reader_open(path, &message);
    struct boundary *replay;
    panda_cb pcb;

    if (!log || (how->code && !machine_use_jit(m))) {
        abort();
    }
    to = listing;
    good = true;
    replay = replay_begin(m, log, NULL);
    m->unit_insns = how->unit_insns;
    plugins_set_current(p);
    pcb.replay_hd_transfer = hd;
    panda_register_callback(&owner, PANDA_CB_REPLAY_HD_TRANSFER, pcb);
    pcb.replay_net_transfer = net;
    panda_register_callback(&owner, PANDA_CB_REPLAY_NET_TRANSFER, pcb);
    pcb.replay_handle_packet = packet;
    panda_register_callback(&owner, PANDA_CB_REPLAY_HANDLE_PACKET, pcb);
    pcb.replay_before_dma = before_dma;
    panda_register_callback(&owner, PANDA_CB_REPLAY_BEFORE_DMA, pcb);
    pcb.replay_before_cpu_physical_mem_rw_ram = old_before_dma;
    panda_register_callback(
        &owner, PANDA_CB_REPLAY_BEFORE_CPU_PHYSICAL_MEM_RW_RAM, pcb);
    n_old = 0;
    pcb.replay_after_dma = after_dma;
    panda_register_callback(&owner, PANDA_CB_REPLAY_AFTER_DMA, pcb);
    if (how->mutant && !mutant_set(p, how->mutant, &message)) {
        abort();
    }
    plugins_attach(p, m, RR_REPLAY);
    machine_run(m, UINT64_MAX);
    good = good && n_old && replay_state(replay) == REPLAY_IDENTICAL;
    registry_unregister(p, &owner);
    plugins_free(p);
    replay->ops->free(replay);
    machine_free(m);
    return good;
}

/* -- Compared -------------------------------------------------------------- */

/* DMA behind all else: at one count, a timer comes before it. */
static void put_apart(struct listing *listing)
{
    struct listing apart = {0};

    for (unsigned dma = 0; dma < 2; dma++) {
        for (size_t i = 0; i < listing->n; i++) {
            unsigned kind = listing->event[i].kind;

            if (dma == (kind == PANDA_CB_REPLAY_BEFORE_DMA ||
                        kind == PANDA_CB_REPLAY_AFTER_DMA)) {
                list_event(&apart, &listing->event[i]);
            }
        }
    }
    free(listing->event);
    *listing = apart;
}

static bool hears(const char *path, const struct how *how,
                  const struct listing *truth)
{
    struct listing heard = {0};
    bool same = list_replay(path, how, &heard);

    put_apart(&heard);
    same = same_listing(truth, &heard) && same;
    free(heard.event);
    return same;
}

bool transfers_are_heard(const char *path, const struct how *how)
{
    struct listing truth = {0}, log = {0};
    bool same;

    list_device(path, &truth);
    put_apart(&truth);
    same = list_log(path, &log) && same_listing(&truth, &log);
    same = truth.n > 200 && hears(path, how, &log) && same;
    free(truth.event);
    free(log.event);
    return same;
}

unsigned transfer_faults_noticed(const char *path)
{
    static const char *const hows[] = {"drop", "double", "delay", "alter"};
    static const panda_cb_type kinds[] = {
        PANDA_CB_REPLAY_HD_TRANSFER, PANDA_CB_REPLAY_NET_TRANSFER,
        PANDA_CB_REPLAY_HANDLE_PACKET, PANDA_CB_REPLAY_BEFORE_DMA,
        PANDA_CB_REPLAY_AFTER_DMA};
    struct listing truth = {0};
    unsigned noticed = 0;

    list_device(path, &truth);
    put_apart(&truth);
    for (unsigned i = 0; i < 4 * N_TRANSFER_KINDS; i++) {
        char text[80];
        const struct how how = {64, 0, 0, false, text};

        snprintf(text, sizeof(text), "%s:%s:7", hows[i % 4],
                 registry_name(kinds[i / 4]));
        noticed += !hears(path, &how, &truth);
    }
    free(truth.event);
    return noticed;
}
