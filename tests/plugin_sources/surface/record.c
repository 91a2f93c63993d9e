/*
 * Record control, which is refused in a replay, but for its end; memory saved
 * and, where there is no harm in it, written.
 *
 * > record: 3 refused, nothing is asked for
 * > record: control 2 -1, equal sums
 * > record: 8 MiB saved, beginning with the same bytes
 * > record: written as it was
 * > record: the end
 * ends: ended at request
 */
#include "panda/plugin.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

static void *plugin;
static unsigned blocks;

static void save(void)
{
    FILE *file = tmpfile();
    uint8_t there[4096], saved[4096];

    panda_memsavep(file);
    if (ftell(file) == 8 << 20 && !fseek(file, 0x101000, SEEK_SET) &&
        fread(saved, sizeof(saved), 1, file) == 1 &&
        !panda_physical_memory_read(0x101000, there, sizeof(there)) &&
        !memcmp(there, saved, sizeof(saved))) {
        printf("record: 8 MiB saved, beginning with the same bytes\n");
    }
    fclose(file);
}

/* In a replay other bytes than the recorded ones would be undone. */
static void write_the_same(CPUState *cpu)
{
    uint8_t bytes[4];

    if (!panda_virtual_memory_read(cpu, 0x101000, bytes, 4) &&
        !panda_virtual_memory_write(cpu, 0x101000, bytes, 4) &&
        !panda_physical_memory_write(0x101000, bytes, 4)) {
        printf("record: written as it was\n");
    }
}

static void tell_state(const rr_control_t *control)
{
    uint32_t sums[2] = {rr_checksum_memory(), rr_checksum_regs()};

    printf("record: control %d %d, %s sums\n", (int)control->mode,
           (int)control->next,
           sums[0] == rr_checksum_memory() && sums[1] == rr_checksum_regs()
               ? "equal"
               : "other");
}

static void start_block_exec(CPUState *cpu, TranslationBlock *tb)
{
    RRCTRL_ret answer;

    if (++blocks != 20) {
        assert(tb && blocks < 40);
        return;
    }
    answer = (RRCTRL_ret)panda_record_begin("nothing", NULL);
    if (answer == RRCTRL_EINVALID && panda_record_end() == RRCTRL_EINVALID &&
        panda_replay_begin("nothing") == RRCTRL_EINVALID &&
        !rr_record_requested() && !rr_replay_requested() &&
        panda_get_rr_name() == NULL) {
        printf("record: 3 refused, nothing is asked for\n");
    }
    tell_state(&rr_control);
    save();
    write_the_same(cpu);
    panda_do_break_exec();
    if (panda_replay_end() == RRCTRL_OK &&
        panda_replay_end() == RRCTRL_EPENDING) {
        printf("record: the end\n");
    }
}

bool init_plugin(void *self)
{
    panda_cb pcb = {.start_block_exec = start_block_exec};

    plugin = self;
    panda_register_callback(self, PANDA_CB_START_BLOCK_EXEC, pcb);
    return true;
}

void uninit_plugin(UNUSED(void *self)) {}
