/*
 * The first and only program of a Linux guest: a static 32-bit one, which
 * prints what it sees of compatibility mode and ends the run by a port.
 * tests/guest_linux.sh builds and runs it.
 */
#include <asm/ldt.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* -- System calls ---------------------------------------------------------- */

static long by_interrupt(long number, long a, long b, long c)
{
    long result;

    asm volatile("int $0x80"
                 : "=a"(result)
                 : "a"(number), "b"(a), "c"(b), "d"(c)
                 : "memory");
    return result;
}

static long by_vdso(void *entry, long number, long a, long b, long c)
{
    long result;

    asm volatile("call *%1"
                 : "=a"(result)
                 : "S"(entry), "a"(number), "b"(a), "c"(b), "d"(c)
                 : "memory");
    return result;
}

static void system_calls(void)
{
    unsigned long header = getauxval(AT_SYSINFO_EHDR);
    unsigned long entry = getauxval(AT_SYSINFO);
    long pid = getpid();

    printf("pid %ld, by int 80 %ld\n", pid, by_interrupt(SYS_getpid, 0, 0, 0));
    printf("vdso %s\n", header && !memcmp((void *)header, "\177ELF", 4)
                            ? "there"
                            : "missing");
    if (entry) {
        printf("by its entry %ld, bad call %ld\n",
               by_vdso((void *)entry, SYS_getpid, 0, 0, 0),
               by_vdso((void *)entry, SYS_close, 77, 0, 0));
    }
}

/* -- Signals --------------------------------------------------------------- */

static sigjmp_buf back;
static volatile uintptr_t fault_at;

static void handler(int number, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;

    printf("  signal %d code %d address %#lx trap %d error %#x\n", number,
           info->si_code,
           number == SIGSEGV || number == SIGBUS ? (long)info->si_addr : 0L,
           uc->uc_mcontext.gregs[REG_TRAPNO], uc->uc_mcontext.gregs[REG_ERR]);
    fault_at = (uintptr_t)uc->uc_mcontext.gregs[REG_EIP];
    siglongjmp(back, 1);
}

static void install(void)
{
    static const int numbers[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    for (unsigned i = 0; i < 5; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

#define FAULT(name, ...) \
    do { \
        printf("%s\n", name); \
        if (!sigsetjmp(back, 1)) { \
            __VA_ARGS__; \
            printf("  no signal\n"); \
        } \
    } while (0)

static void faults(void)
{
    volatile int zero = 0, one = 1;
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    FAULT("null", *(volatile int *)4 = 1);
    FAULT("null read", one = *(volatile int *)8);
    mprotect(page, 4096, PROT_READ);
    printf("protected\n");
    if (!sigsetjmp(back, 1)) {
        *(volatile char *)page = 1;
        printf("  no signal\n");
    }
    FAULT("division", one = one / zero);
    FAULT("ud2", asm volatile("ud2"));
    FAULT("int3", asm volatile("int3"));
    FAULT("int 1f", asm volatile("int $0x1f"));
    FAULT("cli", asm volatile("cli"));
    FAULT("into", asm volatile("movb $0x7f, %%al\n addb $1, %%al\n into"
                               :
                               :
                               : "eax"));
    FAULT("bound", {
        int bounds[2] = {1, 5};
        asm volatile("bound %0, %1" : : "r"(9), "m"(bounds));
    });
    FAULT("null fs", asm volatile("xor %%eax, %%eax\n mov %%eax, %%fs\n"
                                  "mov %%fs:0, %%eax"
                                  :
                                  :
                                  : "eax"));
    FAULT("code", ((void (*)(void))page)());
    FAULT("single step", asm volatile("pushf\n orl $0x100, (%%esp)\n popf\n"
                                      "nop\n nop"
                                      :
                                      :
                                      : "memory"));
    FAULT("alignment", asm volatile("pushf\n orl $0x40000, (%%esp)\n popf\n"
                                    "mov 1(%%esp), %%eax\n"
                                    :
                                    :
                                    : "eax"));
    asm volatile("pushf\n andl $~0x40000, (%%esp)\n popf" : : : "memory");
}

/* -- Segments of one's own ------------------------------------------------- */

static void segments(void)
{
    static char data[64] __attribute__((aligned(64)));
    struct user_desc d = {.entry_number = 3,
                          .base_addr = (unsigned)data,
                          .limit = 15,
                          .seg_32bit = 1};
    int selector = 3 << 3 | 7;
    volatile int got = 0;

    memcpy(data, "abcdefghijklmnopqrstuvwxyz", 26);
    if (syscall(SYS_modify_ldt, 1, &d, sizeof(d))) {
        printf("no LDT\n");
        return;
    }
    asm volatile("mov %1, %%es\n movzbl %%es:15, %0\n push %%ds\n pop %%es"
                 : "=r"(got)
                 : "r"(selector));
    printf("through the LDT: %c\n", got);
    FAULT("beyond its limit",
          asm volatile("mov %0, %%es\n movzbl %%es:16, %%eax"
                       :
                       : "r"(selector)
                       : "eax"));
    asm volatile("push %ds\n pop %es");
    FAULT("over its limit", asm volatile("mov %0, %%es\n movl %%es:13, %%eax"
                                         :
                                         : "r"(selector)
                                         : "eax"));
    asm volatile("push %ds\n pop %es");
    printf("thread's own: %d\n", ({
               static __thread int own = 42;
               own++;
               own;
           }));
}

/* -- Arithmetic ------------------------------------------------------------ */

static void arithmetic(void)
{
    long double x = 1;
    uint64_t big = 0x123456789abcdefull;
    double sum = 0;

    for (int i = 1; i < 30; i++) {
        x = x * 3 / 7 + i;
        sum += 1.0 / i;
        big = big * 6364136223846793005ull + (big >> 33) % 1000003u;
    }
    printf("x87 %.17Lg, double %.17g, 64 bits %016llx, sqrt %.17g\n", x, sum,
           (unsigned long long)big, sqrt(2 * sum));
}

static void processes(void)
{
    int fds[2], status;
    char text[32] = "";

    if (pipe(fds) == 0 && fork() == 0) {
        ssize_t n = write(fds[1], "from the child", 14);

        _exit(n == 14 ? 7 : 8);
    }
    wait(&status);
    if (read(fds[0], text, sizeof(text) - 1) < 0) {
        printf("no pipe\n");
    }
    printf("child: '%s', status %d\n", text, WEXITSTATUS(status));
}

int main(void)
{
    unsigned cs;

    asm("mov %%cs, %0" : "=r"(cs));
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("BEGIN\ncs %x\n", cs);
    system_calls();
    install();
    faults();
    segments();
    arithmetic();
    processes();
    printf("END\n");
    if (iopl(3) == 0) {
        outb(0x11, 0x501);
    }
    for (;;) {
        pause();
    }
}
