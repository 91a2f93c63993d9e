/*
 * A plugin for tests/pandalog.py. Every so many blocks it logs an entry, and
 * writes what it must say into a file of its own. At the end it can read a
 * log back by the interface in C.
 */
#include "panda/plugin.h"

#include "panda/plog.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static uint64_t every, most, n_blocks, n;
static FILE *truth;
static char *read_back;

static void write_one(uint64_t pc, uint64_t instr)
{
    int32_t numbers[] = {0, -1, 1 << 30, (int32_t)n};
    uint32_t words[] = {0xffffffff, (uint32_t)n};
    uint8_t bytes[] = {0, 0xff, (uint8_t)n, '"'};
    Panda__LogEntry entry = PANDA__LOG_ENTRY__INIT;
    Panda__Inner deep = PANDA__INNER__INIT, inner = PANDA__INNER__INIT;
    Panda__Inner *inners[] = {&deep, &inner};
    char name[] = "a \"name\"\n\\ \x1b[1m \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";

    deep.text = name;
    inner.has_raw = 1;
    inner.raw.len = n % 5;
    inner.raw.data = bytes;
    inner.n_numbers = n % 5;
    inner.numbers = numbers;
    inner.deeper = &deep;
    entry.has_number = 1;
    entry.number = n;
    entry.inner = n % 2 ? &inner : NULL;
    entry.n_inners = n % 3;
    entry.inners = inners;
    entry.has_real32 = entry.has_real64 = entry.has_truth = 1;
    entry.real32 = (float)n / 3;
    entry.real64 = (double)n * 1e20 / 7;
    entry.truth = n % 2;
    entry.has_colour = 1;
    entry.colour = n % 2 ? PANDA__COLOUR__BLUE : PANDA__COLOUR__RED;
    entry.has_negative = 1;
    entry.negative = -(int64_t)n << 40;
    entry.n_words = n % 3;
    entry.words = words;
    entry.process_name = n % 2 ? name : NULL;
    entry.has_process_id = n % 2;
    entry.process_id = (uint32_t)n;
    pandalog_write_entry(&entry);
    fprintf(truth, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", n, instr, pc);
    fflush(truth);
    n++;
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)cpu;
    if (++n_blocks % every == 0 && n < most) {
        write_one(tb->pc, rr_get_guest_instr_count());
    }
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("kinds");
    panda_cb pcb;
    char *own = panda_parse_string(args, "own", NULL);
    uint32_t chunk = panda_parse_uint32(args, "chunk", 0);

    every = panda_parse_uint64(args, "every", 5000);
    most = panda_parse_uint64(args, "most", UINT64_MAX);
    truth = fopen(panda_parse_string(args, "truth", "/dev/null"), "w");
    read_back = panda_parse_string(args, "read", NULL);
    read_back = read_back ? strdup(read_back) : NULL;
    if (own) {
        pandalog_open_write(own, chunk);
    }
    printf("pandalog is %d\n", pandalog);
    panda_free_args(args);
    write_one(UINT64_MAX, UINT64_MAX); /* there is no machine yet */
    pcb.before_block_exec = on_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return truth != NULL;
}

void uninit_plugin(void *self)
{
    Panda__LogEntry *entry;

    (void)self;
    write_one(panda_current_pc(first_cpu), rr_get_guest_instr_count());
    if (read_back) {
        pandalog_close();
        pandalog_open(read_back, "r");
        while ((entry = pandalog_read_entry())) {
            printf("read %" PRIu64 "\n", entry->instr);
            pandalog_free_entry(entry);
        }
        pandalog_close();
    }
    fclose(truth);
}
