/*
 * Pages: permissions, accessed and dirty bits, reserved bits, large and global
 * pages, and tables that change under the feet of running code. All of it at
 * 1 GiB, by tables of its own.
 */
#include "bare.h"

#define BASE 0x40000000ul
static uint64_t *const directory = (uint64_t *)(POOL + 0x100000);
static uint64_t *const table = (uint64_t *)(POOL + 0x101000);
static uint64_t *const table2 = (uint64_t *)(POOL + 0x102000);

/* The virtual address of page n, and the physical page behind it. */
static uint8_t *at(unsigned n)
{
    return (uint8_t *)(BASE + 4096ul * n);
}

static void map(unsigned n, uint64_t flags)
{
    table[n] = (uint64_t)pool(n) | flags;
    invlpg(at(n));
}

static struct context c;

SNIPPET(load, "mov (%rdi), %eax");
SNIPPET(store, "movl $0xc3, (%rdi)");
SNIPPET(modify, "addl $0, (%rdi)");
SNIPPET(compare, "lock cmpxchg %ecx, (%rdi)");
SNIPPET(fetch, "call *%rdi");
SNIPPET(push, "lea 8(%rdi), %rsp\n push %rax");
SNIPPET(pop, "mov %rdi, %rsp\n pop %rax");
SNIPPET(scan, "scasb");
SNIPPET(vector_store, "movups %xmm0, (%rdi)");
SNIPPET(test_only, "testl $1, (%rdi)");
SNIPPET(invalidate, "invlpg (%rdi)");

/* Error code, or ff when there was no page fault. */
static uint64_t run(const char *snippet, unsigned cs, const void *where)
{
    prepare(&c, snippet, cs);
    c.r[RDI] = (uint64_t)where;
    enter(&c);
    return c.vector == 14            ? c.error
           : c.vector == DONE_VECTOR ? 0xff
                                     : c.vector + 256;
}

static void code_there(unsigned n)
{
    pool(n)[0] = 0xc3; /* ret */
}

/* -- Permissions ----------------------------------------------------------- */

static void permissions(bool wp)
{
    static const uint64_t bits[] = {P_W, P_U, P_NX};
    uint64_t cr0 = read_cr0();

    write_cr0(wp ? cr0 | 0x10000 : cr0 & ~0x10000ul);
    code_there(0);
    for (unsigned i = 0; i < 64; i++) {
        uint64_t upper = P_P | P_A, lower = P_P;

        for (unsigned k = 0; k < 3; k++) {
            upper |= i >> k & 1 ? bits[k] : 0;
            lower |= i >> (k + 3) & 1 ? bits[k] : 0;
        }
        directory[0] = (uint64_t)table | upper;
        map(0, lower);
        print("wp %u directory %s%s%s page %s%s%s: r %x w %x x %x "
              "user r %x w %x x %x\n",
              (uint64_t)wp, i & 1 ? "W" : "-", i & 2 ? "U" : "-",
              i & 4 ? "N" : "-", i & 8 ? "W" : "-", i & 16 ? "U" : "-",
              i & 32 ? "N" : "-", run(load, KERNEL_CS, at(0)),
              run(store, KERNEL_CS, at(0)), run(fetch, KERNEL_CS, at(0)),
              run(load, USER_CS, at(0)), run(store, USER_CS, at(0)),
              run(fetch, USER_CS, at(0)));
    }
    write_cr0(cr0);
    directory[0] = (uint64_t)table | P_P | P_W | P_U;
    flush();
}

/* -- Accessed and dirty ---------------------------------------------------- */

static void show_bits(const char *name)
{
    print("%s: bits %x %x %x", name, pointers[1] & 0x60, directory[0] & 0x60,
          table[0] & 0x60);
    if (c.vector == 14) {
        print(" error %x", c.error);
    }
    print("\n");
}

static void bits_of(const char *name, const char *snippet, uint64_t flags)
{
    code_there(0);
    pointers[1] &= ~0x60ull;
    directory[0] &= ~0x60ull;
    table[0] = (uint64_t)pool(0) | flags;
    flush();
    run(snippet, KERNEL_CS, at(0));
    show_bits(name);
}

