/*
 * A guest architecture as the rest of the engine sees it: a table of slots,
 * a table of helpers and a few functions. Nothing is compiled per guest.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include "ir/types.h"

struct cpu;
struct ir_builder;
struct ir_unit;

/* One named piece of guest state that IR may get and set. */
struct guest_slot {
    const char *name;
    uint32_t offset; /* from the start of the guest's CPU struct */
    uint8_t size;    /* bytes in memory: 1, 2, 4, 8, 16 */
    uint8_t type;    /* enum ir_type; a narrower slot is zero-extended */
    bool stateless;  /* made anew whenever it matters */
};

/* A piece of state as snapshots hold it: by name, so that a later version may
 * add one. Little-endian on every host that there is a code generator for. */
struct guest_field {
    const char *name;
    uint32_t offset, size;
};

/* Effects of a helper. Without any, the helper is a pure function. */
#define HELPER_READS 1u  /* may read any slot */
#define HELPER_WRITES 2u /* may write any slot */
#define HELPER_FAULTS 4u /* may leave with an exception */
#define HELPER_IO 8u     /* crosses the boundary: runs alone */
#define HELPER_AT_PC 16u /* finds the instruction's pc in the slot for it */

/*
 * void helpers get the CPU, the value of each argument zero-extended, v128
 * arguments by address, and return an integer or, when result is IR_V128,
 * fill *(union ir_value *) passed as the last argument.
 */
struct guest_helper {
    const char *name;
    void (*function)(void);
    uint8_t result;  /* enum ir_type */
    uint8_t n_args;  /* 0..4 */
    uint8_t args[4]; /* enum ir_type */
    uint8_t effects;
};

/* What a page walk was asked for and found. */
enum mem_access { MEM_READ, MEM_WRITE, MEM_FETCH };

struct walk_step {    /* an entry that the walk read */
    uint64_t address; /* physical, a multiple of the size */
    uint8_t size;     /* 4 or 8 bytes */
    uint8_t shift;    /* the entry maps 1 << shift bytes of virtual space */
    bool top;         /* of a top table of 512 entries: addresses are those
                         that its index makes, sign-extended */
};

struct walk_result {
    uint64_t physical;                   /* of the address asked for */
    uint64_t page_size;                  /* of the mapping: 4 KiB, 2 MiB, ... */
    bool readable, writable, executable; /* at this MMU index, now: writable
                                            only once the dirty bit is set */
    struct walk_step steps[5];
    unsigned n_steps;
};

/* Told of a register that plugins have written: the guest's number for it. */
typedef void guest_wrote(void *opaque, uint32_t number, const void *bytes,
                         size_t size);

/* What plugins need to know of a guest. */
enum guest_transfer {
    GUEST_NO_TRANSFER = 0,
    GUEST_CALL = 2,          /* of a function; PANDA_ON_CALL */
    GUEST_RETURN = 4,        /* of a function; PANDA_ON_RETURN */
    GUEST_SYSTEM_RETURN = 8, /* of what came from outside of the program, as
                                PANDA_ON_SYSTEM_RETURN has it */
};

struct guest_plugin {
    /* Length of an instruction, and whether a block ends with it: transfers
     * of control, taken or not, and a fixed list per guest. 0: too few bytes
     * (it straddles). */
    size_t (*insn)(uint64_t mode, const uint8_t *bytes, size_t size,
                   bool *ends_block);
    /* What kind of transfer an instruction is. NULL: it is not known. */
    enum guest_transfer (*transfer)(uint64_t mode, const uint8_t *bytes,
                                    size_t size);
    /* Brings the plugins' CPU struct up to date, with that pc, and returns
     * it. `cache` is cache_size bytes for the guest, at first zero. Looks for
     * changes by C code only when cpu->shown_current is 0, and sets it. */
    void *(*show)(struct cpu *cpu, uint64_t pc, void *cache);
    size_t cache_size;
    size_t shown_size; /* of that struct */
    /* What of it code of that mode has to do itself when cpu->shown_current
     * is 1, and a helper at its pc is called: records are put behind a unit's
     * last one. False: show() is to be called. NULL: always. */
    bool (*weave_show)(struct ir_unit *unit, uint64_t mode);
    /* Whether that depends on the slot. */
    bool (*weave_shows)(uint32_t slot);
    /* The struct before and after a plugin had it: tells of each register
     * that was written in it. For what cannot be written
     * there, the number is UINT32_MAX. */
    void (*compare)(const void *was, const void *is, guest_wrote *wrote,
                    void *opaque);
    /* Writes of registers, between steps; numbers are part of the log's
     * format. First: whether there is such a one and it may have the value. */
    bool (*may_poke)(const struct cpu *cpu, uint32_t number, const void *bytes,
                     size_t size);
    void (*poke)(struct cpu *cpu, uint32_t number, const void *bytes,
                 size_t size);
    uint32_t pc_number; /* of the pc, of the first control and the first debug
                           register, and of the model-specific ones */
    uint32_t control_number, debug_number, msr_number;
    uint64_t (*asid)(const struct cpu *cpu);
    bool (*in_kernel)(const struct cpu *cpu);
    /* Code of that mode has the least privilege. NULL: none has. */
    bool (*is_user)(uint64_t mode);
    uint64_t (*stack_pointer)(const struct cpu *cpu);
    uint64_t (*return_value)(const struct cpu *cpu);
    uint64_t (*code_base)(const struct cpu *cpu);
    uint32_t (*block_flags)(const struct cpu *cpu); /* as plugins know them */
};

