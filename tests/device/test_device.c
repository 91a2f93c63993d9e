/* The devices of a PC, one by one against their data sheets, then all of
 * them against a guest that means harm. */
#include "rig.h"

#include <stdarg.h>
#include <stdio.h>

static int passed, failed;

bool expect(bool good, const char *format, ...)
{
    va_list arguments;

    printf("%s ", good ? "ok    " : "FAILED");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    good ? passed++ : failed++;
    return good;
}

bool equal(uint64_t got, uint64_t wanted, const char *what)
{
    if (got == wanted) {
        return expect(true, "%s", what);
    }
    return expect(false, "%s: 0x%llx, not 0x%llx", what,
                  (unsigned long long)got, (unsigned long long)wanted);
}

int main(void)
{
    test_clock();
    test_io_map();
    test_i8259();
    test_pit8254();
    test_calendar();
    test_rtc_cmos();
    test_uart16550();
    test_i8042();
    test_ports();
    test_acpi_pm();
    test_local_apic();
    test_apic_timer();
    test_io_apic();
    for (uint64_t seed = 1; seed <= 6; seed++) {
        test_hostile(seed, 20000);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
