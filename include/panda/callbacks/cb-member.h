/*
 * What a member of panda_cb is: in C a pointer to a function; in C++ a class
 * of one such pointer, which takes a function of today's prototype or of the
 * manual's, a captureless lambda of either, and null.
 *
 * The manual's prototypes are the rows below; C++ takes an int for any void,
 * too. They are called alike: each argument has a register of its own,
 * widened.
 */
#ifndef PANDA_CALLBACKS_CB_MEMBER_H
#define PANDA_CALLBACKS_CB_MEMBER_H

#include "panda/types.h"

/* -- The manual's ---------------------------------------------------------- */

#define PANDA_MANUAL_READ_ \
    ~, int, (CPUState *, target_ulong pc, target_ulong addr, target_ulong size)
#define PANDA_MANUAL_BUFFER_ \
    ~, int, \
        (CPUState *, target_ulong pc, target_ulong addr, target_ulong size, \
         void *buf)
#define PANDA_MANUAL_TRANSFER_ \
    ~, int, \
        (CPUState *, uint32_t type, uint64_t src_addr, uint64_t dest_addr, \
         uint32_t num_bytes)
#define PANDA_MANUAL_BLOCK_ ~, int, (CPUState *, TranslationBlock *)
#define PANDA_MANUAL_CPU_ ~, int, (CPUState *)
#define PANDA_MANUAL_before_block_translate \
    ~, int, (CPUState *, target_ulong pc)
#define PANDA_MANUAL_after_block_translate PANDA_MANUAL_BLOCK_
#define PANDA_MANUAL_before_block_exec PANDA_MANUAL_BLOCK_
#define PANDA_MANUAL_after_block_exec \
    ~, int, (CPUState *, TranslationBlock *, uint8_t exitCode)
#define PANDA_MANUAL_virt_mem_before_read PANDA_MANUAL_READ_
#define PANDA_MANUAL_virt_mem_before_write PANDA_MANUAL_BUFFER_
#define PANDA_MANUAL_phys_mem_before_read PANDA_MANUAL_READ_
#define PANDA_MANUAL_phys_mem_before_write PANDA_MANUAL_BUFFER_
#define PANDA_MANUAL_virt_mem_after_read PANDA_MANUAL_BUFFER_
#define PANDA_MANUAL_virt_mem_after_write PANDA_MANUAL_BUFFER_
#define PANDA_MANUAL_phys_mem_after_read PANDA_MANUAL_BUFFER_
#define PANDA_MANUAL_phys_mem_after_write PANDA_MANUAL_BUFFER_
#define PANDA_MANUAL_cpu_restore_state PANDA_MANUAL_BLOCK_
#define PANDA_MANUAL_asid_changed \
    ~, int, (CPUState *, target_ulong oldval, target_ulong newval)
#define PANDA_MANUAL_replay_hd_transfer PANDA_MANUAL_TRANSFER_
#define PANDA_MANUAL_replay_net_transfer PANDA_MANUAL_TRANSFER_
#define PANDA_MANUAL_replay_handle_packet \
    ~, int, \
        (CPUState *, uint8_t * buf, int size, uint8_t direction, \
         uint64_t buf_addr_rec)
#define PANDA_MANUAL_after_cpu_exec_enter PANDA_MANUAL_CPU_
#define PANDA_MANUAL_before_cpu_exec_exit ~, int, (CPUState *, bool ran_block)

/* Of a callback without a row. */
#ifdef __cplusplus
#define PANDA_MANUAL_RESULT_void int
#else
#define PANDA_MANUAL_RESULT_void void
#endif
#define PANDA_MANUAL_RESULT_int int
#define PANDA_MANUAL_RESULT_bool bool
#define PANDA_MANUAL_RESULT__Bool bool
#define PANDA_MANUAL_RESULT_int32_t int32_t

/* -- Either ---------------------------------------------------------------- */

/* Expands HOW(member, result, parameters) with the manual's: those of
 * PANDA_MANUAL_member if there is such a row, else today's. */
#define PANDA_CB_MANUAL_(HOW, member, result, parameters) \
    PANDA_CB_PROBE_(HOW, member, PANDA_MANUAL_##member, \
                    PANDA_MANUAL_RESULT_##result, parameters)
#define PANDA_CB_PROBE_(HOW, member, ...) \
    PANDA_CB_PICK_(HOW, member, __VA_ARGS__, ~)
#define PANDA_CB_PICK_(HOW, member, probed, result, parameters, ...) \
    HOW(member, result, parameters)

#define PANDA_CB_POINTER_(member, result, parameters) result(*member) parameters
#define PANDA_CB_TYPE_(member, result, parameters) result(*) parameters

#if defined(__cplusplus)

extern "C++" {

template <typename Today, typename Manual> struct panda_cb_member {
    struct none;
    typedef typename std::conditional<std::is_same<Today, Manual>::value,
                                      none *, Manual>::type Other;
    typedef void (*Any)(void);

    Today pointer;

    panda_cb_member() = default;
    panda_cb_member(decltype(nullptr)) : pointer(nullptr) {}
    /* Templates, so that null is no reason to hesitate. */
    template <int = 0> panda_cb_member(Today f) : pointer(f) {}
    template <int = 0, int = 0>
    panda_cb_member(Other f) : pointer(as_today(f, std::true_type()))
    {
    }
    template <typename F, typename = typename std::enable_if<
                              !std::is_integral<F>::value>::type>
    panda_cb_member(F f)
        : pointer(as_today(
              f, std::integral_constant<
                     bool, std::is_convertible<F, Today>::value ||
                               std::is_convertible<F, Manual>::value>()))
    {
        static_assert(std::is_convertible<F, Today>::value ||
                          std::is_convertible<F, Manual>::value,
                      "this callback has another prototype: see "
                      "panda/callbacks.def");
    }
    operator Today() const
    {
        return pointer;
    }

  private:
    template <typename F> static Today as_today(F f, std::true_type)
    {
        typedef typename std::conditional<std::is_convertible<F, Today>::value,
                                          Today, Manual>::type Given;

        return reinterpret_cast<Today>(
            reinterpret_cast<Any>(static_cast<Given>(f)));
    }
    template <typename F> static Today as_today(F, std::false_type)
    {
        return nullptr;
    }
};
}

#define PANDA_CB_MEMBER_(member, result, parameters) \
    panda_cb_member<PANDA_CB_TYPE_(member, result, parameters), \
                    PANDA_CB_MANUAL_(PANDA_CB_TYPE_, member, result, \
                                     parameters)> \
        member

#elif defined(PANDA_MANUAL_SIGNATURES)

#define PANDA_CB_MEMBER_(member, result, parameters) \
    PANDA_CB_MANUAL_(PANDA_CB_POINTER_, member, result, parameters)

#else

#define PANDA_CB_MEMBER_ PANDA_CB_POINTER_

#endif

#endif
