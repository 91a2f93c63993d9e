#include "exec/cpu.h"

_Noreturn void cpu_leave(struct cpu *cpu, enum cpu_leave why)
{
    longjmp(cpu->leave, why);
}
