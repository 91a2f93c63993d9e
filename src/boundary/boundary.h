/*
 * The one boundary around CPU and RAM. It is implemented three times:
 *
 *     live    asks the devices
 *     record  asks live, and writes down what came in
 *     replay  reads what came in; there are no devices
 *
 * The run loop knows only this interface. Two rules:
 *
 *   B1  A read returns its value inside the instruction. Everything else
 *       that an outward call causes is queued, and poll() applies it in the
 *       order caused, before the next instruction.
 *   B2  Everything inward is one of enum inward and is applied to CPU and
 *       RAM by one function, inward_apply(), in all three modes alike.
 */
#ifndef BOUNDARY_BOUNDARY_H
#define BOUNDARY_BOUNDARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

/* What is read or written. The last three are only written: registers of
 * the CPU that have their other half outside, and a CPU that gave up. */
enum io_kind {
    BOUNDARY_PORT,
    BOUNDARY_MEMORY,
    BOUNDARY_CR8,       /* value: the task priority */
    BOUNDARY_APIC_BASE, /* value: of the model-specific register */
    BOUNDARY_SHUTDOWN,  /* address: the pc */
};

/* The whole inward vocabulary: see entries.def. */
enum inward {
#define INWARD(name, number, fields) INWARD_##name = number,
#include "boundary/entries.def"
#undef INWARD
};

enum deliver_kind { DELIVER_VECTOR, DELIVER_NMI, DELIVER_SMI, DELIVER_INIT };

/*
 * When a POKE or REGISTER takes effect at its count: before anything else, or
 * when plugins have been told of the instruction that is to come next.
 */
enum poke_moment { POKE_FIRST, POKE_TOLD };

/*
 * What plugins decide within a step: each is a value that the guest gets. The
 * log has those that are not what it would have got without them. Numbers are
 * part of the format.
 */
enum steer_what {
    STEER_MMIO_READ = 1,        /* the value read from a device */
    STEER_MMIO_WRITE = 2,       /* the value written to one */
    STEER_HYPERCALL = 3,        /* 1: the instruction is skipped */
    STEER_ASID = 4,             /* 1: the address space stays */
    STEER_UNASSIGNED_READ = 5,  /* the value read where nothing is */
    STEER_UNASSIGNED_WRITE = 6, /* 1: no error */
    STEER_EXCEPTION = 7,        /* the vector as 32 bits; negative: none */
    STEER_INTERRUPT = 8,        /* the vector */
};

#define INWARD_NO_BLOCK UINT32_MAX /* of MAP: nothing but I/O there */

struct inward_event {
    enum inward kind;
    uint32_t what;    /* block id, deliver kind, ... */
    uint64_t address; /* offset in a block, register, ... */
    uint64_t value;
    const void *bytes; /* borrowed for the call; NULL without payload */
    size_t size;       /* of the bytes, or of a read: 1, 2, 4, 8 */
};

enum poll_result {
    POLL_RUN,  /* step on until deadline() */
    POLL_STOP, /* end of recording, divergence, power-off: see the machine */
};

struct boundary {
    const struct boundary_ops *ops;
    struct machine *machine;
};

struct boundary_ops {
    const char *name; /* "live", "record", "replay" */

    /* Outward, from within an instruction that runs alone, or between
     * steps. */
    uint64_t (*read)(struct boundary *b, enum io_kind kind, uint64_t address,
                     unsigned size);
    void (*write)(struct boundary *b, enum io_kind kind, uint64_t address,
                  uint64_t value, unsigned size);

    /* Between steps: applies what is due at this count. While the CPU is
     * halted it also lets time pass, until the CPU runs or nothing can
     * ever wake it (then POLL_STOP). */
    enum poll_result (*poll)(struct boundary *b);
    /* The count at which poll() must be called again, exactly. */
    uint64_t (*deadline)(struct boundary *b);
    /* Between slices: host input, monitor. No guest can see when. */
    enum poll_result (*slice_end)(struct boundary *b);
    /* Between steps: a POKE or REGISTER takes effect. NULL: the log alone
     * decides what is written. */
    void (*poke)(struct boundary *b, const struct inward_event *event);
    /* What the guest gets; see machine_steered(). NULL: what is wanted. */
    uint64_t (*steer)(struct boundary *b, enum steer_what what, uint64_t plain,
                      uint64_t wanted);
    /* Plugins write what a recording has not, and may: from now on nothing is
     * compared. NULL: there is no recording to leave. */
    void (*leave)(struct boundary *b);
    void (*free)(struct boundary *b);
};

/* "READ", "WRITE", ...; NULL: no such kind. */
const char *inward_name(enum inward kind);

/* Applies one event to CPU and RAM. False: the CPU would not accept it
 * there (in a replay: a divergence); *message, to be freed, says why. */
bool inward_apply(struct machine *machine, const struct inward_event *event,
                  char **message);

#endif
