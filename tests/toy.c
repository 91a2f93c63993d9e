/*
 * A made-up guest for tests of the engine: three-byte instructions, eight
 * registers, flat addresses, and every byte sequence is a program. So random
 * bytes are programs that overwrite themselves, straddle pages, touch devices
 * and fault.
 *
 *     0 add b       1 add rb      2 load [rb]   3 store [rb]  4 store near
 *     5 jump if !=  6 jump        7 multiply    8 rotate      9 in rb
 */
#include "toy.h"

#include "boundary/boundary.h"
#include "exec/machine.h"
#include "ir/build.h"

#include <string.h>

#define CPU_SLOT(name, size, type) \
    { \
#name, offsetof(struct cpu, name), size, type, false \
    }
#define SLOT(n) \
    { \
        "r" #n, offsetof(struct toy, r[n]), 8, IR_I64, false \
    }
static const struct guest_slot slots[] = {
    SLOT(0),
    SLOT(1),
    SLOT(2),
    SLOT(3),
    SLOT(4),
    SLOT(5),
    SLOT(6),
    SLOT(7),
    CPU_SLOT(request, 4, IR_I32),
    {"current", offsetof(struct cpu, shown_current), 8, IR_I64, true},
    CPU_SLOT(asid_bit, 8, IR_I64),
};

static uint64_t help_in(struct cpu *cpu, uint64_t port)
{
    return machine_io_read(cpu->machine, BOUNDARY_PORT, port & 0xff, 1);
}

static const struct guest_helper helpers[] = {
    {"in", (void (*)(void))help_in, IR_I64, 1, {IR_I64}, HELPER_IO},
};

static void reset(struct cpu *cpu)
{
    memset(toy_of(cpu)->r, 0, sizeof(toy_of(cpu)->r));
    toy_of(cpu)->pc = 0x100;
}

static uint64_t get_pc(const struct cpu *cpu)
{
    return toy_of(cpu)->pc;
}

static void set_pc(struct cpu *cpu, uint64_t pc)
{
    toy_of(cpu)->pc = pc;
}

static uint64_t mode(const struct cpu *cpu)
{
    (void)cpu;
    return 0;
}

static unsigned mmu_index(uint64_t mode)
{
    return (unsigned)mode;
}

static bool walk(struct cpu *cpu, uint64_t address, enum mem_access access,
                 unsigned mmu_index, bool debug, struct walk_result *result)
{
    (void)access, (void)mmu_index, (void)debug;
    if (address >= BAD_ADDRESS) {
        toy_of(cpu)->fault = address;
        return false;
    }
    memset(result, 0, sizeof(*result));
    result->physical = address;
    result->page_size = PAGE_SIZE_;
    result->readable = result->writable = result->executable = true;
    return true;
}

static void deliver_exception(struct cpu *cpu)
{
    toy_of(cpu)->r[6] += toy_of(cpu)->fault;
    toy_of(cpu)->pc = (toy_of(cpu)->pc + 3 * INSN_SIZE + 1) % CODE_SIZE;
}

static ir_ref address_of(struct ir_builder *b, unsigned reg)
{
    return ir_bin(b, IR_and, ir_get(b, reg), ir_const_i64(b, ADDRESS_MASK));
}

/* One instruction; true: it ended the unit. */
static bool insn(struct ir_builder *b, uint64_t pc, const uint8_t *byte)
{
    unsigned x = byte[1] & 7, y = byte[2] & 7;
    uint64_t target = (pc + (uint64_t)((int8_t)byte[2] * 3)) % CODE_SIZE;

    ir_insn(b, pc);
    switch (byte[0] % 10) {
    case 0:
        ir_set(b, x,
               ir_bin(b, IR_add, ir_get(b, x),
                      ir_const_i64(b, (uint64_t)(int8_t)byte[2])));
        break;
    case 1:
        ir_set(b, x, ir_bin(b, IR_add, ir_get(b, x), ir_get(b, y)));
        break;
    case 2:
        ir_set(b, x, ir_load(b, IR_I64, address_of(b, y), 3));
        break;
    case 3:
        ir_store(b, address_of(b, y), ir_get(b, x), byte[1] >> 3 & 3);
        break;
    case 4: /* a store near the program itself */
        ir_store(b, ir_const_i64(b, (target + (byte[1] >> 3)) % CODE_SIZE),
                 ir_get(b, x), byte[1] >> 6);
        break;
    case 5:
        ir_exit_if(b, ir_bin(b, IR_ne, ir_get(b, x), ir_get(b, y)), target);
        break;
    case 6:
        ir_exit(b, ir_const_i64(b, target), IR_EXIT_LINK);
        return true;
    case 7:
        ir_set(b, x,
               ir_bin(b, IR_mul, ir_get(b, x),
                      ir_const_i64(b, 0x10003 + byte[2])));
        break;
    case 8:
        ir_set(b, x,
               ir_bin(b, IR_rotl, ir_get(b, y), ir_const_i32(b, byte[2])));
        break;
    case 9:
        ir_set(b, x, ir_call(b, 0, ir_get(b, y), 0, 0, 0));
        ir_exit(b, ir_const_i64(b, (pc + INSN_SIZE) % CODE_SIZE), IR_EXIT_POLL);
        return true;
    }
    return false;
}

