/*
 * A small made-up guest, its memory, and what the tests of the IR share.
 *
 * Memory is 256 bytes; an access that does not lie below FAULT_ADDRESS (after
 * the address is taken modulo 256) faults, and so does the helper `maybe`
 * when its argument is odd.
 */
#ifndef TESTS_IR_FAKE_H
#define TESTS_IR_FAKE_H

#include "exec/cpu.h"
#include "ir/build.h"
#include "ir/ir.h"
#include "mem/mem.h"

#define MEMORY 256u
#define FAULT_ADDRESS 192u

struct fake { /* slots of every size, two of them narrower than their type */
    uint64_t pc, r[4];
    uint32_t flags, half, mxcsr;
    uint16_t word;
    uint8_t byte;
    union ir_value v[2];
    uint8_t memory[MEMORY];
};

enum fake_slot {
    SLOT_R0,
    SLOT_R1,
    SLOT_R2,
    SLOT_R3,
    SLOT_FLAGS,
    SLOT_HALF,
    SLOT_WORD,
    SLOT_BYTE,
    SLOT_V0,
    SLOT_V1,
    SLOT_MXCSR,
    N_SLOTS
};
enum fake_helper {
    HELP_SUM,    /* pure: i64 of i64, i32, i64, i32 */
    HELP_MIX,    /* pure: v128 of v128, i64, i32, v128 */
    HELP_PEEK,   /* reads r1, r2 and byte */
    HELP_ROTATE, /* reads and writes r0..r3 */
    HELP_CLEAR,  /* writes r0, does not read */
    HELP_MAYBE,  /* faults when its argument is odd */
    HELP_TOUCH,  /* faults as well; writes r3 when not */
    N_HELPERS
};

struct outcome { /* all that can be seen of a run */
    struct fake state;
    uint64_t count, pc;
    int end; /* exit kind, or 100 + the reason it was left for */
};

extern const struct guest fake_guest;

void fake_run(const struct ir_unit *unit, uint64_t seed,
              struct outcome *outcome);
/* From a state that the caller has filled. */
void fake_run_from(const struct ir_unit *unit, const struct fake *state,
                   struct outcome *outcome);
bool outcome_equal(const struct outcome *x, const struct outcome *y);

char *text_of(const struct ir_unit *unit); /* to be freed */
bool verifies(const struct ir_unit *unit); /* prints the unit if not */
bool reparses(const struct ir_unit *unit);

/* Random numbers, the same for the same seed with every compiler, if no
 * expression draws two. */
void rnd_seed(uint64_t seed);
uint64_t rnd(void);
uint32_t below(uint32_t n);
uint64_t interesting(void); /* often near the limit of some width */

void expect(bool good, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void test_values(void);
void test_folds(void);
void test_runs(void);
void test_rules(void);
void test_text(void);
void test_random(uint64_t first, uint64_t n);

#endif
