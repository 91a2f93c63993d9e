/*
 * A bare-metal guest that reads and writes strings in known ways, and says
 * what is to be found: string, access, the function that does it, the one that
 * called that, how often, whether it lies in memory, and where at last.
 */
#include "bare.h"

#define FUNCTION __attribute__((noipa, noinline)) static

static char from[64] __attribute__((aligned(64)));
static const char twice[] = "needlneedle";
static char to[64] __attribute__((aligned(64)));

#define EXPECT(string, access, function, caller, count, in_memory, where) \
    print("expect %s %s " #function " " #caller " %u %u %x\n", string, access, \
          (uint64_t)(count), (uint64_t)(in_memory), (uint64_t)(where))

FUNCTION void copy(char *a, const char *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ((volatile char *)a)[i] = ((const volatile char *)b)[i];
    }
}

FUNCTION char read_one(const char *a)
{
    return *(const volatile char *)a;
}

FUNCTION uint64_t read_words(const char *a)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < 64; i += 8) {
        sum += *(const volatile uint64_t *)(a + i);
    }
    return sum;
}

FUNCTION uint64_t read_halves(const char *a)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < 64; i += 2) {
        sum += *(const volatile uint16_t *)(a + i);
    }
    return sum;
}

FUNCTION void write_same(volatile char *a, const char *text)
{
    for (unsigned i = 0; text[i]; i++) {
        *a = text[i];
    }
}

FUNCTION void fill(const char *text, unsigned at)
{
    for (unsigned i = 0; i < 64; i++) {
        ((volatile char *)from)[i] = '.';
    }
    for (unsigned i = 0; text[i]; i++) { /* 1 stands for 0 */
        ((volatile char *)from)[at + i] = text[i] == 1 ? 0 : text[i];
    }
}

FUNCTION void copies_thrice(void)
{
    for (unsigned i = 0; i < 3; i++) {
        copy(to, from, 20);
    }
}

FUNCTION void copies_twice(void)
{
    copy(to, from, 20);
    copy(to, from, 20);
}

/* Both read a byte at a time by the same instruction, in turns. */
FUNCTION void first_reader(unsigned i)
{
    read_one(&from[i]);
}

FUNCTION void second_reader(unsigned i)
{
    read_one(&from[63 - i]);
    read_one(&from[i]);
}

int main(void)
{
    fill("a needle in", 2);
    copies_thrice();
    copies_twice();
    EXPECT("needle", "read", copy, copies_thrice, 3, 1, &from[4]);
    EXPECT("needle", "write", copy, copies_thrice, 3, 1, &to[4]);
    EXPECT("needle", "read", copy, copies_twice, 2, 1, &from[4]);
    EXPECT("needle", "write", copy, copies_twice, 2, 1, &to[4]);

    for (unsigned i = 0; i < 16; i++) {
        first_reader(i);
        second_reader(i);
    }
    EXPECT("needle", "read", read_one, first_reader, 1, 1, &from[4]);
    EXPECT("needle", "read", read_one, second_reader, 1, 1, &from[4]);

    fill("aaab nneedle needlf", 0);
    for (unsigned i = 0; i < 30; i++) {
        first_reader(i);
    }
    EXPECT("aab", "read", read_one, first_reader, 1, 1, &from[1]);
    EXPECT("needle", "read", read_one, first_reader, 1, 1, &from[6]);

    fill("..... needle .. needle", 0);
    read_words(from);
    read_halves(from);
    EXPECT("needle", "read", read_words, main, 2, 1, &from[16]);
    EXPECT("needle", "read", read_halves, main, 2, 1, &from[16]);

    write_same(to, "aab");
    write_same(to, twice);
    EXPECT("aab", "write", write_same, main, 1, 0, to);
    EXPECT("needle", "write", write_same, main, 1, 0, to);
    EXPECT("needle", "read", write_same, main, 1, 1, &twice[5]);

    fill("NeEdLe", 1);
    read_words(from);
    EXPECT("(nocase)needle", "read", read_words, main, 1, 1, &from[1]);
    fill("n\1e\1e\1d\1l\1e\1", 3);
    read_halves(from);
    EXPECT("(utf16)needle", "read", read_halves, main, 1, 1, &from[3]);
    return 0;
}
