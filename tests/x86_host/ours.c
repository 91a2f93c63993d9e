/*
 * Our two sides: a machine in a mode of user privilege with the pages of the
 * test, and one unit of the one instruction, interpreted or generated: for an
 * MXCSR that masks all exceptions, and for others.
 */
#include "host.h"

#include "exec/machine.h"
#include "guest/x86/state.h"
#include "guest/x86/x87.h"
#include "host/x86_64/compile.h"
#include "ir/build.h"
#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Physical: tables, the descriptors, then DATA. */
#define TABLES 0x1000u
#define DESCRIPTORS 0x5000u
#define PHYSICAL_DATA 0x10000u
#define RAM_SIZE 0x20000u
#define LINEAR_DESCRIPTORS (DATA + 0xf0000u)

#define ITERATIONS_MAX 1000u

static struct machine *machine;
static struct jit jit;
static struct ir_unit *units[2]; /* [1]: not all exceptions are masked */
static struct host_unit *hosts[2];
static const struct encoding *prepared;

static uint8_t *ram(uint32_t physical)
{
    return mem_block_at(machine->memory, 0)->host + physical;
}

uint8_t *ours_data(void)
{
    return ram(PHYSICAL_DATA);
}

/* -- Set-up ---------------------------------------------------------------- */

static void put64(uint32_t physical, uint64_t value)
{
    memcpy(ram(physical), &value, 8);
}

static void make_tables(void)
{
    const uint32_t directory = DATA >> 21, last = TABLES + 0x3000;

    for (unsigned level = 0; level < 3; level++) {
        uint32_t table = TABLES + 0x1000 * level;

        put64(table + 8 * (level == 2 ? directory : 0), (table + 0x1000) | 7);
    }
    put64(last, PHYSICAL_DATA | 7);
    put64(last + 8, (PHYSICAL_DATA + 0x1000) | 7);
    put64(last + 16, (PHYSICAL_DATA + 0x2000) | 5);
    put64(last + 8 * 0xf0, DESCRIPTORS | 3);
    memcpy(ram(PHYSICAL_DATA + DATA_SIZE), (void *)(uintptr_t)READ_ONLY,
           0x1000);
}

/* What Linux has in the first seven places. */
static const uint64_t descriptors[7] = {0,
                                        0x00cf9b000000ffff,
                                        0x00af9b000000ffff,
                                        0x00cf93000000ffff,
                                        0x00cffb000000ffff,
                                        0x00cff3000000ffff,
                                        0x00affb000000ffff};

static struct x86_segment_register segment_of(uint16_t selector)
{
    uint64_t descriptor = descriptors[selector >> 3];

    return (struct x86_segment_register){
        .selector = selector,
        .limit = selector ? 0xffffffffu : 0,
        .access = (uint16_t)(descriptor >> 40)};
}

static void set_segments(enum x86_mode mode)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);

    x86->segment[X86_DS] = x86->segment[X86_ES] = x86->segment[X86_SS] =
        segment_of(USER_DS);
    x86->segment[X86_FS] = x86->segment[X86_GS] = segment_of(0);
    x86->segment[X86_CS] = segment_of(mode == X86_MODE_64 ? USER_CS64
                                                          : USER_CS32);
    if (mode == X86_MODE_64) {
        x86->segment[X86_GS].base = GS_BASE;
    }
}

void ours_init(void)
{
    struct x86_cpu *x86;

    machine = machine_new(&x86_guest);
    mem_map(machine->memory, 0, RAM_SIZE,
            mem_add_block(machine->memory, "ram", BLOCK_RAM, RAM_SIZE), 0);
    make_tables();
    memcpy(ram(DESCRIPTORS), descriptors, sizeof(descriptors));
    x86 = x86_of(machine->cpu);
    x86->ldtr = x86->tr = (struct x86_segment_register){0}; /* null */
    x86->gdtr.base = LINEAR_DESCRIPTORS;
    x86->gdtr.limit = sizeof(descriptors) - 1;
    x86->cr[0] = 0x80010033; /* PG WP NE ET MP PE */
    x86->cr[3] = TABLES;
    x86->cr[4] = 0x620; /* OSXMMEXCPT OSFXSR PAE */
    x86->efer = X86_EFER_LMA | X86_EFER_LME | X86_EFER_SCE | X86_EFER_NXE;
    x86->cpl = 3;
    jump_cache_clear(&machine->cpu->jump_cache);
    units[0] = ir_unit_new(&x86_guest);
    units[1] = ir_unit_new(&x86_guest);
    if (!jit_open(&jit, &x86_guest, 4u << 20)) {
        printf("  no memory for code\n");
        exit(1);
    }
}

/* -- An encoding ----------------------------------------------------------- */

static unsigned unmasked(void)
{
    return (~x86_of(machine->cpu)->mxcsr & 0x1f80) != 0;
}

