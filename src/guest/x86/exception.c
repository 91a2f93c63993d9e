/* Noting exceptions. */
#include "guest/x86/helpers.h"

void x86_note(struct cpu *cpu, enum x86_vector vector)
{
    x86_of(cpu)->exception = (struct x86_exception){.vector = (uint8_t)vector};
}

void x86_note_error(struct cpu *cpu, enum x86_vector vector, uint32_t error)
{
    x86_of(cpu)->exception = (struct x86_exception){
        .vector = (uint8_t)vector, .has_error = true, .error = error};
}

_Noreturn void x86_helper_exception(struct cpu *cpu, uint32_t vector)
{
    if (vector == X86_GP) {
        x86_note_error(cpu, X86_GP, 0);
    } else {
        x86_note(cpu, (enum x86_vector)vector);
    }
    cpu_leave(cpu, CPU_LEAVE_EXCEPTION);
}
