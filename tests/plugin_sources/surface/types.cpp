/*
 * Types, formats and the compiler's helpers: what holds at compile time, on
 * either target.
 *
 * > types: 00000000deadbeef -1 4294967295 00000000deadbeef 42
 * > types: 000000000000cafe 1000 10 7d0
 * > types: x86_64, 64 bits, pages of 4096
 * > types: 3412 78563412 efcdab9078563412
 * > types: 1 2 3 without 2
 */
#define __STDC_FORMAT_MACROS
#include "panda/plugin.h"
#include "panda/cheaders.h"
#include "panda/common.h"
#include "panda/debug.h"
#include "panda/rr/rr_api.h"
#include "panda/rr/rr_log.h"
#include "panda/types.h"
#include "qemu/bswap.h"
#include "qemu/compiler.h"
#include "qemu/host-utils.h"
#include "qemu/int128.h"
#include "qemu/osdep.h"
#include "qemu/queue.h"
#include "qemu/atomic.h"
#include "qemu/rcu.h"
#include "qemu/cutils.h"
#include "tcg/tcg.h"
#include "hw/hw.h"

extern "C" {
bool init_plugin(void *);
void uninit_plugin(void *);
}

#ifdef PLUGIN_MAIN /* the file of the plugin's name, by a Makefile */
#error "built by one line"
#endif
#ifndef TARGET_I386
#error "of both x86 targets"
#endif
#if defined(TARGET_ARM) || defined(TARGET_AARCH64) || defined(TARGET_PPC) || \
    defined(TARGET_MIPS) || defined(TARGET_MIPS64) || \
    defined(TARGET_WORDS_BIGENDIAN) || defined(CONFIG_LLVM) || \
    !defined(CONFIG_SOFTMMU)
#error "of neither"
#endif
#ifdef TARGET_X86_64
static_assert(sizeof(target_ulong) == 8 && TARGET_LONG_BITS == 64, "");
#else
static_assert(sizeof(target_ulong) == 4 && TARGET_LONG_BITS == 32, "");
#endif
static_assert(sizeof(target_long) == TARGET_LONG_SIZE, "");
static_assert(sizeof(target_ptr_t) == sizeof(target_ulong), "");
static_assert(sizeof(target_pid_t) == 4 && target_pid_t(-1) < 0, "");
static_assert(sizeof(hwaddr) == 8 && sizeof(vaddr) == 8, "");
static_assert(sizeof(target_phys_addr_t) == 8 && sizeof(Int128) == 16, "");
static_assert(sizeof(ram_addr_t) == sizeof(void *), "");
static_assert(sizeof(MemTxResult) == 4 && MEMTX_OK == 0 && MEMTX_ERROR == 1 &&
                  MEMTX_DECODE_ERROR == 2,
              "");
static_assert(RR_NOCHANGE == -1 && RR_OFF == 0 && RR_RECORD == 1 &&
                  RR_REPLAY == 2,
              "");
static_assert(HD_TRANSFER_RAM_TO_HD == Hd_transfer_type(5), "");
static_assert(R_EAX == 0 && R_ECX == 1 && R_EDX == 2 && R_EBX == 3 &&
                  R_ESP == 4 && R_EBP == 5 && R_ESI == 6 && R_EDI == 7,
              "");
static_assert(R_ES == 0 && R_CS == 1 && R_SS == 2 && R_DS == 3 && R_FS == 4 &&
                  R_GS == 5,
              "");
static_assert(TB_EXIT_IDX0 == 0 && TB_EXIT_IDX1 == 1 &&
                  TB_EXIT_ICOUNT_EXPIRED == 2 && TB_EXIT_REQUESTED == 3,
              "");
static_assert(EXCP_INTERRUPT == 0x10000 && EXCP_ATOMIC == 0x10005, "");
static_assert(PANDA_CB_LAST == 51, "");
static_assert(PANDA_CB_AFTER_VMLOAD == 40 && PANDA_CB_AFTER_LOADVM == 40, "");
static_assert(PANDA_CB_BEFORE_REPLAY_LOADVM == 26, "");

struct item {
    int number;
    QTAILQ_ENTRY(item) link;
};
QTAILQ_HEAD(item_list, item);

static void queue()
{
    item_list list;
    item items[3], *x, *next;

    QTAILQ_INIT(&list);
    assert(QTAILQ_EMPTY(&list));
    for (int i = 0; i < 3; i++) {
        items[i].number = i + 1;
        QTAILQ_INSERT_TAIL(&list, &items[i], link);
    }
    printf("types:");
    QTAILQ_FOREACH(x, &list, link)
    {
        printf(" %d", x->number);
    }
    QTAILQ_FOREACH_SAFE(x, &list, link, next)
    {
        if (x->number == 2) {
            QTAILQ_REMOVE(&list, x, link);
        }
    }
    printf(" without %d\n", QTAILQ_NEXT(QTAILQ_FIRST(&list), link)->number - 1);
}

bool init_plugin(void *)
{
    const target_ulong address = 0xdeadbeef;
    const MachineState *machine = nullptr;
    const MemoryRegion *region = nullptr;
    const Monitor *monitor = nullptr;
    RR_mode mode = RR_NOCHANGE;
    PandaOsFamily family = OS_UNKNOWN;
    int shared = 0;

    printf("types: " TARGET_FMT_lx " " TARGET_FMT_ld " " TARGET_FMT_lu
           " " TARGET_PTR_FMT " " TARGET_PID_FMT "\n",
           address, target_long(-1), target_ulong(0xffffffff), address, 42);
    printf("types: " TARGET_FMT_plx " %" HWADDR_PRIx " %" VADDR_PRIx
           " " RAM_ADDR_FMT "\n",
           hwaddr(0xcafe), hwaddr(0x1000), vaddr(0x10), ram_addr_t(2000));
    printf("types: %s, %d bits, pages of %u\n", TARGET_NAME, TARGET_LONG_BITS,
           unsigned(TARGET_PAGE_SIZE));
    assert((address & TARGET_PAGE_MASK) == 0xdeadb000 &&
           TARGET_PAGE_BITS == 12);
    printf("types: %x %x %" PRIx64 "\n", bswap16(0x1234), bswap32(0x12345678),
           bswap64(0x1234567890abcdef));
    assert(MIN(1, 2) == 1 && MAX(1, 2) == 2 && likely(true) &&
           !unlikely(false));
    assert(!machine && !region && !monitor && mode && !family);
    atomic_set(&shared, 3);
    assert(atomic_read(&shared) == 3 && !strcmp(HOST_DSOSUF, ".so"));
    rcu_read_lock();
    rcu_read_unlock();
    GArray *array = g_array_sized_new(false, false, sizeof(int), 4);
    g_array_append_val(array, shared);
    assert(g_array_index(array, int, 0) == 3);
    g_array_free(array, true);
    gchar *text = g_strdup_printf("%d", shared);
    g_free(text);
    queue();
    return true;
}

void uninit_plugin(void *) {}