static bool prepare(const struct encoding *e, uint32_t mxcsr)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);
    struct ir_unit *unit;
    struct ir_builder b;
    char *message = NULL;
    bool good;

    x86->mxcsr = mxcsr;
    unit = units[unmasked()];
    ir_unit_clear(unit);
    ir_begin(&b, unit);
    good = x86_translate(&b, x86_guest.mode(machine->cpu), INSN, e->bytes,
                         e->insn.length, 1) == e->insn.length;
    ir_end(&b);
    good = good && ir_verify(unit, &message);
    if (good) {
        ir_pass_dead(unit);
        hosts[unmasked()] = jit_compile(&jit, unit, INSN, 0, machine);
        good = hosts[unmasked()];
    }
    if (!good) {
        printf("  %s\n", message ? message : "not translated as one");
    }
    free(message);
    return good;
}

bool ours_prepare(const struct encoding *e)
{
    prepared = e;
    set_segments(e->mode);
    x86_of(machine->cpu)->eflags = e->df ? X86_EFLAGS_DF : 0;
    for (unsigned i = 0; i < 2; i++) {
        jit_unit_free(hosts[i]);
        hosts[i] = NULL;
    }
    jit_flush(&jit);
    return prepare(e, 0x1f80) && prepare(e, 0);
}

/* -- State in and out ------------------------------------------------------ */

static void set_fx(const struct state *in)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);

    memcpy(x86->xmm, in->fx + FX_XMM, sizeof(x86->xmm));
    x86->mxcsr = fx32(in, FX_MXCSR);
    x86->x87_control = fx16(in, FX_CONTROL);
    x87_set_status_word(x86, fx16(in, FX_STATUS));
    x86->x87_valid = in->fx[FX_TAGS];
    x86->x87_opcode = fx16(in, FX_OPCODE);
    memcpy(&x86->x87_ip, in->fx + FX_IP, 8);
    memcpy(&x86->x87_dp, in->fx + FX_DP, 8);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(&x86->x87[(x86->x87_top + i) & 7], in->fx + FX_ST + 16 * i, 10);
    }
}

static void get_fx(struct state *out)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);
    const uint16_t words[4] = {x86->x87_control, x87_status_word(x86),
                               x86->x87_valid, x86->x87_opcode};

    memcpy(out->fx, words, 8);
    memcpy(out->fx + FX_IP, &x86->x87_ip, 8);
    memcpy(out->fx + FX_DP, &x86->x87_dp, 8);
    memcpy(out->fx + FX_MXCSR, &x86->mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(out->fx + FX_ST + 16 * i, &x86->x87[(x86->x87_top + i) & 7], 16);
    }
    memcpy(out->fx + FX_XMM, x86->xmm, sizeof(x86->xmm));
}

static void set_state(const struct state *in)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);

    set_segments(prepared->mode);
    memcpy(x86->gpr, in->gpr, sizeof(x86->gpr));
    x86_set_eflags(x86, (uint32_t)in->flags);
    x86->rip = INSN;
    x86->cpl = 3;
    x86->exception = (struct x86_exception){.vector = NO_FAULT};
    set_fx(in);
    machine->cpu->insn_pc = INSN;
    machine->cpu->count = 0;
}

static void get_state(struct state *out)
{
    struct x86_cpu *x86 = x86_of(machine->cpu);

    memcpy(out->gpr, x86->gpr, sizeof(x86->gpr));
    out->rip = x86->rip;
    out->flags = x86_get_eflags(x86);
    out->cs = x86->segment[X86_CS].selector;
    out->ds = x86->segment[X86_DS].selector;
    out->es = x86->segment[X86_ES].selector;
    out->ss = x86->segment[X86_SS].selector;
    out->gs = x86->segment[X86_GS].selector;
    get_fx(out);
}

/* -- A case ---------------------------------------------------------------- */

static void step(bool generated)
{
    struct cpu *cpu = machine->cpu;
    uint64_t pc;

    cpu->deadline = cpu->count + 1;
    cpu->alone = !generated;
    if (generated) {
        jit_run(&jit, cpu, hosts[unmasked()]->entry, &pc);
        x86_guest.set_pc(cpu, pc);
    } else {
        ir_interpret(cpu, units[unmasked()]);
    }
}

/* As the run loop goes on after a step was left. Only an instruction that
 * came to run alone is run again. */
static void leave(struct state *out, int why)
{
    const struct x86_exception *noted = &x86_of(machine->cpu)->exception;

    x86_guest.set_pc(machine->cpu, machine->cpu->insn_pc);
    get_state(out);
    out->vector = noted->vector;
    out->error = noted->has_error ? noted->error : 0;
    out->address = noted->vector == X86_PF ? noted->address : 0;
    if (noted->software) {
        out->rip = noted->address;
    }
    if (why != CPU_LEAVE_EXCEPTION) {
        out->vector = 0x100u + (unsigned)why;
    }
}

bool ours_run(const struct state *in, struct state *out, bool generated)
{
    volatile unsigned n = 0;
    volatile bool code = generated;
    int why;

    memset(out, 0, sizeof(*out));
    set_state(in);
    why = setjmp(machine->cpu->leave);
    if (why == CPU_LEAVE_REDO && code) {
        code = false; /* as the run loop does: alone, so interpreted */
        why = 0;
    }
    if (why) {
        leave(out, why);
        return true;
    }
    do { /* an iteration of a repeated instruction is a unit */
        step(code);
    } while (x86_of(machine->cpu)->rip == INSN && ++n < ITERATIONS_MAX &&
             prepared->insn.rep);
    get_state(out);
    out->vector = NO_FAULT;
    return n < ITERATIONS_MAX;
}
