/*
 * The PC's real-time clock (MC146818A and descendants) with its 128 bytes of
 * CMOS memory. The date is a base, given once, plus virtual time.
 */
#ifndef DEVICE_RTC_CMOS_H
#define DEVICE_RTC_CMOS_H

#include "device/device.h"

struct rtc_cmos {
    struct wire interrupt;
    struct clock *clock;
    struct timer timer;
    int64_t base;        /* the date, in seconds, at virtual time 0 */
    uint32_t phase;      /* ns by which its seconds run ahead of the clock's */
    int64_t seen_second; /* up to where flags are up to date */
    uint64_t seen_period;
    uint8_t weekday_shift; /* of the guest's weekday against the calendar's */
    uint8_t index;
    uint8_t output;   /* level of `interrupt` */
    uint8_t ram[128]; /* date registers are in use only while it stands */
};

/* seconds: of the date at virtual time 0, since 1970-01-01. Wires are set
 * after init. */
void rtc_cmos_init(struct rtc_cmos *rtc, struct clock *clock, int64_t seconds);
/* The machine's reset, which the battery lets date and memory survive: only
 * the interrupts are off afterwards. A new clock goes on where the old one
 * was. Wires are set after it. */
void rtc_cmos_reset(struct rtc_cmos *rtc, struct clock *clock);
bool rtc_cmos_attach(struct rtc_cmos *rtc, struct io_map *map);
/* For the board: memory sizes and the like, from 0x0e on. */
void rtc_cmos_set(struct rtc_cmos *rtc, unsigned index, uint8_t value);

extern const struct device_table rtc_cmos_table;

#endif
