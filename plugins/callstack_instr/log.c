/* Call stacks for the messages that other plugins log. */
#include "panda/plog.h"
#include "panda/plugin.h"

#include "callstack_instr/callstack_instr_int_fns.h"

#define MAX_LOGGED 16

/* Packed by its own descriptor, so the caller's schema may be another. */
Panda__CallStack *pandalog_callstack_create(void)
{
    target_ulong callers[MAX_LOGGED];
    uint32_t n = first_cpu ? get_callers(callers, MAX_LOGGED, first_cpu) : 0;
    Panda__CallStack *stack = g_new(Panda__CallStack, 1);

    panda__call_stack__init(stack);
    stack->n_addr = n;
    stack->addr = g_new(uint64_t, n);
    for (uint32_t i = 0; i < n; i++) {
        stack->addr[i] = callers[i];
    }
    return stack;
}

void pandalog_callstack_free(Panda__CallStack *stack)
{
    if (stack) {
        g_free(stack->addr);
        g_free(stack);
    }
}
