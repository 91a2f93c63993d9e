/*
 * Instructions: chosen, counted, as text; and messages.
 *
 * > insns: 64 rounds of add (%edi,%ecx,4),%eax, each in the middle of a count
 * > insns: after them 64 times
 * > insns: the same three ways
 * ! PANDA[insns]:E:
 * ! PANDA[insns]:W> careful
 * ! PANDA[insns]:I> 64 rounds
 */
#define PANDA_LOG_LEVEL PANDA_LOG_INFO
#include "panda/plugin.h"
#include "disas/disas.h"
#include "qemu/log.h"

bool init_plugin(void *self);
void uninit_plugin(void *self);

#define ADD 0x10104a
#define NEXT 0x10104d

static unsigned n_before, n_after, in_order;
static uint64_t last_count;
static bool said;

static bool insn_translate(CPUState *env, target_ptr_t pc)
{
    return env && pc == ADD;
}

static bool after_insn_translate(CPUState *env, target_ptr_t pc)
{
    return env && pc == NEXT;
}

/* What a function prints, in static memory. */
static const char *text_of(int way, CPUState *cpu)
{
    static char text[3][512];
    FILE *out = fmemopen(text[way], sizeof(text[0]), "w");
    uint8_t code[3];

    if (panda_virtual_memory_read(cpu, ADD, code, sizeof(code))) {
        fclose(out);
        return "";
    }
    if (way == 0) {
        panda_disas(out, code, sizeof(code));
    } else if (way == 1) {
        panda_disas_guest(out, cpu, ADD, sizeof(code));
    } else {
        panda_disas_bytes(out, code, sizeof(code), ADD);
    }
    fclose(out);
    return text[way];
}

static int insn_exec(CPUState *env, target_ptr_t pc)
{
    RR_prog_point here = rr_prog_point();

    n_before++;
    in_order += here.guest_instr_count > last_count &&
                here.guest_instr_count == rr_get_guest_instr_count() &&
                env->rr_guest_instr_count == here.guest_instr_count &&
                env->panda_guest_pc == pc;
    last_count = here.guest_instr_count;
    if (!said) {
        said = true;
        if (strstr(text_of(0, env), "add eax, dword ptr [edi + ecx*4]") &&
            !strcmp(text_of(0, env), text_of(1, env)) &&
            !strcmp(text_of(1, env), text_of(2, env))) {
            printf("insns: the same three ways\n");
        }
    }
    return 0;
}

static int after_insn_exec(CPUState *env, target_ptr_t pc)
{
    n_after += panda_current_pc(env) == pc;
    return 0;
}

bool init_plugin(void *self)
{
    panda_cb pcb;

    panda_enable_precise_pc();
    assert(panda_update_pc);
    pcb.insn_translate = insn_translate;
    panda_register_callback(self, PANDA_CB_INSN_TRANSLATE, pcb);
    pcb.insn_exec = insn_exec;
    panda_register_callback(self, PANDA_CB_INSN_EXEC, pcb);
    pcb.after_insn_translate = after_insn_translate;
    panda_register_callback(self, PANDA_CB_AFTER_INSN_TRANSLATE, pcb);
    pcb.after_insn_exec = after_insn_exec;
    panda_register_callback(self, PANDA_CB_AFTER_INSN_EXEC, pcb);
    return true;
}

void uninit_plugin(UNUSED(void *self))
{
    panda_disable_precise_pc();
    if (n_before == 64 && in_order == 64) {
        printf("insns: 64 rounds of add (%%edi,%%ecx,4),%%eax, each in the "
               "middle of a count\n");
    }
    printf("insns: after them %u times\n", n_after);
    LOG_ERROR("text");
    LOG_WARNING("careful");
    LOG_INFO("%u rounds", n_before);
    LOG_DEBUG("%s", PANDA_LOG_LEVEL < PANDA_LOG_DEBUG ? "never" : "seen");
    PANDALN;
    qemu_log_mask(LOG_PANDA | CPU_LOG_RR | CPU_LOG_TAINT_OPS, "never\n");
    qemu_log_mask(CPU_LOG_LLVM_IR, "never\n");
    qemu_log("%s %d %d\n", PANDA_FLAG_STATUS(true), qemu_loglevel,
             CPU_LOG_LLVM_ASM != 0);
    fprintf(stderr, PANDA_MSG_FMT " of %s\n", PLUGIN_NAME, PANDA_CORE_NAME);
}