static void accessed_and_dirty(void)
{
    const uint64_t all = P_P | P_W | P_U;

    bits_of("load", load, all);
    bits_of("store", store, all);
    bits_of("add", modify, all);
    bits_of("cmpxchg that fails", compare, all);
    bits_of("test", test_only, all);
    bits_of("fetch", fetch, all);
    bits_of("push", push, all);
    bits_of("pop", pop, all);
    bits_of("scasb", scan, all);
    bits_of("movups", vector_store, all);
    bits_of("invlpg", invalidate, all);
    bits_of("store, dirty", store, all | P_D);
    bits_of("load, dirty", load, all | P_D);
    bits_of("store, read-only", store, P_P | P_U);
    bits_of("add, read-only", modify, P_P | P_U);
    bits_of("fetch, NX", fetch, all | P_NX);
    bits_of("load, absent", load, 0);

    /* Loaded before, then stored to: the TLB knows the page. */
    bits_of("load first", load, all);
    run(store, KERNEL_CS, at(0));
    show_bits("then store");
    run(load, KERNEL_CS, at(0));
    table[0] &= ~P_D;
    invlpg(at(0));
    run(store, KERNEL_CS, at(0));
    show_bits("dirty cleared, flushed, stored");
    table[0] &= ~(P_A | P_D);
    invlpg(at(0));
    run(load, KERNEL_CS, at(0));
    show_bits("both cleared, flushed, loaded");
}

/* Without a flush a processor may or may not see it, and QEMU now this and now
 * that; here it always does. */
static void without_flush(void)
{
    const uint64_t all = P_P | P_W | P_U;

    bits_of("again: load", load, all);
    table[0] &= ~P_A;
    run(load, KERNEL_CS, at(0));
    show_bits("accessed cleared, not flushed, loaded");
    run(store, KERNEL_CS, at(0));
    table[0] &= ~(P_A | P_D);
    run(store, KERNEL_CS, at(0));
    show_bits("both cleared, not flushed, stored");
    table[0] &= ~P_D;
    run(load, KERNEL_CS, at(0));
    show_bits("dirty cleared, not flushed, loaded");
    directory[0] &= ~P_A;
    run(load, KERNEL_CS, at(0));
    show_bits("accessed cleared above, not flushed, loaded");
    code_there(0);
    run(fetch, KERNEL_CS, at(0));
    table[0] &= ~P_A;
    run(fetch, KERNEL_CS, at(0));
    show_bits("accessed cleared, not flushed, fetched");
    table[0] &= ~P_W;
    print("write protected, not flushed: %x\n", run(store, KERNEL_CS, at(0)));
    table[0] |= P_W;
    table[0] |= P_NX;
    print("NX, not flushed: %x\n", run(fetch, KERNEL_CS, at(0)));
    table[0] = 0;
    print("absent, not flushed: %x\n", run(load, KERNEL_CS, at(0)));
    table[0] = (uint64_t)pool(0) | all;
    print("there again: %x\n", run(load, KERNEL_CS, at(0)));
}

/* -- Reserved bits --------------------------------------------------------- */

static void reserved(void)
{
    static const unsigned bits[] = {7, 8, 12, 13, 20, 39, 40, 51, 52, 62, 63};
    uint64_t old;

    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        uint64_t bit = 1ull << bits[i], top, pointer, large, small;

        old = top_table[1] = pointers[1] | 7;
        top_table[1] = ((uint64_t)pointers | 7) | bit;
        pointers[0] |= 0; /* what is walked there is the first GiB again */
        top = bits[i] == 12 || bits[i] == 13 || bits[i] == 20 || bits[i] == 39
                  ? 0xee /* just an address */
                  : run(load, KERNEL_CS, (void *)0x8000100000ul);
        top_table[1] = 0;
        old = pointers[2];
        pointers[2] = ((uint64_t)directory | 7) | bit;
        pointer = bits[i] == 12 || bits[i] == 13 || bits[i] == 20 ||
                          bits[i] == 39
                      ? 0xee
                      : run(load, KERNEL_CS, (void *)0x80000000ul);
        pointers[2] = old;
        directory[3] = 0x1000000 | 7 | P_PS | bit;
        large = bits[i] == 39 || bits[i] == 7
                    ? 0xee
                    : run(load, KERNEL_CS, (void *)(BASE + 0x600000));
        directory[3] = 0;
        old = table[5];
        table[5] = (uint64_t)pool(5) | 7 | bit;
        small = bits[i] == 39 ? 0xee : run(load, KERNEL_CS, at(5));
        table[5] = old;
        flush();
        print("bit %u: top %x pointer %x large %x small %x\n",
              (uint64_t)bits[i], top, pointer, large, small);
    }
    /* Not present: nothing is reserved. */
    table[5] = 0xffffffffffffull << 1;
    invlpg(at(5));
    print("absent with all bits: %x\n", run(load, KERNEL_CS, at(5)));
    wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x800ull);
    map(5, 7 | P_NX);
    print("NX disabled: r %x x %x user w %x\n", run(load, KERNEL_CS, at(5)),
          run(fetch, KERNEL_CS, at(5)), run(store, USER_CS, at(5)));
    map(5, 7);
    code_there(5);
    print("NX disabled, absent: %x\n", run(fetch, KERNEL_CS, at(600)));
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x800);
}

