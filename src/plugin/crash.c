#include "plugin/plugins.h"

#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

/* -- Who it is ------------------------------------------------------------- */

/* "plugin NAME, in FUNCTION at count N"; false: none is called. */
static bool describe(struct plugins *p, char *text, size_t room)
{
    const struct subscription *s = p->calling;
    const struct plugin *plugin = s ? plugins_of_handle(p, s->owner) : NULL;

    if (s) {
        snprintf(text, room, "plugin %s, in PANDA_CB_%s at count %" PRIu64,
                 plugin ? plugin->name : "?", registry_name_of(p, s),
                 p->cpu.rr_guest_instr_count);
    } else if (p->starting || p->ending) {
        plugin = p->starting ? p->starting : p->ending;
        snprintf(text, room, "plugin %s, in %sinit_plugin() at count %" PRIu64,
                 plugin->name, p->starting ? "" : "un",
                 p->cpu.rr_guest_instr_count);
    }
    return s || p->starting || p->ending;
}

static void say(const char *text)
{
    size_t size = strlen(text);

    while (size) {
        ssize_t n = write(STDERR_FILENO, text, size);

        if (n <= 0) {
            return;
        }
        text += n;
        size -= (size_t)n;
    }
}

/* -- Signals --------------------------------------------------------------- */

static const struct {
    int number;
    const char *what;
} signals[] = {
    {SIGSEGV, "reads or writes memory that is not there or not its own"},
    {SIGBUS, "reads or writes memory that is not there"},
    {SIGILL, "runs into what is no instruction"},
    {SIGFPE, "divides by zero"},
    {SIGABRT, "aborts: a failed assertion, or a C++ exception that nobody "
              "caught"},
};
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static struct sigaction before[N_SIGNALS];

/* What comes after is what would have come without us: a core, a debugger. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    struct plugins *p = plugins_current();
    char who[256], text[512];

    (void)context;
    if (p && number == SIGSEGV && info->si_code > 0 &&
        shown_touched(p, (uintptr_t)info->si_addr)) {
        return;
    }
    for (unsigned i = 0; i < N_SIGNALS; i++) {
        if (signals[i].number == number) {
            if (p && describe(p, who, sizeof(who))) {
                snprintf(text, sizeof(text), "\npanda: %s: it %s\n", who,
                         signals[i].what);
                say(text);
            }
            sigaction(number, &before[i], NULL);
        }
    }
}

static void catch_signals(void)
{
    static uint8_t stack[64 << 10]; /* for one that has used up its own */
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK |
                                           SA_NODEFER};

    sigaltstack(&other, NULL);
    for (unsigned i = 0; i < N_SIGNALS; i++) {
        struct sigaction now;

        sigaction(signals[i].number, NULL, &now);
        if (now.sa_sigaction != on_signal) {
            before[i] = now;
            sigaction(signals[i].number, &action, NULL);
        }
    }
}

/* -- Calls that do not return ---------------------------------------------- */

struct crash_watch {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool end;
    struct plugins *p;
};

/* What changes whenever one returns. */
static uintptr_t call_now(const struct plugins *p)
{
    const struct subscription *s = __atomic_load_n(&p->calling,
                                                   __ATOMIC_RELAXED);
    const struct plugin *plugin = p->starting ? p->starting : p->ending;

    return s ? (uintptr_t)s + p->cpu.rr_guest_instr_count : (uintptr_t)plugin;
}

static void give_up(struct plugins *p)
{
    char who[256], text[512];

    if (describe(p, who, sizeof(who))) {
        snprintf(text, sizeof(text),
                 "\npanda: %s: it has not returned for %u seconds "
                 "(-panda-patience)\n",
                 who, p->patience);
        say(text);
        _exit(1);
    }
}

