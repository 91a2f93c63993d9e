#include "callstack_instr/threads.h"

/* As osi/osi_types.h declares it. */
typedef struct osi_thread {
    target_pid_t pid, tid;
} OsiThread;

static OsiThread *(*current_thread)(CPUState *);

bool threads_are_known(void)
{
    char *path = panda_plugin_path("osi");
    bool known = path != NULL;

    free(path);
    return known;
}

bool threads_open(void)
{
    void *osi;

    panda_require("osi");
    osi = panda_get_plugin_by_name("osi");
    if (osi) {
        *(void **)(void *)&current_thread = dlsym(osi, "get_current_thread");
    }
    if (osi && !current_thread) {
        fprintf(stderr, PANDA_MSG " stack_type=threaded: the plugin osi has no "
                                  "get_current_thread()\n");
    }
    return current_thread;
}

struct thread thread_now(CPUState *cpu)
{
    OsiThread *from = current_thread(cpu);
    struct thread thread = {0, 0};

    if (from) {
        thread = (struct thread){from->pid, from->tid};
        g_free(from);
    }
    return thread;
}

target_ulong thread_key(struct thread thread, bool in_kernel)
{
    uint64_t name = (uint64_t)(uint32_t)thread.pid << 32 | (uint32_t)thread.tid;

    return (target_ulong)((name * 0x9e3779b97f4a7c15ull ^ name >> 29) << 1 |
                          in_kernel);
}
