/*
 * Recordings that a program in the guest begins and ends, by a hypercall:
 *
 *     EAX   0x666                 back: RECCTRL_ERROR ... RECCTRL_STOPPED
 *     EBX   enum action
 *     ECX   where the name is, up to 128 bytes with its 0
 *
 * What is asked for happens before the next block, so the call itself is in
 * no recording that it begins.
 */
#include "panda/plugin.h"

#include <time.h>

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define MAGIC 0x666u
#define NAME_MAX_ 128u

enum action { TOGGLE = -100, SESSION_OPEN = 100, SESSION_CLOSE = 200 };
enum answer {
    RECCTRL_ERROR = -1,
    RECCTRL_NO_CHANGE,
    RECCTRL_STARTED,
    RECCTRL_STOPPED,
};

static bool session_rec, dry;
static uint32_t nrec, timeout;

static bool recording;    /* by us */
static uint32_t sessions; /* open ones */
static uint32_t n_begun;
static time_t began;

static bool read_name(CPUState *cpu, target_ulong address, char *name)
{
    for (unsigned i = 0; i < NAME_MAX_; i++) {
        if (panda_virtual_memory_read(cpu, address + i, (uint8_t *)&name[i],
                                      1)) {
            LOG_ERROR("the name at 0x" TARGET_FMT_lx " cannot be read",
                      address);
            return false;
        }
        if (!name[i]) {
            if (!i || strchr(name, '/')) {
                LOG_ERROR("'%s' is no name of a recording: one without '/' "
                          "is wanted",
                          name);
                return false;
            }
            return true;
        }
    }
    LOG_ERROR("the name at 0x" TARGET_FMT_lx " is longer than %u bytes",
              address, NAME_MAX_ - 1);
    return false;
}

static enum answer begin(CPUState *cpu, target_ulong address)
{
    char name[NAME_MAX_], whole[NAME_MAX_ + 16];

    if (!read_name(cpu, address, name)) {
        return RECCTRL_ERROR;
    }
    snprintf(whole, sizeof(whole), nrec == 1 ? "%s" : "%s_%03u", name, n_begun);
    if (!dry && panda_record_begin(whole, NULL) != RRCTRL_OK) {
        LOG_ERROR("the recording '%s' cannot begin now", whole);
        return RECCTRL_ERROR;
    }
    printf("recctrl: begins %s%s\n", whole, dry ? " (dry)" : "");
    recording = true;
    n_begun++;
    began = time(NULL);
    return RECCTRL_STARTED;
}

static enum answer stop(void)
{
    if (!dry && panda_record_end() != RRCTRL_OK) {
        LOG_ERROR("the recording cannot end now");
        return RECCTRL_ERROR;
    }
    printf("recctrl: ends\n");
    recording = false;
    if (nrec && n_begun >= nrec) {
        panda_vm_quit();
    }
    return RECCTRL_STOPPED;
}

static enum answer toggle(CPUState *cpu, target_ulong name)
{
    if (session_rec) {
        LOG_ERROR("there are sessions (session_rec): open and close them");
        return RECCTRL_ERROR;
    }
    return recording ? stop() : begin(cpu, name);
}

/* The first one that is opened begins, the last one that is closed ends. */
static enum answer session(CPUState *cpu, bool opens, target_ulong name)
{
    enum answer answer = RECCTRL_NO_CHANGE;

    if (!session_rec || (!opens && !sessions)) {
        LOG_ERROR("%s", session_rec
                            ? "a session is closed that nobody has opened"
                            : "sessions need the argument session_rec");
        return RECCTRL_ERROR;
    }
    if (opens && !sessions) {
        answer = begin(cpu, name);
    } else if (!opens && sessions == 1 && recording) {
        answer = stop();
    }
    if (answer != RECCTRL_ERROR) {
        sessions += opens ? 1 : -1u;
    }
    return answer;
}

/* A replay has the answers in its log. */
static bool on_hypercall(CPUState *cpu)
{
    CPUX86State *env = cpu->env_ptr;
    enum answer answer;

    if ((uint32_t)env->regs[R_EAX] != MAGIC || rr_in_replay()) {
        return false;
    }
    switch ((int32_t)env->regs[R_EBX]) {
    case TOGGLE:
        answer = toggle(cpu, env->regs[R_ECX]);
        break;
    case SESSION_OPEN:
    case SESSION_CLOSE:
        answer = session(cpu, (int32_t)env->regs[R_EBX] == SESSION_OPEN,
                         env->regs[R_ECX]);
        break;
    default:
        LOG_ERROR("there is no action %d", (int32_t)env->regs[R_EBX]);
        answer = RECCTRL_ERROR;
    }
    env->regs[R_EAX] = (target_ulong)answer;
    return true;
}

static void on_main_loop(void)
{
    if (timeout && recording && !rr_in_replay() &&
        time(NULL) - began >= (time_t)timeout) {
        printf("recctrl: %u s are over\n", timeout);
        sessions = 0;
        stop();
    }
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("recctrl");
    panda_cb pcb = {.guest_hypercall = on_hypercall};

    session_rec = panda_parse_bool_opt(args, "session_rec",
                                       "sessions in place of toggling");
    nrec = panda_parse_uint32_opt(args, "nrec", 0,
                                  "quit after so many recordings; 0: never");
    dry = panda_parse_bool_opt(args, "dry", "only say what would be done");
    timeout = panda_parse_uint32_opt(args, "timeout", 0,
                                     "end a recording after so many seconds");
    panda_free_args(args);
    panda_register_callback(self, PANDA_CB_GUEST_HYPERCALL, pcb);
    pcb = (panda_cb){.main_loop_wait = on_main_loop};
    panda_register_callback(self, PANDA_CB_MAIN_LOOP_WAIT, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
}
