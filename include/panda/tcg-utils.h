/*
 * Calls put before instructions of a block, by before_tcg_codegen: from then
 * on they come each time the instruction is about to run, as long as the block
 * is translated as it is, whatever becomes of that callback. What QEMU's
 * translator works with is not here: an op is a place for calls, and valid
 * until the callback returns.
 *
 * At the call, pc and count are those of insn_exec, which comes after it. What
 * runs at the block's start comes before.
 */
#ifndef PANDA_TCG_UTILS_H
#define PANDA_TCG_UTILS_H

#include "panda/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TCGOp TCGOp;

/* Before the first, the last instruction of the block that is translated, or
 * the one at that address. NULL: there is none; after a warning, when no block
 * is translated. */
TCGOp *find_first_guest_insn(void);
TCGOp *find_last_guest_insn(void);
TCGOp *find_guest_insn_by_addr(target_ulong addr);

/* Puts a call behind *after_op, which becomes that call. The value is passed
 * as it is now. NULL is warned of. */
void insert_call_1p(TCGOp **after_op, void (*func)(void *), void *val);

/* For insert_call() below. */
void panda_insert_call(TCGOp **after_op, void (*func)(void), unsigned n,
                       const uint64_t *args);
#define PANDA_INSERT_CALL_MAX 6

#ifdef __cplusplus
}

extern "C++" {
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

/* An argument as its parameter's type, in a register. */
template <typename P, typename A> struct panda_insert_argument {
    static const bool is_address = std::is_pointer<P>::value &&
                                   std::is_integral<A>::value;
    static_assert(std::is_pointer<P>::value || std::is_integral<P>::value ||
                      std::is_enum<P>::value,
                  "insert_call() passes integers and pointers");

    static uint64_t word(A argument, std::true_type)
    {
        return static_cast<uint64_t>(argument);
    }
    static uint64_t word(A argument, std::false_type)
    {
        return (uint64_t) static_cast<P>(argument);
    }
    static uint64_t word(A argument)
    {
        return word(argument, std::integral_constant<bool, is_address>());
    }
};

template <typename R, typename... P, typename... A>
void panda_insert_checked(TCGOp **after_op, R (*func)(P...), A... args)
{
    static_assert(std::is_void<R>::value,
                  "a function for insert_call() returns void");
    static_assert(sizeof...(A) == sizeof...(P) && sizeof...(A) >= 1 &&
                      sizeof...(A) <= PANDA_INSERT_CALL_MAX,
                  "insert_call() passes 1 to 6 arguments");
    const uint64_t words[] = {panda_insert_argument<P, A>::word(args)...};

    panda_insert_call(after_op, reinterpret_cast<void (*)(void)>(func),
                      sizeof...(A), words);
}

/* The same with one to six arguments. */
template <typename F, typename... A>
void insert_call(TCGOp **after_op, F *func, A... args)
{
    panda_insert_checked(after_op, func, args...);
}

/* A number out of a text: all of it, decimal or with 0x. Throws
 * std::invalid_argument or std::out_of_range. */
template <typename T> T try_parse(const std::string &text)
{
    static_assert(std::is_integral<T>::value, "try_parse() is for integers");
    bool negative = text.find('-') != std::string::npos;
    unsigned long long number;
    long long below;
    size_t end = 0;

    if (negative) {
        below = std::stoll(text, &end, 0);
        number = static_cast<unsigned long long>(below);
    } else {
        number = std::stoull(text, &end, 0);
        below = 0;
    }
    if (end != text.size() || (negative && !std::is_signed<T>::value)) {
        throw std::invalid_argument("try_parse: " + text);
    }
    if (negative ? below < static_cast<long long>(std::numeric_limits<T>::min())
                 : number > static_cast<unsigned long long>(
                                std::numeric_limits<T>::max())) {
        throw std::out_of_range("try_parse: " + text);
    }
    return static_cast<T>(number);
}
}
#endif

#endif
