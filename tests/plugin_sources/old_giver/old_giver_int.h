/* As sources for PANDA have it. */
typedef void CPUState;
typedef void target_ulong;
typedef void OldThing;
typedef void OldKind;

#include "old_giver_int_fns.h"