static size_t translate(struct ir_builder *b, uint64_t mode, uint64_t pc,
                        const uint8_t *bytes, size_t size, unsigned max)
{
    size_t at = 0;
    unsigned n = 0;

    (void)mode;
    while (n < max && at + INSN_SIZE <= size) {
        if (bytes[at] % 10 == 9 && n) { /* does I/O: comes alone */
            break;
        }
        n++;
        at += INSN_SIZE;
        if (insn(b, pc + at - INSN_SIZE, bytes + at - INSN_SIZE)) {
            return at;
        }
    }
    if (at) {
        ir_exit(b, ir_const_i64(b, (pc + at) % CODE_SIZE), IR_EXIT_LINK);
    }
    return at;
}

/* -- For plugins: their CPU struct is the CPU itself ----------------------- */

static size_t plugin_insn(uint64_t mode, const uint8_t *bytes, size_t size,
                          bool *ends_block)
{
    unsigned op = bytes[0] % 10;

    (void)mode;
    *ends_block = op == 5 || op == 6 || op == 9;
    return size < INSN_SIZE ? 0 : INSN_SIZE;
}

static void *plugin_show(struct cpu *cpu, uint64_t pc, void *cache)
{
    (void)cache;
    toy_of(cpu)->pc = pc;
    cpu->shown_current = 1;
    return cpu;
}

static uint32_t plugin_flags(const struct cpu *cpu)
{
    (void)cpu;
    return 0;
}

static uint64_t plugin_zero(const struct cpu *cpu)
{
    (void)cpu;
    return 0;
}

static bool plugin_in_kernel(const struct cpu *cpu)
{
    (void)cpu;
    return false;
}

static const struct guest_plugin toy_plugin = {
    .insn = plugin_insn,
    .show = plugin_show,
    .asid = plugin_zero,
    .in_kernel = plugin_in_kernel,
    .stack_pointer = plugin_zero,
    .return_value = plugin_zero,
    .code_base = plugin_zero,
    .block_flags = plugin_flags,
};

static bool accepts_interrupt(const struct cpu *cpu)
{
    return toy_of(cpu)->r[5] % 8 != 0;
}

static void deliver_interrupt(struct cpu *cpu, unsigned vector)
{
    struct toy *toy = toy_of(cpu);

    toy->r[5] ^= mix(toy->pc + vector);
    toy->pc = mix(toy->r[5]) % CODE_SIZE;
    cpu->halted = toy->r[5] % 16 == 3; /* sometimes it sleeps at once */
}

static uint64_t hash_registers(const struct cpu *cpu)
{
    uint64_t hash = toy_of(cpu)->pc;

    for (unsigned i = 0; i < 8; i++) {
        hash = mix(hash ^ toy_of(cpu)->r[i]) + i;
    }
    return hash;
}

static void no_misalignment(struct cpu *cpu, uint64_t address,
                            enum mem_access access)
{
    (void)cpu, (void)address, (void)access;
}

static bool is_sound(const struct cpu *cpu)
{
    return toy_of(cpu)->pc < RAM_SIZE;
}

static const struct guest_field fields[] = {
    {"r", offsetof(struct toy, r), sizeof(((struct toy *)0)->r)},
    {"pc", offsetof(struct toy, pc), sizeof(((struct toy *)0)->pc)},
};

const struct guest toy_guest = {
    .name = "toy",
    .cpu_size = sizeof(struct toy),
    .plugin = &toy_plugin,
    .slots = slots,
    .n_slots = 11,
    .helpers = helpers,
    .n_helpers = 1,
    .n_mmu = 1,
    .fields = fields,
    .n_fields = 2,
    .reset = reset,
    .get_pc = get_pc,
    .set_pc = set_pc,
    .mode = mode,
    .mmu_index = mmu_index,
    .translate = translate,
    .walk = walk,
    .deliver_exception = deliver_exception,
    .note_misaligned = no_misalignment,
    .accepts_interrupt = accepts_interrupt,
    .deliver_interrupt = deliver_interrupt,
    .hash_registers = hash_registers,
    .is_sound = is_sound,
};

struct machine *toy_machine(uint64_t seed)
{
    struct machine *m = machine_new(&toy_guest);
    struct mem_block *ram = mem_add_block(m->memory, "ram", BLOCK_RAM,
                                          RAM_SIZE);

    mem_map(m->memory, 0, RAM_SIZE, ram, 0);
    for (unsigned i = 0; i < RAM_SIZE / 8; i++) {
        uint64_t word = mix(seed * RAM_SIZE + i);

        mem_write_physical(m->memory, 8 * i, &word, 8);
    }
    return m;
}