/* -- Large and global ------------------------------------------------------ */

static void large(void)
{
    volatile uint32_t *word = (void *)(BASE + 0x200000);

    *(volatile uint32_t *)0x1000000 = 0x11;
    *(volatile uint32_t *)pool(7) = 0x77;
    directory[1] = 0x1000000 | 7 | P_PS;
    print("large: %x\n", (uint64_t)*word);
    print("large, loaded: %x\n", directory[1] & 0xfff);
    *word = 0x12;
    print("large, stored: %x %x\n", directory[1] & 0xfff,
          (uint64_t) * (volatile uint32_t *)0x1000000);
    /* Split it, then make it whole again. */
    table2[0] = (uint64_t)pool(7) | 7;
    directory[1] = (uint64_t)table2 | 7;
    invlpg((void *)word);
    print("split: %x %x\n", (uint64_t)*word, table2[0] & 0xfff);
    directory[1] = 0x1000000 | 7 | P_PS;
    invlpg((void *)word);
    print("whole: %x\n", (uint64_t)*word);
    /* One invlpg drops all of a large page. */
    (void)word[0x1000];
    directory[1] = 0x1200000 | 7 | P_PS;
    *(volatile uint32_t *)0x1204000 = 0x1234;
    invlpg((void *)word);
    print("moved: %x\n", (uint64_t)word[0x1000]);
    /* Read-only, above it and in it. */
    directory[1] = 0x1200000 | P_P | P_U | P_PS;
    invlpg((void *)word);
    print("read-only: %x\n", run(store, KERNEL_CS, (void *)word));
    directory[1] = 0;
    invlpg((void *)word);
}

static void global(void)
{
    volatile uint32_t *word = (void *)at(8);

    *(volatile uint32_t *)pool(8) = 0x88;
    *(volatile uint32_t *)pool(9) = 0x99;
    map(8, 7 | P_G);
    print("global: %x\n", (uint64_t)*word);
    table[8] = (uint64_t)pool(9) | 7 | P_G;
    invlpg((void *)word);
    print("after invlpg: %x\n", (uint64_t)*word);
    table[8] = (uint64_t)pool(8) | 7 | P_G;
    write_cr4(read_cr4() & ~0x80ul);
    write_cr4(read_cr4() | 0x80);
    print("after CR4.PGE: %x\n", (uint64_t)*word);
    if (on_qemu()) {
        return;
    }
    table[8] = (uint64_t)pool(9) | 7;
    flush();
    print("after CR3, not known to a processor: %x\n", (uint64_t)*word);
}

/* -- Changed under running code -------------------------------------------- */

/* In page 10 runs code that puts page 11 in its own place. */
SNIPPET(replace, "mov %rsi, (%rdi)\n invlpg (%rdx)\n mov $10, %ecx\n"
                 "mov $1, %r8d\n ret");
SNIPPET(replace_without, "mov %rsi, (%rdi)\n nop\n nop\n nop\n"
                         "mov $10, %ecx\n mov $1, %r8d\n ret");

static void under_code(const char *name, const char *code, const char *end)
{
    size_t size = (size_t)(end - code);

    memcpy(pool(10), code, size);
    memcpy(pool(11), code, size);
    pool(11)[size - 6] = 11; /* the lower half of a constant: see below */
    for (unsigned i = 0; i < size; i++) {
        if (pool(11)[i] == 0xb9 && pool(11)[i + 1] == 10) {
            pool(11)[i + 1] = 11;
        }
    }
    pool(11)[size - 6] = pool(10)[size - 6];
    map(10, 7);
    prepare(&c, fetch, KERNEL_CS);
    c.r[RDI] = (uint64_t)&table[10];
    c.r[RSI] = (uint64_t)pool(11) | 7;
    c.r[RDX] = (uint64_t)at(10);
    c.rip = (uint64_t)at(10);
    *(uint64_t *)(c.r[RSP] -= 8) = (uint64_t)fetch_end;
    enter(&c);
    print("%s: page %u\n", name, c.r[RCX]);
}

