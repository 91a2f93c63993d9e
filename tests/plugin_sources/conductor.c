/*
 * A plugin for tests/plugin_control.py: begins and ends recordings and
 * replays at counts it is told, and says what it was answered and when it is
 * called. `do=` is a list of steps, COUNT-WORD with + between them.
 */
#include "panda/plugin.h"

static const char *todo, *name;
static uint64_t began;
static bool over;

static void say(const char *what, int result)
{
    fprintf(stderr, "conductor: %s %d mode %d name %s next %d\n", what, result,
            (int)panda_rr_mode(),
            panda_get_rr_name() ? panda_get_rr_name() : "-",
            (int)rr_control.next);
}

static void carry_out(const char *word, size_t length)
{
#define IS(text) (length == strlen(text) && !strncmp(word, text, length))
    if (IS("record")) {
        say("record_begin", panda_record_begin(name, NULL));
        say("again", panda_record_begin(name, NULL));
        say("other", panda_replay_begin(name));
        assert(rr_record_requested() && !rr_in_record());
    } else if (IS("stop")) {
        say("record_end", panda_record_end());
        say("again", panda_record_end());
    } else if (IS("replay")) {
        say("replay_begin", panda_replay_begin(name));
        assert(rr_replay_requested());
    } else if (IS("leave")) {
        say("replay_end", panda_replay_end());
    } else if (IS("quit")) {
        say("vm_quit", panda_vm_quit());
    } else if (IS("wrong")) {
        assert(panda_record_begin("", NULL) == RRCTRL_EINVALID);
        assert(panda_record_begin(NULL, NULL) == RRCTRL_EINVALID);
        assert(panda_record_begin("x", "snapshot") == RRCTRL_EINVALID);
        assert(rr_in_record() || panda_record_end() == RRCTRL_EINVALID);
        assert(rr_in_replay() || panda_replay_end() == RRCTRL_ERROR);
        say("wrong", 0);
    }
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    static uint64_t n;
    char *end;

    (void)cpu, (void)tb;
    assert(!over);
    n++;
    while (*todo && n >= strtoull(todo, &end, 10)) {
        size_t length = strcspn(++end, "+");

        carry_out(end, length);
        todo = end + length + (end[length] == '+');
    }
    if (rr_on() && !began) {
        began = n;
        assert(rr_get_guest_instr_count() == 0);
        fprintf(
            stderr, "conductor: in mode %d at block %" PRIu64 ", sum %08x\n",
            (int)panda_rr_mode(), n, rr_checksum_memory() ^ rr_checksum_regs());
    }
    if (rr_off()) {
        began = 0;
    }
}

static void before_end(void)
{
    assert(!over);
    over = true;
    say("pre_shutdown", 0);
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args(PLUGIN_NAME);
    panda_cb pcb;

    todo = panda_parse_string(args, "do", "");
    name = panda_parse_string(args, "name", "conducted");
    pcb.before_block_exec = on_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    pcb.pre_shutdown = before_end;
    panda_register_callback(self, PANDA_CB_PRE_SHUTDOWN, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    assert(over);
    fprintf(stderr, "conductor: uninit\n");
}
