/*
 * A bare-metal guest whose calls are known: each function notes when it is
 * entered and left, and on which stack, and the notes are printed at the end.
 * There are recursion, calls by pointer, a tail call, a jump out of several
 * functions, large frames, three stacks that take turns, an exception within
 * functions, and code with privilege 3.
 */
#include "bare.h"

static struct note {
    char sign, stack;
    uint64_t function;
} notes[4000];
static unsigned n_notes;
static char stack = 'm';

#define NOTE(sign, function) \
    (notes[n_notes++] = (struct note){sign, stack, (uint64_t)(function)})
#define FUNCTION __attribute__((noipa, noinline)) static

/* -- Calls ----------------------------------------------------------------- */

FUNCTION void leaf(void)
{
    NOTE('+', leaf);
    NOTE('-', leaf);
}

FUNCTION uint64_t fibonacci(uint64_t n)
{
    uint64_t x = n;

    NOTE('+', fibonacci);
    if (n > 1) {
        x = fibonacci(n - 1) + fibonacci(n - 2);
    }
    leaf();
    NOTE('-', fibonacci);
    return x;
}

FUNCTION void by_pointer(void (*volatile function)(void))
{
    NOTE('+', by_pointer);
    function();
    function();
    NOTE('-', by_pointer);
}

/* Ends by a jump to leaf(), which returns for it: a plugin hears of one call
 * and one return, both of this. */
void tail(void);
asm("tail:\n call plain_leaf\n jmp plain_leaf");
void plain_leaf(void);
asm("plain_leaf:\n ret");

FUNCTION void deep(unsigned depth)
{
    NOTE('+', deep);
    if (depth) {
        deep(depth - 1);
    }
    NOTE('-', deep);
}

FUNCTION void large(unsigned depth)
{
    volatile char frame[12000];

    NOTE('+', large);
    frame[0] = 1;
    if (depth) {
        large(depth - 1);
    }
    leaf();
    frame[11999] = frame[0];
    NOTE('-', large);
}

/* -- Jumping out ----------------------------------------------------------- */

static void *place[5];

FUNCTION void jumps(unsigned depth)
{
    NOTE('+', jumps);
    if (!depth) {
        for (unsigned i = 0; i < 4; i++) {
            NOTE('-', jumps);
        }
        __builtin_longjmp(place, 1);
    }
    jumps(depth - 1);
    leaf();
}

FUNCTION void catches(void)
{
    NOTE('+', catches);
    leaf();
    if (!__builtin_setjmp(place)) {
        jumps(3);
    }
    leaf();
    NOTE('-', catches);
}

/* -- Stacks that take turns ------------------------------------------------ */

void switch_stack(uint64_t *from, uint64_t to);
asm("switch_stack:\n"
    "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
    "mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
    "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret");

static uint64_t saved[3], stacks[3][8192];

static void turn(unsigned from, unsigned to)
{
    stack = "mxy"[to];
    switch_stack(&saved[from], saved[to]);
}

FUNCTION void worker(unsigned me, unsigned depth)
{
    NOTE('+', worker);
    turn(me, me % 2 + 1); /* the other one */
    leaf();
    if (depth) {
        worker(me, depth - 1);
    }
    turn(me, 0);
    leaf();
    NOTE('-', worker);
}

static void first_x(void)
{
    worker(1, 3);
    turn(1, 2);
    turn(1, 0);
}

static void first_y(void)
{
    worker(2, 3);
    turn(2, 1);
    turn(2, 0);
}

FUNCTION void take_turns(void)
{
    NOTE('+', take_turns);
    saved[1] = (uint64_t)&stacks[1][8000];
    saved[2] = (uint64_t)&stacks[2][8000];
    stacks[1][8006] = (uint64_t)first_x;
    stacks[2][8006] = (uint64_t)first_y;
    for (unsigned i = 0; i < 8; i++) {
        leaf();
        turn(0, 1 + (i & 1));
    }
    NOTE('-', take_turns);
}

/* -- Exceptions, and another privilege ------------------------------------- */

void faults(void);
asm("faults:\n call plain_leaf\n ud2");
SNIPPET(calls_twice, "call user_leaf\n call user_leaf\n call faults");
void user_leaf(void);
asm("user_leaf:\n ret");

FUNCTION void snippets(unsigned cs)
{
    struct context c;

    NOTE('+', snippets);
    for (unsigned i = 0; i < 3; i++) {
        stack = 'i';
        NOTE('+', user_leaf);
        NOTE('-', user_leaf);
        NOTE('+', user_leaf);
        NOTE('-', user_leaf);
        stack = 'm';
        prepare(&c, calls_twice, cs);
        enter(&c);
        check(c.vector == 6, "it faults");
        leaf();
    }
    NOTE('-', snippets);
}

int main(void)
{
    fibonacci(7);
    by_pointer(leaf);
    NOTE('+', tail);
    NOTE('-', tail);
    tail();
    large(3);
    deep(20);
    catches();
    catches();
    take_turns();
    snippets(KERNEL_CS);
    snippets(USER_CS);
    leaf();
    for (unsigned i = 0; i < n_notes; i++) {
        print("%s %s %x\n", notes[i].sign == '+' ? "+" : "-",
              notes[i].stack == 'm'   ? "m"
              : notes[i].stack == 'x' ? "x"
              : notes[i].stack == 'y' ? "y"
                                      : "i",
              notes[i].function);
    }
    return 0;
}