/* Writes an entry and uses what it maps in one run of instructions. */
static void write_and_use(void)
{
    uint64_t before, after;

    *(volatile uint64_t *)pool(12) = 12;
    *(volatile uint64_t *)pool(13) = 13;
    if (!on_qemu()) {
        map(12, 7);
        asm volatile("mov (%2), %0\n"
                     "mov %4, (%3)\n"
                     "mov (%2), %1\n"
                     : "=&r"(before), "=&r"(after)
                     : "r"(at(12)), "r"(&table[12]), "r"((uint64_t)pool(13) | 7)
                     : "memory");
        print("written and used: %u %u\n", before, after);
    }
    map(12, 7);
    asm volatile("mov (%2), %0\n"
                 "mov %4, (%3)\n"
                 "invlpg (%2)\n"
                 "mov (%2), %1\n"
                 : "=&r"(before), "=&r"(after)
                 : "r"(at(12)), "r"(&table[12]), "r"((uint64_t)pool(13) | 7)
                 : "memory");
    print("written, flushed and used: %u %u\n", before, after);
    /* From absent to present needs no flush at all. */
    table[12] = 0;
    invlpg(at(12));
    run(load, KERNEL_CS, at(12));
    table[12] = (uint64_t)pool(12) | 7;
    print("made present: %x %u\n", run(load, KERNEL_CS, at(12)), c.r[RAX]);
    /* A table whose page is also reached by another address. */
    map(14, 7);
    table[15] = (uint64_t)table | 7;
    invlpg(at(15));
    *(volatile uint64_t *)pool(14) = 14;
    before = *(volatile uint64_t *)at(14);
    ((volatile uint64_t *)at(15))[14] = (uint64_t)pool(13) | 7;
    invlpg(at(14));
    print("through another address: %u %u\n", before,
          *(volatile uint64_t *)at(14));
}

/* -- Two pages at once ----------------------------------------------------- */

SNIPPET(wide_load, "mov -4(%rdi), %rax");
SNIPPET(wide_store, "mov %rax, -4(%rdi)");
SNIPPET(wide_add, "add %rax, -4(%rdi)");
SNIPPET(wide_vector, "movups %xmm0, -8(%rdi)");
SNIPPET(wide_call, "mov %rdi, %rsp\n add $4, %rsp\n call .+5");
SNIPPET(wide_movs, "lea -2(%rdi), %rdi\n mov %rsp, %rsi\n movsl");

static void two(const char *name, const char *snippet, unsigned cs)
{
    uint64_t error;

    memset(pool(20) + 4080, 0x55, 16);
    memset(pool(21), 0x66, 16);
    table[20] &= ~0x60ull;
    table[21] &= ~0x60ull;
    flush();
    error = run(snippet, cs, at(21));
    print("%s: %x cr2 %x bytes %x %x bits %x %x\n", name, error,
          c.vector == 14 ? c.cr2 - BASE : 0,
          (uint64_t) * (uint32_t *)(pool(20) + 4092),
          (uint64_t) * (uint32_t *)pool(21), table[20] & 0x60,
          table[21] & 0x60);
}

static void straddling(void)
{
    static const uint64_t flags[][2] = {{7, 7}, {7, 0}, {0, 7}, {0, 0},
                                        {7, 5}, {5, 7}, {7, 3}, {3, 7}};

    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        print("pages %x %x\n", flags[i][0], flags[i][1]);
        map(20, flags[i][0]);
        map(21, flags[i][1]);
        two(" load", wide_load, USER_CS);
        two(" store", wide_store, USER_CS);
        two(" add", wide_add, USER_CS);
        two(" vector", wide_vector, USER_CS);
        two(" call", wide_call, USER_CS);
        two(" movs", wide_movs, USER_CS);
    }
    /* An instruction: mov $imm32, %eax with its last byte in page 21. */
    memcpy(pool(20) + 4092, "\xb8\x01\x02\x03\x04\xc3", 6);
    for (unsigned i = 0; i < 4; i++) {
        map(20, i & 1 ? 7 : 7);
        map(21, i == 0 ? 7 : i == 1 ? 0 : i == 2 ? 7 | P_NX : 3);
        prepare(&c, (char *)at(21) - 4, i == 3 ? USER_CS : KERNEL_CS);
        *(uint64_t *)(c.r[RSP] -= 8) = (uint64_t)load_end;
        show("code over the edge", &c, (char *)at(21) - 4);
    }
}

int main(void)
{
    pointers[1] = (uint64_t)directory | 7;
    directory[0] = (uint64_t)table | 7;
    flush();
    permissions(true);
    permissions(false);
    accessed_and_dirty();
    if (!on_qemu()) {
        without_flush();
    }
    reserved();
    large();
    global();
    under_code("replaced and flushed", replace, replace_end);
    if (!on_qemu()) {
        under_code("replaced", replace_without, replace_without_end);
    }
    write_and_use();
    straddling();
    return 0;
}
