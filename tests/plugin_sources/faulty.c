/*
 * A plugin for tests/plugin_faults.py that does what plugins must not, at the
 * count it is told, in a callback of the kind it is told, or in init.
 */
#include "panda/plugin.h"

#include <time.h>

static const char *how;
static uint64_t at;
static uint32_t wait; /* ms */
static volatile uint64_t zero;

/* The largest piece of memory with code in it. */
static volatile uint64_t *generated_code(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long from, to, found = 0, size = 0;
    char line[512], rights[8];

    while (maps && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 &&
            rights[2] == 'x' && to - from > size) {
            found = from;
            size = to - from;
        }
    }
    if (maps) {
        fclose(maps);
    }
    assert(size >= 32 << 20);
    return (volatile uint64_t *)found;
}

static void do_it(void)
{
    volatile uint64_t *bad = NULL;

    if (!strcmp(how, "null")) {
        *bad = *bad + 1;
    } else if (!strcmp(how, "code")) {
        bad = generated_code();
        *bad = 0;
    } else if (!strcmp(how, "assert")) {
        assert(!"what it believed");
    } else if (!strcmp(how, "exit")) {
        exit(0);
    } else if (!strcmp(how, "divide")) {
        zero = at / zero;
    } else if (!strcmp(how, "stack")) {
        char deep[4096];

        memset(deep, 1, sizeof(deep));
        do_it();
        zero += deep[zero];
    } else if (!strcmp(how, "loop")) {
        for (;;) {
            zero = zero + 1;
        }
    }
}

static uint64_t second_before; /* the last count seen a second before `wait` */

/* By then some of the recording has reached its file. */
static bool long_enough(void)
{
    static struct timespec first, now;
    long ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!first.tv_sec) {
        first = now;
    }
    ms = (now.tv_sec - first.tv_sec) * 1000 +
         (now.tv_nsec - first.tv_nsec) / 1000000;
    if (ms + 1000 <= (long)wait) {
        second_before = rr_get_guest_instr_count();
    }
    return ms >= (long)wait;
}

static void when_due(void)
{
    if (rr_in_record() && rr_get_guest_instr_count() >= at && long_enough()) {
        if (second_before) {
            fprintf(stderr, "faulty: a second before, at count %" PRIu64 "\n",
                    second_before);
            second_before = 0;
        }
        do_it();
    }
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu, (void)tb;
    when_due();
}

static void on_write(CPUState *cpu, target_ptr_t pc, target_ptr_t addr,
                     size_t size, uint8_t *buf)
{
    (void)cpu, (void)pc, (void)addr, (void)size, (void)buf;
    when_due();
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args(PLUGIN_NAME);
    const char *where = panda_parse_string(args, "where", "block");
    panda_cb pcb;

    how = panda_parse_string(args, "how", "null");
    at = panda_parse_uint64(args, "at", 300000);
    wait = panda_parse_uint32(args, "wait", 0);
    if (!strcmp(where, "init")) {
        do_it();
    } else if (!strcmp(where, "write")) {
        pcb.virt_mem_after_write = on_write;
        panda_register_callback(self, PANDA_CB_VIRT_MEM_AFTER_WRITE, pcb);
    } else {
        pcb.before_block_exec = on_block;
        panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    }
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    fprintf(stderr, "faulty: uninit\n");
}
