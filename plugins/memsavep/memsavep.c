/* The guest's memory at one moment, as a file. See README.md. */
#include "panda/plugin.h"

#include <unistd.h>

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define PAGE 4096u

static double percent;
static uint64_t instrcount, size;
static char *file, *regfile;
static bool done;

/* -- Memory ---------------------------------------------------------------- */

static bool is_zero(const uint8_t *page)
{
    return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

/* Pages of zeros, and what is no memory, are holes in the file. */
static bool save_memory(FILE *out, uint64_t end)
{
    uint8_t page[PAGE];

    for (uint64_t at = 0; at < end; at += PAGE) {
        size_t n = end - at < PAGE ? (size_t)(end - at) : PAGE;

        if (panda_physical_memory_read(at, page, PAGE) || is_zero(page)) {
            continue;
        }
        if (fseeko(out, (off_t)at, SEEK_SET) || fwrite(page, 1, n, out) != n) {
            return false;
        }
    }
    return !fflush(out) && !ftruncate(fileno(out), (off_t)end);
}

/* -- The moment ------------------------------------------------------------ */

static bool told(const char *name, bool good)
{
    if (!good) {
        fprintf(stderr, PANDA_MSG " %s cannot be written: %m\n", name);
    }
    return good;
}

static bool save(CPUState *cpu)
{
    uint64_t end = size ? size : ram_size;
    FILE *out = fopen(file, "w");
    bool good = out && save_memory(out, end);

    good = out && !fclose(out) && good;
    told(file, good);
    if (good) {
        printf("memsavep: %" PRIu64 " bytes at instruction %" PRIu64 " in %s\n",
               end, rr_get_guest_instr_count(), file);
    }
    if (regfile) {
        out = fopen(regfile, "w");
        if (out) {
            cpu_dump_state(cpu, out, fprintf, 0);
        }
        good = told(regfile, out && !fclose(out)) && good;
    }
    return good;
}

static void on_block(CPUState *cpu, TranslationBlock *tb)
{
    (void)tb;
    if (!done && ((instrcount && rr_get_guest_instr_count() >= instrcount) ||
                  (rr_in_replay() && rr_get_percentage() >= percent))) {
        done = true;
        if (save(cpu) && rr_in_replay()) {
            panda_replay_end();
        } else { /* a replay's status tells that nothing was saved */
            panda_vm_quit();
        }
    }
}

bool init_plugin(void *self)
{
    panda_arg_list *args = panda_get_args("memsavep");
    panda_cb pcb;

    percent = panda_parse_double_opt(args, "percent", 200,
                                     "how far into the replay");
    instrcount = panda_parse_uint64_opt(args, "instrcount", 0,
                                        "or at which instruction");
    size = panda_parse_uint64_opt(args, "size", 0,
                                  "bytes from address 0 on; 0: all memory");
    file = strdup(panda_parse_string_opt(args, "file", "memsavep.raw",
                                         "where the memory goes"));
    regfile = panda_parse_string_opt(args, "regfile", NULL,
                                     "where the registers go");
    regfile = regfile ? strdup(regfile) : NULL;
    panda_free_args(args);
    if (percent > 100 && !instrcount && !panda_help_wanted) {
        fprintf(stderr, PANDA_MSG " when? Give percent=P or instrcount=N\n");
        free(file);
        free(regfile);
        return false;
    }
    pcb.before_block_exec = on_block;
    panda_register_callback(self, PANDA_CB_BEFORE_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(void *self)
{
    (void)self;
    if (!done) {
        fprintf(stderr, PANDA_MSG " the run ended before that moment: nothing "
                                  "is saved\n");
    }
    free(file);
    free(regfile);
}
