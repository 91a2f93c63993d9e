#ifndef OLD_GIVER_INT_FNS_H
#define OLD_GIVER_INT_FNS_H

uint32_t old_giver_things(OldThing things[], uint32_t n, CPUState *cpu);
target_ulong old_giver_kind(OldKind kind);

#endif