static void *watch_calls(void *opaque)
{
    struct crash_watch *w = opaque;
    uintptr_t last = 0;
    unsigned seconds = 0;

    pthread_mutex_lock(&w->mutex);
    while (!w->end) {
        struct timespec until;
        uintptr_t call = call_now(w->p);

        seconds = call && call == last ? seconds + 1 : 0;
        last = call;
        if (w->p->patience && seconds > w->p->patience) {
            give_up(w->p);
        }
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&w->ended, &w->mutex, &until);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

void crash_watch(struct plugins *p)
{
    struct crash_watch *w = panda_must(calloc(1, sizeof(*w)));
    sigset_t all, old;

    catch_signals();
    w->p = p;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->ended, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* they are the others' */
    if (pthread_create(&w->thread, NULL, watch_calls, w)) {
        free(w);
        w = NULL;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    p->crash = w;
}

void crash_unwatch(struct plugins *p)
{
    struct crash_watch *w = p->crash;

    if (!w) {
        return;
    }
    pthread_mutex_lock(&w->mutex);
    w->end = true;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->ended);
    pthread_mutex_destroy(&w->mutex);
    free(w);
    p->crash = NULL;
}

/* -- exit() ---------------------------------------------------------------- */

/*
 * The plugin's function is made to return 0 to us, by the unwinder: whatever
 * the guest was at is completed, and the run ends before its next block as if
 * it had been asked to.
 */

struct way_back {
    bool left; /* the program: behind are the plugin's frames */
    uintptr_t rbx, rbp, rsp, r12, r13, r14, r15, rip;
};

extern const char __executable_start, etext;

static bool is_ours(uintptr_t pc)
{
    return pc >= (uintptr_t)&__executable_start && pc < (uintptr_t)&etext;
}

static _Unwind_Reason_Code look_at_frame(struct _Unwind_Context *frame,
                                         void *opaque)
{
    struct way_back *way = opaque;
    uintptr_t pc = _Unwind_GetIP(frame);

    if (!is_ours(pc)) {
        way->left = true;
        return _URC_NO_REASON;
    }
    if (!way->left) {
        return _URC_NO_REASON;
    }
    way->rbx = _Unwind_GetGR(frame, 3);
    way->rbp = _Unwind_GetGR(frame, 6);
    way->r12 = _Unwind_GetGR(frame, 12);
    way->r13 = _Unwind_GetGR(frame, 13);
    way->r14 = _Unwind_GetGR(frame, 14);
    way->r15 = _Unwind_GetGR(frame, 15);
    way->rsp = _Unwind_GetCFA(frame);
    way->rip = pc;
    return _URC_NORMAL_STOP;
}

void __asan_handle_no_return(void) __attribute__((weak));

/* Whoever called the plugin's function, sees it return 0. */
static void go_back(const struct way_back *way)
{
    if (__asan_handle_no_return) {
        __asan_handle_no_return();
    }
    __asm__ volatile("mov 8(%0), %%rbx\n\t"
                     "mov 16(%0), %%rbp\n\t"
                     "mov 24(%0), %%rsp\n\t"
                     "mov 32(%0), %%r12\n\t"
                     "mov 40(%0), %%r13\n\t"
                     "mov 48(%0), %%r14\n\t"
                     "mov 56(%0), %%r15\n\t"
                     "xor %%eax, %%eax\n\t"
                     "cld\n\t"
                     "jmp *64(%0)"
                     :
                     : "c"(way)
                     : "memory");
    __builtin_unreachable();
}
_Static_assert(offsetof(struct way_back, rbx) == 8 &&
                   offsetof(struct way_back, rip) == 64,
               "what go_back() reads");

static void end_run(struct plugins *p, const char *who, int status)
{
    struct way_back way = {0};

    p->exited = true;
    if (p->starting) {
        plugins_fail(
            p, panda_message("its init_plugin() called exit(%d)", status));
    } else {
        fprintf(stderr, "\npanda: %s: it calls exit(%d), which ends the run\n",
                who, status);
        if (p->calling) { /* of it nothing more is called but uninit */
            panda_disable_plugin(p->calling->owner);
        }
        panda_vm_quit();
    }
    _Unwind_Backtrace(look_at_frame, &way);
    if (way.rip) {
        go_back(&way);
    }
}

int crash_exit(int status)
{
    struct plugins *p = plugins_current();
    char who[256];

    if (p && describe(p, who, sizeof(who))) {
        end_run(p, who, status);
        return status ? status : 1; /* there was no way back */
    }
    return status;
}