struct guest {
    const char *name; /* "x86_64" */
    size_t cpu_size;  /* of the struct that begins with struct cpu */
    const struct guest_slot *slots;
    uint32_t n_slots;
    const struct guest_helper *helpers;
    uint32_t n_helpers;
    uint32_t mxcsr_slot; /* of floating-point ops; 0: there are none */
    uint32_t pc_slot;    /* of HELPER_AT_PC; 0: there are none */
    unsigned n_mmu;      /* MMU indexes in use */
    const struct guest_field *fields; /* all state but the common part */
    uint32_t n_fields;
    const struct guest_plugin *plugin; /* NULL: none can watch it */

    void (*reset)(struct cpu *cpu);
    uint64_t (*get_pc)(const struct cpu *cpu); /* linear */
    void (*set_pc)(struct cpu *cpu, uint64_t pc);

    /* All that decoding depends on besides the address. */
    uint64_t (*mode)(const struct cpu *cpu);
    unsigned (*mmu_index)(uint64_t mode);

    /*
     * Translates from `pc` at most max_insns instructions out of `bytes`,
     * which holds `size` bytes of the page from pc on (up to 15 more of the
     * next page when an instruction straddles: then next_bytes says how many
     * of them count). Returns the bytes translated, or 0 when the first
     * instruction needs bytes that are not there. An instruction with
     * HELPER_IO, or one marked in alone_map, comes only first and alone.
     */
    size_t (*translate)(struct ir_builder *b, uint64_t mode, uint64_t pc,
                        const uint8_t *bytes, size_t size, unsigned max_insns);

    /* Walks the tables: entries are read by mem_walk_read() and their bits
     * set by mem_walk_update(). False: the fault is noted in the CPU. A debug
     * walk (for plugins and monitors) sets no bits and notes nothing. */
    bool (*walk)(struct cpu *cpu, uint64_t address, enum mem_access access,
                 unsigned mmu_index, bool debug, struct walk_result *result);
    /* Notes in the CPU the fault of an access that MO_ALIGN16 forbids. */
    void (*note_misaligned)(struct cpu *cpu, uint64_t address,
                            enum mem_access access);
    /* Delivers the exception noted in the CPU. */
    void (*deliver_exception)(struct cpu *cpu);
    /* Hardware interrupts: would it be taken now, and take it. */
    bool (*accepts_interrupt)(const struct cpu *cpu);
    void (*deliver_interrupt)(struct cpu *cpu, unsigned vector);
    /* NMIs alike. These four may be NULL: the guest has no such thing. */
    bool (*accepts_nmi)(const struct cpu *cpu);
    void (*deliver_nmi)(struct cpu *cpu);
    /* Address line 20 passes or is held low; between steps. */
    void (*set_a20)(struct cpu *cpu, bool open);
    /* The interrupt controller changed the task priority. */
    void (*set_priority)(struct cpu *cpu, unsigned priority);

    /* Of the architectural state in canonical form, memory excepted. */
    uint64_t (*hash_registers)(const struct cpu *cpu);
    void (*print_registers)(const struct cpu *cpu, void *file);
    /* One instruction as text; `size` bytes are there. Returns how many it
     * has; 0: it is none, and the text is left alone. May be NULL. */
    size_t (*disassemble)(uint64_t mode, uint64_t pc, const uint8_t *bytes,
                          size_t size, char *text, size_t room);
    /* After the fields were set to a stranger's bytes: could a CPU be so? */
    bool (*is_sound)(const struct cpu *cpu);
    /* What a recording carries to be refused by another CPU: a line for each
     * property that software can see, file: FILE *. */
    void (*describe)(void *file);
};

#endif
