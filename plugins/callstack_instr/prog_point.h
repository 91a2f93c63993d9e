/*
 * A point in the program: where it is, who called, and on which stack. In C
 * and C++.
 */
#ifndef CALLSTACK_INSTR_PROG_POINT_H
#define CALLSTACK_INSTR_PROG_POINT_H

#include "panda/plugin.h"

typedef enum stack_type {
    STACK_ASID = 0,  /* a stack an address space */
    STACK_HEURISTIC, /* and a range of the stack pointer */
    STACK_THREADED   /* a thread */
} stack_type;

/* The stack is named by what its kind needs: the asid; or the asid (0: the
 * kernel) and where the stack was first seen; or process and thread. */
typedef struct prog_point {
    target_ulong caller; /* the return address; 0: none is known */
    target_ulong pc;
    target_ulong sidFirst, sidSecond;
    bool isKernelMode;
    stack_type stackKind;
#ifdef __cplusplus
    bool operator<(const prog_point &other) const
    {
        return order(other) < 0;
    }
    bool operator==(const prog_point &other) const
    {
        return order(other) == 0;
    }

  private:
    static int order(target_ulong a, target_ulong b)
    {
        return a < b ? -1 : a > b;
    }
    int order(const prog_point &other) const
    {
        int by[] = {
            order(pc, other.pc),
            order(caller, other.caller),
            order(sidFirst, other.sidFirst),
            order(sidSecond, other.sidSecond),
            order(isKernelMode, other.isKernelMode),
            order((target_ulong)stackKind, (target_ulong)other.stackKind)};

        for (int one : by) {
            if (one) {
                return one;
            }
        }
        return 0;
    }
#endif
} prog_point;

/* Names the stack; to be freed (by free() or g_free()). NULL: no memory. */
static inline char *get_stackid_string(prog_point p)
{
    char text[128];

    if (p.stackKind == STACK_ASID) {
        snprintf(text, sizeof(text), "(asid=0x%" PRIx64 ")",
                 (uint64_t)p.sidFirst);
    } else if (p.stackKind == STACK_HEURISTIC) {
        snprintf(text, sizeof(text), "(asid=0x%" PRIx64 ", sp=0x%" PRIx64 ")",
                 (uint64_t)p.sidFirst, (uint64_t)p.sidSecond);
    } else {
        snprintf(text, sizeof(text),
                 "(processID=0x%" PRIx64 ", threadID=0x%" PRIx64
                 ", isKernelMode=%s)",
                 (uint64_t)p.sidFirst, (uint64_t)p.sidSecond,
                 p.isKernelMode ? "true" : "false");
    }
    return strdup(text);
}

#ifdef __cplusplus
extern "C++" {
#include <cstddef>
/* For unordered containers. */
struct hash_prog_point {
    size_t operator()(const prog_point &p) const
    {
        uint64_t hash = p.pc;

        hash = (hash ^ p.caller) * 0x9e3779b97f4a7c15ull;
        hash = (hash ^ hash >> 29 ^ p.sidFirst) * 0x9e3779b97f4a7c15ull;
        hash = (hash ^ hash >> 29 ^ p.sidSecond) * 0x9e3779b97f4a7c15ull;
        return (size_t)(hash ^ hash >> 32);
    }
};
}
#endif

#endif
